"""What does Watchword say about itself now? The alerts that fire about ourselves, by what they stand for. Saying one
again changes nothing, saying another one in its place ends the first. Pure; when each is said is for the watcher.
"""

import datetime as dt
from collections.abc import Iterator, Mapping

from services.publisher.alert_states import AlertStates, Turn
from services.publisher.alerts import Alert
from shared.subjects import ResultSubject

WELL = "it is as it should be again"


class Said:
    """What fires about ourselves."""

    def __init__(self, states: AlertStates) -> None:
        self._states = states
        self._firing: dict[ResultSubject, dict[str, Alert]] = {}

    def __contains__(self, subject: ResultSubject) -> bool:
        return subject in self._firing

    def __iter__(self) -> Iterator[ResultSubject]:
        return iter(list(self._firing))

    def of(self, subject: ResultSubject) -> Mapping[str, Alert]:
        """Return the alerts that stand for something, by their fingerprints; more than one only until it is judged."""
        return self._firing.get(subject, {})

    def say(self, subject: ResultSubject, alert: Alert | None, now: dt.datetime) -> list[Turn]:
        """Let one alert stand for something, or none because all is well."""
        if alert is None:
            return self.end(subject, now, WELL)
        return self.put(subject, {alert.fingerprint: alert}, now, alert.annotations["summary"])

    def end(self, subject: ResultSubject, now: dt.datetime, reason: str) -> list[Turn]:
        """Resolve what stands for something."""
        return self.put(subject, {}, now, reason)

    def put(self, subject: ResultSubject, wanted: Mapping[str, Alert], now: dt.datetime, reason: str) -> list[Turn]:
        """Let these alerts stand for something and no others, and return what turned."""
        before = self._firing.pop(subject, {})
        if wanted:
            self._firing[subject] = dict(wanted)
        fired = [self._states.fire(alert, subject, since=now, now=now, reason=reason) for alert in wanted.values()]
        gone = [
            self._states.resolve(fingerprint, subject, now=now, reason=reason)
            for fingerprint in before
            if fingerprint not in wanted
        ]
        return [turn for turn in (*fired, *gone) if turn]
