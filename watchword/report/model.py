"""How does the fleet stand? One picture of it, as plain values: targets, what every check came to on each, what was
found, what is accepted, what was fixed. Every format is written from this and from nothing else, so they all tell the
same. Pure: whoever gathers it brings the time.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fnmatch import fnmatchcase

from shared.severity import Severity


class Status(StrEnum):
    """What one check came to on one target. Only ``PASSED`` says that there is nothing to do."""

    FAILED = "failed"
    ACCEPTED = "accepted"
    """It found something, and somebody accepts all of it for now."""
    ERROR = "error"
    """The last look failed; what was found before still stands."""
    UNKNOWN = "unknown"
    """Nobody ever looked."""
    SKIPPED = "skipped"
    """It does not apply here."""
    PASSED = "passed"


IN_WORDS: Mapping[Status, str] = {
    Status.FAILED: "failed",
    Status.ACCEPTED: "failed, and accepted",
    Status.ERROR: "could not look",
    Status.UNKNOWN: "never looked at",
    Status.SKIPPED: "skipped",
    Status.PASSED: "passed",
}


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Who accepts something until when, and why."""

    until: dt.datetime
    by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """One weakness in one place."""

    key: str
    """The same for the same weakness in the same place, from report to report."""
    engine: str
    target: str
    check: str
    severity: Severity
    summary: str
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    remediation: str = ""
    read_more_url: str = ""
    since: dt.datetime | None = None
    is_new: bool = False
    """It was first seen after the time that the report looks back to."""
    accepted: Acceptance | None = None

    @property
    def is_open(self) -> bool:
        """Say whether nobody accepts it."""
        return self.accepted is None


@dataclass(frozen=True, slots=True)
class CheckState:
    """One check on one target."""

    engine: str
    target: str
    check: str
    status: Status
    findings: tuple[Found, ...] = ()
    reason: str = ""
    """Why it was skipped, or could not look."""
    looked_at: dt.datetime | None = None
    duration_ms: float | None = None


@dataclass(frozen=True, slots=True)
class TargetState:
    """One target and all its checks, by name."""

    engine: str
    name: str
    address: str = ""
    server: str = ""
    """What answered there, as far as it is known: ``postgresql 18.1, without TLS``."""
    labels: Mapping[str, str] = field(default_factory=dict)
    checks: tuple[CheckState, ...] = ()
    switched_off: tuple[str, ...] = ()
    """The checks that somebody switched off here."""

    @property
    def findings(self) -> Iterator[Found]:
        """Yield everything that was found here."""
        for state in self.checks:
            yield from state.findings

    def counts(self) -> Counter[Status]:
        """Count the checks by what they came to."""
        return Counter(state.status for state in self.checks)


@dataclass(frozen=True, slots=True)
class AboutCheck:
    """What is known of a check itself."""

    name: str
    engine: str
    summary: str = ""
    description: str = ""
    category: str = ""
    subcategory: str = ""
    remediation: str = ""
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fixed:
    """A weakness that was there and is not any more."""

    engine: str
    target: str
    check: str
    severity: Severity
    summary: str
    labels: Mapping[str, str]
    at: dt.datetime
    since: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """What is said of the time before: since when, and how far back that is known."""

    since: dt.datetime
    known_from: dt.datetime | None = None
    """What was fixed before this is not known any more; None when nothing is known of the past."""


@dataclass(frozen=True, slots=True)
class Report:
    """The state of a fleet at one moment."""

    made_at: dt.datetime
    version: str
    targets: tuple[TargetState, ...] = ()
    checks: Mapping[str, AboutCheck] = field(default_factory=dict)
    past: Past | None = None
    fixed: tuple[Fixed, ...] = ()
    hidden: int = 0
    """Findings that are left out for they are less severe than was asked for."""

    @property
    def findings(self) -> list[Found]:
        """Return everything that was found, what is open and worst first."""
        found = (finding for target in self.targets for finding in target.findings)
        return sorted(found, key=worst_first)

    @property
    def states(self) -> Iterator[CheckState]:
        """Yield every check on every target."""
        for target in self.targets:
            yield from target.checks

    def counts(self) -> Counter[Status]:
        """Count the checks of all targets by what they came to."""
        return Counter(state.status for state in self.states)

    def on(self, targets: Sequence[str], checks: Sequence[str]) -> "Report":
        """Return the report on some targets and checks: names or globs, all when there are none."""
        chosen = tuple(
            replace(target, checks=tuple(state for state in target.checks if _is_meant(state.check, checks)))
            for target in self.targets
            if _is_meant(target.name, targets)
        )
        fixed = (one for one in self.fixed if _is_meant(one.target, targets) and _is_meant(one.check, checks))
        return replace(self, targets=chosen, fixed=tuple(fixed))

    def only(self, least: Severity) -> "Report":
        """Return the report without the findings that are less severe. A check that failed stays one that failed."""
        targets = tuple(
            replace(target, checks=tuple(replace(state, findings=_severe(state, least)) for state in target.checks))
            for target in self.targets
        )
        shown = replace(self, targets=targets)
        return replace(shown, hidden=self.hidden + len(self.findings) - len(shown.findings))


def _is_meant(name: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)


def _severe(state: CheckState, least: Severity) -> tuple[Found, ...]:
    return tuple(finding for finding in state.findings if finding.severity.rank <= least.rank)


def worst_first(finding: Found) -> tuple[bool, int, str, str, str, list[tuple[str, str]]]:
    """Return where a finding stands: open before accepted, then by severity, then by names so that it is stable."""
    return (
        finding.accepted is not None,
        finding.severity.rank,
        finding.check,
        finding.engine,
        finding.target,
        sorted(finding.labels.items()),
    )


def status_of(findings: tuple[Found, ...]) -> Status:
    """Return what a check that found this came to."""
    if not findings:
        return Status.PASSED
    return Status.FAILED if any(finding.is_open for finding in findings) else Status.ACCEPTED
