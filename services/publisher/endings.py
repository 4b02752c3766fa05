"""When does a check on a target come to its end? Checks of the inventory end by what somebody explicitly removed or
disabled, never by what is merely absent; results of other programs end by their own time. Either becomes a
``withdrawn`` verdict, and a day later the subject is emptied. This module says what and when, and writes nothing.
"""

import datetime as dt
import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from services.publisher.received import Received
from shared.checks import ENGINES
from shared.configuration import Configuration
from shared.schedules import disabled_by
from shared.subjects import ResultSubject

SILENT_FOR = dt.timedelta(days=7)
"""How long a result of another program stands when it does not say."""


def is_in_inventory(subject: ResultSubject) -> bool:
    """Say whether the engine belongs to the checkers; results of all others are bound to no inventory."""
    return subject.engine in ENGINES


def explicit_end(view: Configuration, subject: ResultSubject) -> str | None:
    """Return why the configuration ends this check on this target, or None while it does not."""
    if not is_in_inventory(subject):
        return None
    if (target := view.targets.get(subject.target)) is not None:
        if target.value is None:
            return f"target {subject.target} was removed"
        if target.value.engine != subject.engine:
            return f"target {subject.target} is a server of {target.value.engine} now"
    if (check := view.checks.get(subject.check)) is not None:
        if check.value is None:
            return f"check {subject.check} was removed"
        if check.value.engine != subject.engine:
            return f"check {subject.check} is one for {check.value.engine} now"
    disabled = disabled_by(view, subject.check, subject.target)
    if disabled is None:
        return None
    by = f" by {disabled.author}" if disabled.author else ""
    because = f": {disabled.reason}" if disabled.reason else ""
    return f"check {subject.check} is disabled{by}{because}"


def expiry(received: Received) -> dt.datetime | None:
    """Return when a result ends by itself: only those of other programs do."""
    if is_in_inventory(received.subject) or received.result.status == "withdrawn":
        return None
    return received.result.expires_at or received.stored_at + SILENT_FOR


class Ending(NamedTuple):
    """Something to write about a subject: end what stands there, or empty it some time after that."""

    what: Literal["withdraw", "purge"]
    subject: ResultSubject
    sequence: int
    """The verdict that this is about; 0 when there are only errors."""
    error_sequence: int
    """The last error of the subject, 0 when there is none."""
    reason: str


@dataclass(slots=True)
class Deadlines:
    """Which subject is to be looked at when, earliest first. Of each the time that was said last counts, and it waits
    once, however often it is said.
    """

    _at: dict[ResultSubject, dt.datetime] = field(default_factory=dict)
    _waits_at: dict[ResultSubject, dt.datetime] = field(default_factory=dict)
    _heap: list[tuple[dt.datetime, int, ResultSubject]] = field(default_factory=list)
    _count: int = 0

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, at: dt.datetime, subject: ResultSubject) -> None:
        """Remember to look at a subject at a time."""
        self._at[subject] = at
        waits_at = self._waits_at.get(subject)
        if waits_at is None or at < waits_at:
            self._push(at, subject)

    def due(self, now: dt.datetime) -> Iterator[ResultSubject]:
        """Take out everything whose time has come."""
        while self._heap and self._heap[0][0] <= now:
            at, _, subject = heapq.heappop(self._heap)
            if self._waits_at.get(subject) != at:
                continue  # an earlier time overtook it
            del self._waits_at[subject]
            if self._at[subject] > now:
                self._push(self._at[subject], subject)
                continue
            del self._at[subject]
            yield subject

    def _push(self, at: dt.datetime, subject: ResultSubject) -> None:
        self._count += 1
        self._waits_at[subject] = at
        heapq.heappush(self._heap, (at, self._count, subject))
