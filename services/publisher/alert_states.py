"""What is the newest state of each alert? Firing, or resolved a while ago: a resolved one is remembered for as long as
it is sent again. Each change gets a version that only grows, so that whoever sent an older one knows. Why an alert
fires or ends is for the ledger.
"""

import datetime as dt
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from services.publisher.alerts import Alert
from shared.subjects import ResultSubject


@dataclass(slots=True)
class AlertState:
    """What is known of one alert."""

    alert: Alert
    subject: ResultSubject
    is_firing: bool
    starts_at: dt.datetime
    version: int
    changed_at: dt.datetime


class Turn(NamedTuple):
    """What happened to one alert, and why."""

    fingerprint: str
    what: Literal["fires", "changed", "resolved"]
    reason: str


class AlertStates:
    """The state of every alert, by its fingerprint."""

    def __init__(self) -> None:
        self._states: dict[str, AlertState] = {}
        self._resolved: deque[tuple[dt.datetime, str, int]] = deque()
        self._version = 0
        self._firing = 0

    def __getitem__(self, fingerprint: str) -> AlertState:
        return self._states[fingerprint]

    def get(self, fingerprint: str) -> AlertState | None:
        """Return the state of an alert, or None when it neither fires nor was resolved lately."""
        return self._states.get(fingerprint)

    def firing(self) -> Iterator[AlertState]:
        """Return the alerts that fire."""
        return (state for state in self._states.values() if state.is_firing)

    @property
    def firing_count(self) -> int:
        """Return how many alerts fire."""
        return self._firing

    def fire(
        self, alert: Alert, subject: ResultSubject, *, since: dt.datetime, now: dt.datetime, reason: str
    ) -> Turn | None:
        """Let an alert fire, or bring one that fires up to date; None when nothing about it changed.

        ``since`` counts when neither the alert says when it began nor it fires already.
        """
        old = self._states.get(alert.fingerprint)
        if old is None or not old.is_firing:
            self._firing += 1
            starts_at = min(alert.starts_at or since, now)
            self._put(AlertState(alert, subject, True, starts_at, 0, now))
            return Turn(alert.fingerprint, "fires", reason)
        starts_at = min(alert.starts_at or old.starts_at, now)
        if old.alert == alert and old.starts_at == starts_at and old.subject == subject:
            return None
        self._put(AlertState(alert, subject, True, starts_at, 0, old.changed_at))
        return Turn(alert.fingerprint, "changed", reason)

    def resolve(self, fingerprint: str, subject: ResultSubject, *, now: dt.datetime, reason: str) -> Turn | None:
        """End an alert that fires for this subject."""
        old = self._states.get(fingerprint)
        if old is None or not old.is_firing or old.subject != subject:
            return None
        self._firing -= 1
        return self.bury(old.alert, subject, now=now, reason=reason)

    def bury(self, alert: Alert, subject: ResultSubject, *, now: dt.datetime, reason: str) -> Turn:
        """Note as resolved an alert that does not fire here."""
        self._put(AlertState(alert, subject, False, alert.starts_at or now, 0, now))
        self._resolved.append((now, alert.fingerprint, self._version))
        return Turn(alert.fingerprint, "resolved", reason)

    def learn_start(self, fingerprint: str, starts_at: dt.datetime) -> None:
        """Note since when an alert fires as an Alertmanager shows it, for results that don't say."""
        state = self._states.get(fingerprint)
        if state is not None and state.is_firing and state.alert.starts_at is None:
            state.starts_at = min(state.starts_at, starts_at)

    def forget_resolved(self, until: dt.datetime) -> None:
        """Forget what was resolved up to a time and did not change since."""
        while self._resolved and self._resolved[0][0] <= until:
            _, fingerprint, version = self._resolved.popleft()
            state = self._states.get(fingerprint)
            if state is not None and state.version == version:
                del self._states[fingerprint]

    def _put(self, state: AlertState) -> None:
        self._version += 1
        state.version = self._version
        self._states[state.alert.fingerprint] = state
