"""A report for people at a terminal: target by target what was found, the worst first, then what could not be looked
at, and at the end where to begin. Lines are made of parts with a style, so that a pipe gets the same words without
colours.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from shared.severity import Severity
from watchword.report import texts
from watchword.report.judgement import Task, tasks
from watchword.report.model import IN_WORDS, CheckState, Found, Report, Status, TargetState, worst_first
from watchword.words import counted

Part = tuple[str, str]
"""A piece of text and its style in Rich's words; empty for plain text."""
Line = tuple[Part, ...]

SEVERITY_WIDTH = max(len(severity) for severity in Severity)
MOST_TASKS = 3
MOST_REMEDIATION_LINES = 12
MOST_NAMES = 4

SEVERITY_STYLES = {
    Severity.EMERGENCY: "bold white on red",
    Severity.ALERT: "bold red",
    Severity.CRITICAL: "bold red",
    Severity.ERROR: "red",
    Severity.WARNING: "yellow",
    Severity.NOTICE: "cyan",
    Severity.INFO: "blue",
    Severity.DEBUG: "dim",
}
STATUS_STYLES = {
    Status.FAILED: "red",
    Status.ACCEPTED: "cyan",
    Status.ERROR: "yellow",
    Status.UNKNOWN: "yellow",
    Status.SKIPPED: "dim",
    Status.PASSED: "green",
}


def render(report: Report) -> str:
    """Return the report as plain text."""
    return "".join("".join(text for text, _ in line).rstrip() + "\n" for line in lines(report))


def lines(report: Report) -> Iterator[Line]:
    """Yield the report line by line."""
    for target in report.targets:
        yield from _target(target)
        yield ()
    if report.past is not None:
        yield from _past(report)
        yield ()
    yield from _begin_here(tasks(report))
    yield together(report)


def counts_in_words(counts: Counter[Status]) -> Line:
    """Return how many checks came to what: ``2 failed, 1 could not look, 25 passed``."""
    parts: list[Part] = []
    for status in Status:
        if counts[status]:
            parts += [(", ", "")] if parts else []
            parts.append((f"{counts[status]} {IN_WORDS[status]}", STATUS_STYLES[status]))
    return tuple(parts) or (("no checks", "yellow"),)


def _target(target: TargetState) -> Iterator[Line]:
    about = ", ".join(
        filter(None, [target.engine, target.address if target.address != target.name else "", target.server])
    )
    yield ((target.name, "bold"), (f"  {about}", "dim"))
    yield (("  ", ""), *counts_in_words(target.counts()))
    for finding in sorted(target.findings, key=worst_first):
        yield from _finding(finding)
    for status in (Status.ERROR, Status.UNKNOWN, Status.SKIPPED):
        yield from _without_verdict(status, [state for state in target.checks if state.status is status])
    if target.switched_off:
        yield _names("switched off", "dim", target.switched_off, "")


def _finding(finding: Found) -> Iterator[Line]:
    style = SEVERITY_STYLES[finding.severity] if finding.is_open else "dim"
    labels = texts.labels_in_words(finding.labels)
    yield (
        ("  ", ""),
        (finding.severity.value.ljust(SEVERITY_WIDTH), style),
        (f"  {finding.summary}", "" if finding.is_open else "dim"),
        (f" ({labels})" if labels else "", "dim"),
        (f"  {finding.check}", "dim"),
        ("  new" if finding.is_new else "", "magenta"),
    )
    if finding.accepted is not None:
        yield ((" " * (SEVERITY_WIDTH + 4), ""), (in_words(finding), "cyan"))


def in_words(finding: Found) -> str:
    """Return who accepts a finding until when; empty when nobody does."""
    accepted = finding.accepted
    if accepted is None:
        return ""
    by = f" by {accepted.by}" if accepted.by else ""
    return f"accepted until {texts.moment(accepted.until)}{by}" + (f": {accepted.reason}" if accepted.reason else "")


def _without_verdict(status: Status, states: Sequence[CheckState]) -> Iterator[Line]:
    """Yield one line for each reason: a server that is away is one thing to know, not one for each check."""
    for reason, names in by_reason(states):
        yield _names(IN_WORDS[status], STATUS_STYLES[status], names, reason)


def by_reason(states: Iterable[CheckState]) -> list[tuple[str, list[str]]]:
    """Return the reasons and, for each, the checks that it holds for; what holds for most comes first."""
    found: dict[str, list[str]] = {}
    for state in states:
        found.setdefault(state.reason, []).append(state.check)
    return sorted(found.items(), key=lambda pair: (-len(pair[1]), pair[0]))


def _names(word: str, style: str, names: Sequence[str], reason: str) -> Line:
    shown = ", ".join(names) if len(names) <= MOST_NAMES else counted(len(names), "check")
    return (("  ", ""), (word, style), (f"  {shown}", ""), (f": {reason}" if reason else "", "dim"))


def _past(report: Report) -> Iterator[Line]:
    past = report.past
    assert past is not None
    new = [finding for finding in report.findings if finding.is_new]
    yield (
        (f"Since {texts.moment(past.since)}: ", "bold"),
        (f"{len(new)} new", "magenta" if new else ""),
        (", ", ""),
        (f"{len(report.fixed)} fixed", "green" if report.fixed else ""),
    )
    for fixed in report.fixed:
        labels = texts.labels_in_words(fixed.labels)
        yield (
            ("  fixed  ", "green"),
            (f"{fixed.target}: {fixed.summary}", ""),
            (f" ({labels})" if labels else "", "dim"),
            (f"  {fixed.check}, {texts.moment(fixed.at)}", "dim"),
        )
    yield (("  ", ""), (known_past(report), "dim"))


def known_past(report: Report) -> str:
    """Return how far back the past is known, when the report speaks of it."""
    past = report.past
    if past is None:
        return ""
    if past.known_from is None:
        return "What was fixed is not known: there are no events of alerts."
    if past.known_from > past.since:
        return f"What was fixed before {texts.moment(past.known_from)} is not known any more."
    return "Everything that was fixed in this time is known."


def _begin_here(found: Sequence[Task]) -> Iterator[Line]:
    if not found:
        return
    yield (("Begin here", "bold underline"),)
    for number, task in enumerate(found[:MOST_TASKS], 1):
        first = task.findings[0]
        where = first.target if task.places == 1 else counted(task.places, "target")
        more = f", {counted(len(task.findings), 'finding')}" if len(task.findings) > 1 else ""
        yield (
            (f"  {number}. ", ""),
            (task.severity.value, SEVERITY_STYLES[task.severity]),
            (f"  {task.check.summary or first.summary}", ""),
            (f"  ({where}{more})", "dim"),
        )
        yield from _remediation(first.remediation or task.check.remediation)
    if len(found) > MOST_TASKS:
        yield ((f"  … and {counted(len(found) - MOST_TASKS, 'thing')} more to do", "dim"),)
    yield ()


def _remediation(text: str) -> Iterator[Line]:
    shown = text.strip("\n").splitlines()
    for line in shown[:MOST_REMEDIATION_LINES]:
        yield ((f"       {line}", "dim" if line.lstrip().startswith(("--", "//", "#")) else "green"),)
    if len(shown) > MOST_REMEDIATION_LINES:
        yield ((f"       … {counted(len(shown) - MOST_REMEDIATION_LINES, 'line')} more", "dim"),)


def together(report: Report) -> Line:
    """Return the whole report in one line."""
    hidden = f"; {counted(report.hidden, 'finding')} less severe not shown" if report.hidden else ""
    count = sum(len(target.checks) for target in report.targets)
    return (
        (f"{counted(len(report.targets), 'target')}, {counted(count, 'check')}: ", "bold"),
        *counts_in_words(report.counts()),
        (hidden, "dim"),
    )
