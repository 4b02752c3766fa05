"""What is owed now, and when must one look again? A pure fold: units as the configuration has them, slots as they were
asked for, and the time come in; steps come out, each a request to store and the slot to write after it. A unit is owed
a run when its newest slot is later than the last one asked for, or when the configuration that decides what it does is
newer. After an outage only the newest slot is caught up, and a first run counts for the slot before it. A look costs
what is due or changed, not what exists.
"""

import datetime as dt
import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from services.scheduler.slots import EPOCH, latest_due, next_due
from services.scheduler.units import Unit, UnitKey, Units
from shared import subjects
from shared.configuration import Change, Configuration
from shared.subjects import Lane

FURTHEST_AHEAD = dt.timedelta(minutes=10)
"""How far the clocks of two schedulers may differ. A slot further in the future was asked for by a clock that was wrong
and would keep its target from being checked until then."""


@dataclass(frozen=True, slots=True)
class Slot:
    """What was asked for: the newest slot of a unit, and the newest revision of the configuration."""

    due_at: dt.datetime
    revision: int
    generation: str
    """Of which streams: see ``Present``."""
    sequence: int = 0
    """Its place in the bucket; 0 before it is written."""

    @property
    def says_nothing(self) -> bool:
        """Say whether this is only a place in the bucket: removed, or not readable."""
        return not self.generation


def nothing_asked(sequence: int) -> Slot:
    """Return the slot of a unit that was never asked for, whose key has this last sequence."""
    return Slot(EPOCH, 0, "", sequence)


@dataclass(frozen=True, slots=True)
class Present:
    """The streams as they are now."""

    generation: str
    """Changes when a stream is made anew. What was asked for before then is owed again: the requests, the results or
    the configuration that it belonged to are gone."""
    revision: int
    """The last one of the configuration. A slot beyond it belongs to what a restored backup has undone."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do: store the request, if there is a lane for it, then write the slot in place of the one before."""

    unit: Unit
    lane: Lane | None
    slot: Slot
    replaces: int
    """The sequence that the slot's key must still have; 0: none."""
    message_id: str
    reason: str


def decide(unit: Unit, known: Slot | None, present: Present, now: dt.datetime) -> Step | None:
    """Return what a unit is owed, or None."""
    latest = latest_due(unit.timing, unit.splay, now)
    is_ahead = known is not None and known.due_at > now + FURTHEST_AHEAD
    due_at = latest if known is None or is_ahead else max(latest, known.due_at)
    reason = _why_at_once(unit, known, present)
    replaces = known.sequence if known else 0
    if reason:
        slot = Slot(due_at, unit.revision, present.generation)
        identifier = subjects.changed_message_id(unit.target, unit.schedule, unit.revision, present.generation)
        return Step(unit, "bulk", slot, replaces, identifier, reason)
    assert known is not None
    slot = replace(known, due_at=due_at, sequence=0)
    if is_ahead:
        return Step(unit, None, slot, replaces, "", "the slot lies ahead: a clock was wrong")
    if known.due_at < latest:
        identifier = subjects.due_message_id(unit.target, unit.schedule, latest)
        return Step(unit, "due", slot, replaces, identifier, "due")
    return None


def _why_at_once(unit: Unit, known: Slot | None, present: Present) -> str:
    if known is None or known.says_nothing:
        return "never asked for"
    if known.generation != present.generation:
        return "a stream was made anew"
    if known.revision > present.revision:
        return "the configuration was put back"
    if known.revision < unit.revision:
        return "new or changed"
    return ""


@dataclass(slots=True)
class Plan:
    """All units with their next times. Feed it changes and slots, ask it for steps."""

    configuration: Configuration
    slots: dict[UnitKey, Slot] = field(default_factory=dict)
    units: Units = field(init=False)
    _present: Present | None = None
    _agenda: list[tuple[dt.datetime, UnitKey]] = field(default_factory=list)
    """A heap. An entry counts only while ``_wake_ups`` says the same; others are left over."""
    _wake_ups: dict[UnitKey, dt.datetime] = field(default_factory=dict)
    _to_see: set[UnitKey] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.units = Units(self.configuration)

    def note_change(self, change: Change) -> None:
        """Take in an entry of the configuration."""
        self.units.note(change)

    def note_slot(self, key: UnitKey, slot: Slot) -> None:
        """Take in a slot as the bucket has it. One that was removed is owed again, others wait for their time."""
        known = self.slots.get(key)
        if known is not None and 0 < slot.sequence < known.sequence:
            return  # our own write, whose answer came after the slot that another wrote over it
        self.slots[key] = slot
        if slot.says_nothing:
            self._to_see.add(key)

    def note_other_bucket(self) -> None:
        """The slots are in another bucket than before: what was asked for stays known, its places do not."""
        self.slots = {key: replace(slot, sequence=0) for key, slot in self.slots.items()}

    def look_again(self, keys: Iterable[UnitKey]) -> None:
        """See these units at the next look, whatever their time."""
        self._to_see.update(keys)

    def look_at_everything(self) -> None:
        """See all units at the next look: the clock was put back."""
        self._to_see.update(unit.key for unit in self.units)

    def has_work(self, now: dt.datetime, present: Present) -> bool:
        """Say whether a look would find anything; costs nothing."""
        if present.generation != (self._present and self._present.generation):
            return True
        wake_up = self.next_wake_up
        return not self.units.is_current or bool(self._to_see) or (wake_up is not None and wake_up <= now)

    @property
    def next_wake_up(self) -> dt.datetime | None:
        """Return when the next slot is due, or None when there are no units."""
        while self._agenda and self._wake_ups.get(self._agenda[0][1]) != self._agenda[0][0]:
            heapq.heappop(self._agenda)
        return self._agenda[0][0] if self._agenda else None

    def steps(self, now: dt.datetime, present: Present) -> list[Step]:
        """Return what is owed now. Whoever can't do a step says so with ``look_again``."""
        self._to_see |= self.units.refresh()
        if self._present is None or self._present.generation != present.generation:
            self.look_at_everything()
        self._present = present
        while (wake_up := self.next_wake_up) is not None and wake_up <= now:
            self._to_see.add(heapq.heappop(self._agenda)[1])
        owed = []
        for key in self._to_see:
            unit = self.units.get(key)
            if unit is None:
                self._wake_ups.pop(key, None)
                continue
            step = decide(unit, self.slots.get(key), present, now)
            if step is not None:
                owed.append(step)
            at = next_due(unit.timing, unit.splay, now)
            self._wake_ups[key] = at
            heapq.heappush(self._agenda, (at, key))
        self._to_see.clear()
        self._sweep()
        # What is due goes before first runs and changes, of which there may be thousands.
        return sorted(owed, key=lambda step: (step.lane == "bulk", step.slot.due_at))

    def _sweep(self) -> None:
        """Drop what is left over when it has become more than what counts."""
        if len(self._agenda) > 2 * len(self._wake_ups) + 64:
            self._agenda = [(at, key) for key, at in self._wake_ups.items()]
            heapq.heapify(self._agenda)
