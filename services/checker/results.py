"""From the outcome of a check to the event that is published, and what to do when its conditional write is refused.
Pure: the last verdict comes in, the new result goes out.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from pydantic import ValidationError

from services.checker.examine import Outcome
from services.checker.findings import findings_of, readable
from shared import subjects
from shared.accepted import exceptions_for, severity_here, stamped
from shared.configuration import Configuration
from shared.errors import NameRefused
from shared.events import CheckResult, Finding
from shared.following import Stored
from shared.targets import Target

LONGEST_REASON = 4000
MOST_PRINTED_LINES = 50


@dataclass(frozen=True, slots=True)
class Previous:
    """The last message of a verdict's subject; ``sequence`` 0 when there is none."""

    sequence: int = 0
    result: CheckResult | None = None

    @property
    def findings(self) -> list[Finding]:
        """Return what was found before; nothing when the last verdict was no failure or can't be read."""
        return self.result.findings if self.result and self.result.status == "failed" else []

    @property
    def run(self) -> tuple[int, int]:
        """Return the run that wrote it, comparable; (0, 0) for one that was no checker's."""
        try:
            return subjects.parse_sequence_id(self.result.run) if self.result and self.result.run else (0, 0)
        except NameRefused:
            return (0, 0)


def previous_of(stored: Stored | None) -> Previous:
    """Read a message of a verdict's subject. A broken one (unreadable, or about something else than its subject) still
    has its place, for the write must replace it, but no result.
    """
    if stored is None:
        return Previous()
    try:
        result = CheckResult.model_validate_json(stored.data)
        named = subjects.parse_result(stored.subject)
    except (ValidationError, NameRefused):
        return Previous(stored.sequence)
    is_about_it = (result.engine, result.target, result.check) == (named.engine, named.target, named.check)
    return Previous(stored.sequence, result if is_about_it else None)


@dataclass(frozen=True, slots=True)
class ResultsOfCheck:
    """What is published for one check: a verdict, an error, or both when some databases failed."""

    verdict: CheckResult | None
    error: CheckResult | None


def results_of(
    outcome: Outcome,
    target: Target,
    previous: Previous,
    configuration: Configuration,
    *,
    run: str,
    checker: str,
    started_at: dt.datetime,
    now: dt.datetime,
) -> ResultsOfCheck:
    """Return what to publish for one check. ``now`` is the ``failing_since`` of what was not seen before."""
    check = outcome.check
    common = {
        "target": target.name,
        "engine": check.engine,
        "check": check.name,
        "check_digest": check.digest,
        "run": run,
        "checker": checker,
        "started_at": started_at,
        "duration_ms": round(outcome.duration_ms, 3),
        "printed": [readable(line, 1000) for line in outcome.printed[:MOST_PRINTED_LINES]] or None,
    }
    severity = severity_here(configuration, check.name, target.name)
    exceptions = exceptions_for(configuration, check.name, target.name)
    findings = findings_of(check, target.name, outcome.found, previous.findings, now, severity, exceptions)
    reason = readable(outcome.reason, LONGEST_REASON) if outcome.reason else None
    if outcome.status == "error":
        error = CheckResult(status="error", reason=reason, **common)
        if not outcome.is_partial:
            return ResultsOfCheck(None, error)
        seen = {finding.key(check.engine, target.name, check.name) for finding in findings}
        unseen = [old for old in previous.findings if old.key(check.engine, target.name, check.name) not in seen]
        together = [*findings, *(stamped(old, exceptions, now) for old in unseen)]
        verdict = CheckResult(status="failed", findings=together, reason=reason, **common) if findings else None
        return ResultsOfCheck(verdict, error)
    return ResultsOfCheck(CheckResult(status=outcome.status, findings=findings, reason=reason, **common), None)


def after_refusal(last: Previous, run: str, *, is_wanted: bool, holds_lease: bool) -> Literal["drop", "write"]:
    """Decide about a verdict whose subject changed between reading and writing.

    A verdict of a higher run stays and the late one is dropped. Over a lower run or a ``withdrawn`` it is written
    again, if the lease still holds and target and check still exist.
    """
    if not (is_wanted and holds_lease):
        return "drop"
    if last.result is not None and last.result.status == "withdrawn":
        return "write"
    return "drop" if last.run >= subjects.parse_sequence_id(run) else "write"
