"""A report for people in a browser: one page that needs nothing but itself. It shows at a glance how bad it is and
where to begin, is read on a phone, in the dark and on paper, and is whole without its script. Everything is escaped by
the template engine, and the page's own policy lets a browser run and load nothing else than what it came with.
"""

import base64
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from shared.severity import Severity
from watchword.report import texts
from watchword.report.as_table import by_reason, in_words, known_past
from watchword.report.judgement import Task, tasks
from watchword.report.model import IN_WORDS, Report, Status, TargetState
from watchword.words import counted

MOST_PLACES = 200
"""Places of one check that the page lists; all of them are in the other formats."""
OPEN_TASKS = 3
"""Shown whole at once; the others unfold."""

HEADINGS: Mapping[Status, str] = {
    Status.FAILED: "failed",
    Status.ACCEPTED: "accepted",
    Status.ERROR: "could not look",
    Status.UNKNOWN: "never looked",
    Status.SKIPPED: "skipped",
    Status.PASSED: "passed",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table of counts."""

    name: str
    detail: str
    counts: Counter[Status]
    new: int = 0


@dataclass(frozen=True, slots=True)
class Unseen:
    """Checks without a verdict on one target, for one reason."""

    target: str
    checks: Sequence[str]
    reason: str


def render(report: Report) -> str:
    """Return the report as a page."""
    style, script = _own("page.css"), _own("page.js")
    counts = report.counts()
    found = tasks(report)
    return _template().render(
        report=report,
        style=style,
        script=script,
        policy=f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'; "
        "form-action 'none'",
        verdict=_verdict(report, found, counts),
        counts=counts,
        statuses=[status for status in Status if counts[status]],
        headings=HEADINGS,
        words=IN_WORDS,
        severities=_severities(report),
        tasks=found,
        open_tasks=OPEN_TASKS,
        most_places=MOST_PLACES,
        targets=_target_rows(report),
        checks=_check_rows(report),
        new=[finding for finding in report.findings if finding.is_new],
        accepted=[finding for finding in report.findings if not finding.is_open],
        unseen={status: _unseen(report, status) for status in (Status.ERROR, Status.UNKNOWN, Status.SKIPPED)},
        switched_off=[target for target in report.targets if target.switched_off],
        known_past=known_past(report),
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("watchword.report", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "moment": texts.moment,
        "labels": texts.labels_in_words,
        "accepted": in_words,
        "counted": counted,
        "is_link": _is_link,
    }
    return environment.get_template("page.html.j2")


@cache
def _own(name: str) -> str:
    return resources.files("watchword.report").joinpath("page", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _is_link(text: str) -> bool:
    return text.startswith(("https://", "http://")) and not any(character.isspace() for character in text)


def _verdict(report: Report, found: Sequence[Task], counts: Counter[Status]) -> tuple[str, str]:
    """Return the headline and how it is coloured."""
    if found:
        worst = found[0].severity
        number = sum(finding.severity is worst for task in found for finding in task.findings)
        return f"{number} {worst.value} {'finding' if number == 1 else 'findings'} to fix", worst.value
    blind = counts[Status.ERROR] + counts[Status.UNKNOWN]
    if blind or not counts:
        return f"{counted(blind, 'check')} could not look" if blind else "Nothing was looked at", "blind"
    if report.hidden or counts[Status.FAILED]:
        return "Nothing as severe as was asked for", "good"
    return "Nothing to fix", "good"


def _severities(report: Report) -> list[tuple[Severity, int]]:
    counts = Counter(finding.severity for finding in report.findings if finding.is_open)
    return [(severity, counts[severity]) for severity in Severity if counts[severity]]


def _target_rows(report: Report) -> list[Row]:
    rows = [_target_row(target) for target in report.targets]
    return sorted(rows, key=lambda row: (-row.counts[Status.FAILED], -row.counts[Status.ERROR], row.name))


def _target_row(target: TargetState) -> Row:
    about = [target.server or target.engine, target.address if target.address != target.name else ""]
    labels = texts.labels_in_words(target.labels)
    detail = " · ".join(filter(None, [*about, labels]))
    return Row(target.name, detail, target.counts(), sum(finding.is_new for finding in target.findings))


def _check_rows(report: Report) -> list[Row]:
    counts: dict[str, Counter[Status]] = {}
    new: Counter[str] = Counter()
    for state in report.states:
        counts.setdefault(state.check, Counter())[state.status] += 1
        new[state.check] += sum(finding.is_new for finding in state.findings)
    rows = [
        Row(name, report.checks[name].summary if name in report.checks else "", found, new[name])
        for name, found in counts.items()
    ]
    return sorted(rows, key=lambda row: (-row.counts[Status.FAILED], -row.counts[Status.ERROR], row.name))


def _unseen(report: Report, status: Status) -> list[Unseen]:
    return [
        Unseen(target.name, names, reason)
        for target in report.targets
        for reason, names in by_reason(state for state in target.checks if state.status is status)
    ]
