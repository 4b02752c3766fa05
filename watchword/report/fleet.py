"""How does the fleet stand by what its events say? A fold of the last verdicts and errors, laid over the inventory: a
check that nobody ever ran is listed as never looked at, and an error that is newer than the verdict says that the last
look failed, with what was found before. Reading the streams is for others.
"""

import contextlib
import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from shared import subjects
from shared.accepted import exceptions_for, stamped
from shared.checks import ENGINES
from shared.configuration import Configuration
from shared.errors import NameRefused
from shared.events import AlertChanged, CheckResult
from shared.following import Stored
from shared.schedules import disabled_by, enabled_checks
from shared.targets import RESERVED_LABELS
from watchword.report import texts
from watchword.report.model import CheckState, Fixed, Past, Report, Status, TargetState, status_of
from watchword.report.stating import about_checks, found_of


@dataclass(slots=True)
class _Newest:
    verdict: tuple[int, CheckResult, dt.datetime] | None = None
    error: tuple[int, CheckResult, dt.datetime] | None = None


@dataclass(slots=True)
class Standings:
    """The last verdict and error of every check on every target. Feed it with CHECK_RESULTS, last per subject."""

    newest: dict[tuple[str, str, str], _Newest] = field(default_factory=dict)
    unreadable: int = 0
    """Messages that are no results; the publisher removes them."""

    def take(self, stored: Stored) -> None:
        """Take in one message."""
        try:
            subject = subjects.parse_result(stored.subject)
            result = CheckResult.model_validate_json(stored.data)
        except (NameRefused, ValidationError):
            self.unreadable += 1
            return
        one = self.newest.setdefault((subject.engine, subject.target, subject.check), _Newest())
        setattr(one, subject.kind, (stored.sequence, result, stored.stored_at))


@dataclass(slots=True)
class Endings:
    """Which weaknesses went away? Feed it with ALERT_EVENTS, from the beginning."""

    since: dt.datetime
    resolved: dict[str, AlertChanged] = field(default_factory=dict)
    """The last that went away since then, by the key of the finding."""
    first: dt.datetime | None = None
    """When the oldest event that is still there was stored."""

    def take(self, stored: Stored) -> None:
        """Take in one message."""
        self.first = self.first or stored.stored_at
        with contextlib.suppress(ValidationError):
            event = AlertChanged.model_validate_json(stored.data)
            if event.transition == "resolved" and event.at >= self.since:
                self.resolved[event.key] = event


def report_of(
    configuration: Configuration,
    standings: Standings,
    *,
    version: str,
    now: dt.datetime,
    past: Past | None = None,
    endings: Endings | None = None,
) -> Report:
    """Return the report. ``past`` says since when something counts as new."""
    since = past.since if past else None
    states: dict[tuple[str, str], dict[str, CheckState]] = {}
    other_labels: dict[tuple[str, str], Mapping[str, str]] = {}
    for (engine, target, check), newest in standings.newest.items():
        state = _state(configuration, engine, target, check, newest, now, since)
        if state is not None:
            states.setdefault((engine, target), {})[check] = state
            if newest.verdict is not None:
                other_labels.setdefault((engine, target), newest.verdict[1].labels or {})
    targets = [*_of_inventory(configuration, states), *_of_others(configuration, states, other_labels)]
    return Report(
        made_at=now,
        version=version,
        targets=tuple(sorted(targets, key=lambda target: (target.engine, target.name))),
        checks=about_checks(configuration.all_checks()),
        past=past,
        fixed=_fixed(configuration, endings, targets) if endings else (),
    )


def _state(
    configuration: Configuration,
    engine: str,
    target: str,
    check: str,
    newest: _Newest,
    now: dt.datetime,
    since: dt.datetime | None,
) -> CheckState | None:
    """Return how a check stands on a target; None when it was withdrawn."""
    verdict, error = newest.verdict, newest.error
    is_blind = error is not None and (verdict is None or error[0] > verdict[0])
    if verdict is not None and verdict[1].status == "withdrawn":
        if not is_blind:
            return None
        verdict = None
    last = error if is_blind else verdict
    if last is None:
        return None
    exceptions = exceptions_for(configuration, check, target)
    raw = verdict[1].findings if verdict is not None and verdict[1].status == "failed" else []
    findings = found_of(engine, target, check, [stamped(one, exceptions, now) for one in raw], now, since)
    if is_blind:
        status = Status.ERROR
    elif last[1].status == "skipped":
        status = Status.SKIPPED
    else:
        status = status_of(findings)
    return CheckState(
        engine=texts.line(engine),
        target=texts.line(target),
        check=texts.line(check),
        status=status,
        findings=findings,
        reason=texts.line(last[1].reason or ""),
        looked_at=last[1].started_at or last[2],
        duration_ms=last[1].duration_ms,
    )


def _of_inventory(
    configuration: Configuration, states: Mapping[tuple[str, str], Mapping[str, CheckState]]
) -> Iterator[TargetState]:
    for target in configuration.all_targets():
        known = dict(states.get((target.engine, target.name), {}))
        for check in enabled_checks(configuration, target):
            never = CheckState(target.engine, texts.line(target.name), check.name, Status.UNKNOWN)
            known.setdefault(check.name, never)
        switched_off = [
            check.name
            for check in configuration.all_checks()
            if check.engine == target.engine and disabled_by(configuration, check.name, target.name) is not None
        ]
        for name in switched_off:  # what it found will be withdrawn in a moment
            known.pop(name, None)
        yield TargetState(
            engine=target.engine,
            name=texts.line(target.name),
            address=texts.line(target.address),
            labels=texts.labels(target.labels),
            checks=tuple(state for _, state in sorted(known.items())),
            switched_off=tuple(switched_off),
        )


def _of_others(
    configuration: Configuration,
    states: Mapping[tuple[str, str], Mapping[str, CheckState]],
    labels: Mapping[tuple[str, str], Mapping[str, str]],
) -> Iterator[TargetState]:
    """Yield the targets that are in no inventory: those of other programs, and what was removed a moment ago."""
    for (engine, name), known in states.items():
        target = configuration.target(name)
        is_in_inventory = target is not None and target.engine == engine
        if is_in_inventory or (engine in ENGINES and configuration.is_target_removed(name)):
            continue
        checks = tuple(state for _, state in sorted(known.items()))
        their_labels = texts.labels(labels.get((engine, name), {}))
        yield TargetState(texts.line(engine), texts.line(name), labels=their_labels, checks=checks)


def _fixed(configuration: Configuration, endings: Endings, targets: list[TargetState]) -> tuple[Fixed, ...]:
    """Return what went away and was not merely removed, switched off or accepted: its check has looked again."""
    standing = {finding.key for target in targets for finding in target.findings}
    looked = {
        (state.engine, state.target, state.check)
        for target in targets
        for state in target.checks
        if state.status is not Status.UNKNOWN
    }
    found = []
    for key, event in endings.resolved.items():
        place = (texts.line(event.engine), texts.line(event.target), texts.line(event.check))
        if key in standing or place not in looked:
            continue
        target = configuration.target(event.target)
        others = RESERVED_LABELS | (target.labels.keys() if target else set())
        found.append(
            Fixed(
                engine=place[0],
                target=place[1],
                check=place[2],
                severity=event.severity,
                summary=texts.line(event.summary),
                labels=texts.labels({name: value for name, value in event.labels.items() if name not in others}),
                at=event.at,
                since=event.failing_since,
            )
        )
    return tuple(sorted(found, key=lambda one: (one.severity.rank, one.check, one.engine, one.target, one.at)))
