"""What does a report come to? Whether it is good enough for a script that asked, and where a person should begin."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from shared.severity import Severity
from watchword.report.model import AboutCheck, Found, Report, Status

Judgement = Literal["good", "failed", "could not look"]


def judged(report: Report, fail_on: Severity) -> Judgement:
    """Return what a script should make of a report. Who must not fail must not be blind either: a target that could
    not be looked at is not good.
    """
    if any(finding.is_open and finding.severity.rank <= fail_on.rank for finding in report.findings):
        return "failed"
    counts = report.counts()
    is_blind = not report.targets or counts[Status.ERROR] or counts[Status.UNKNOWN]
    return "could not look" if is_blind or any(not target.checks for target in report.targets) else "good"


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do: a check, and every place where it found something that nobody accepts."""

    check: AboutCheck
    severity: Severity
    findings: Sequence[Found]
    """The worst first."""

    @property
    def places(self) -> int:
        """Return on how many targets it is to be done."""
        return len({(finding.engine, finding.target) for finding in self.findings})


def tasks(report: Report) -> list[Task]:
    """Return what to do, with what to begin first: the worst severity, then what is to be done in most places."""
    by_check: dict[str, list[Found]] = {}
    for finding in report.findings:
        if finding.is_open:
            by_check.setdefault(finding.check, []).append(finding)
    found = [Task(about(report, findings[0]), findings[0].severity, tuple(findings)) for findings in by_check.values()]
    return sorted(found, key=lambda task: (task.severity.rank, -task.places, -len(task.findings), task.check.name))


def about(report: Report, finding: Found) -> AboutCheck:
    """Return what is known of the check that found something, if only from the finding itself."""
    return report.checks.get(finding.check) or AboutCheck(finding.check, finding.engine)
