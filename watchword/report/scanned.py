"""From one look at a database, without any event, to what a report says of it. Pure."""

import datetime as dt
from collections.abc import Sequence

from services.checker.engines.protocol import Server
from services.checker.examine import Examination, Outcome
from services.checker.findings import findings_of
from shared.checks import Check
from shared.targets import Target
from watchword.report import texts
from watchword.report.model import CheckState, Report, Status, TargetState, status_of
from watchword.report.stating import about_checks, found_of


def target_state(target: Target, examination: Examination, now: dt.datetime) -> TargetState:
    """Return what one look at a target brought."""
    states = sorted((_state(target, outcome, now) for outcome in examination.outcomes), key=lambda state: state.check)
    return TargetState(
        engine=target.engine,
        name=texts.line(target.name),
        address=texts.line(target.address),
        server=_server(examination.server),
        checks=tuple(states),
    )


def scan_report(targets: Sequence[TargetState], checks: Sequence[Check], *, version: str, now: dt.datetime) -> Report:
    """Return the report of a scan."""
    return Report(made_at=now, version=version, targets=tuple(targets), checks=about_checks(checks))


def _state(target: Target, outcome: Outcome, now: dt.datetime) -> CheckState:
    check = outcome.check
    found = findings_of(check, target.name, outcome.found, [], now)
    # A single look knows nothing of how long it has been so.
    timeless = [finding.model_copy(update={"failing_since": None}) for finding in found]
    findings = found_of(target.engine, target.name, check.name, timeless, now, None)
    status = status_of(findings) if outcome.status in {"passed", "failed"} else Status(outcome.status)
    return CheckState(
        engine=target.engine,
        target=texts.line(target.name),
        check=check.name,
        status=status,
        findings=findings,
        reason=texts.line(outcome.reason or ""),
        looked_at=now,
        duration_ms=round(outcome.duration_ms, 3),
    )


def _server(server: Server | None) -> str:
    if server is None:
        return ""
    return texts.line(f"{server.flavour} {server.version}, {'over TLS' if server.is_encrypted else 'without TLS'}", 200)
