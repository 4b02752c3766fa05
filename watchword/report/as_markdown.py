"""A report for pull requests, tickets and chats: GitHub's Markdown. What comes from databases is escaped, so that no
name makes a heading, a link, a mention of somebody, or HTML.
"""

import re
from collections.abc import Iterator, Sequence

from watchword.report.as_table import by_reason, in_words, known_past
from watchword.report.judgement import Task, tasks
from watchword.report.model import IN_WORDS, Report, Status
from watchword.report.texts import labels_in_words, moment
from watchword.words import counted

MOST_PLACES = 10

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~$>-])")
_NO_NAMES = 6


def render(report: Report) -> str:
    """Return the report as Markdown."""
    return "\n".join(_lines(report)).rstrip("\n") + "\n"


def escaped(text: str) -> str:
    """Return a text that means nothing to Markdown."""
    harmless = text.replace("&", "&amp;").replace("<", "&lt;")
    harmless = _SPECIAL.sub(r"\\\1", harmless)
    # A comment between them keeps what follows from becoming a mention or a link.
    return harmless.replace("@", "@<!-- -->").replace("://", ":<!-- -->//").replace("www.", "www<!-- -->.")


def code(text: str) -> str:
    """Return a text as code within a line."""
    if not text:
        return ""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {text} {fence}" if longest else f"`{text}`"


def _code_in_cell(text: str) -> str:
    return code(text).replace("|", "\\|")


def block(text: str) -> list[str]:
    """Return a text as a block of code."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [fence, *text.rstrip("\n").splitlines(), fence]


def _lines(report: Report) -> Iterator[str]:
    counts = report.counts()
    told = ", ".join(f"{counts[status]} {IN_WORDS[status]}" for status in Status if counts[status]) or "no checks"
    yield f"## Watchword: {counted(len(report.targets), 'target')}, {told}"
    yield ""
    yield f"As of {moment(report.made_at)}."
    yield ""
    yield from _table(
        ("target", "engine", *(IN_WORDS[status] for status in Status)),
        [
            (
                escaped(target.name),
                escaped(target.server or target.engine),
                *(str(target.counts()[status] or "") for status in Status),
            )
            for target in report.targets
        ],
    )
    found = tasks(report)
    if found:
        yield "### Begin here"
        yield ""
        for number, task in enumerate(found, 1):
            yield from _task(number, task)
    yield from _accepted(report)
    yield from _past(report)
    for status in (Status.ERROR, Status.UNKNOWN, Status.SKIPPED):
        yield from _without_verdict(report, status)
    if report.hidden:
        yield f"{counted(report.hidden, 'finding')} less severe not shown."


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(headings)} |"
    yield f"|{' --- |' * len(headings)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _task(number: int, task: Task) -> Iterator[str]:
    first = task.findings[0]
    title = escaped(task.check.summary or first.summary)
    yield f"{number}. **{task.severity.value}**: {title} ({code(task.check.name)})"
    yield ""
    for finding in task.findings[:MOST_PLACES]:
        labels = labels_in_words(finding.labels)
        new = " **new**" if finding.is_new else ""
        yield f"   - {escaped(finding.target)}: {escaped(finding.summary)} {code(labels)}".rstrip() + new
    if len(task.findings) > MOST_PLACES:
        yield f"   - … and {counted(len(task.findings) - MOST_PLACES, 'finding')} more"
    yield ""
    remediation = first.remediation or task.check.remediation
    if remediation:
        yield from (f"   {line}" for line in block(remediation))
        yield ""


def _accepted(report: Report) -> Iterator[str]:
    found = [finding for finding in report.findings if not finding.is_open]
    if not found:
        return
    yield "### Accepted for now"
    yield ""
    yield from _table(
        ("severity", "target", "finding", "accepted"),
        [
            (
                finding.severity.value,
                escaped(finding.target),
                f"{escaped(finding.summary)} {_code_in_cell(labels_in_words(finding.labels))}".rstrip(),
                escaped(in_words(finding).removeprefix("accepted ")),
            )
            for finding in found
        ],
    )


def _past(report: Report) -> Iterator[str]:
    if report.past is None:
        return
    new = sum(finding.is_new for finding in report.findings)
    yield f"### Since {moment(report.past.since)}: {new} new, {len(report.fixed)} fixed"
    yield ""
    for fixed in report.fixed:
        labels = code(labels_in_words(fixed.labels))
        yield f"- fixed: {escaped(fixed.target)}: {escaped(fixed.summary)} {labels}".rstrip()
    yield ""
    yield known_past(report)
    yield ""


def _without_verdict(report: Report, status: Status) -> Iterator[str]:
    chosen = [
        (target.name, reason, names)
        for target in report.targets
        for reason, names in by_reason(state for state in target.checks if state.status is status)
    ]
    if not chosen:
        return
    yield f"### {IN_WORDS[status].capitalize()}"
    yield ""
    for name, reason, names in chosen:
        shown = ", ".join(code(one) for one in names) if len(names) <= _NO_NAMES else counted(len(names), "check")
        yield f"- {escaped(name)}: {shown}" + (f": {escaped(reason)}" if reason else "")
    yield ""
