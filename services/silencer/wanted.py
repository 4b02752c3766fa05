"""Which mutes are there, and what became of them? A fold over MUTES in the order of the stream, so every silencer that
has read as far has the same answer: what was asked, the last result of it with the matchers that were fixed, and who
ended it. Whether a mute is still in force depends on the time, which is a parameter; what follows from it in an
Alertmanager is for ``reconcile.py``.
"""

import bisect
import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from services.silencer.matchers import MatcherSet, as_set, reserved_labels
from services.silencer.requested import refusal_of_unmute
from shared import cloudevents, subjects
from shared.errors import MessageRefused, NameRefused
from shared.following import Stored
from shared.mutes import MuteRequested, MuteResult, SilenceMade, UnmuteRequested
from shared.severity import Severity


@dataclass(frozen=True, slots=True)
class Unmute:
    """A request to end mutes."""

    sequence: int
    stored_at: dt.datetime
    request: UnmuteRequested
    scope: Mapping[str, str] = field(default_factory=dict)
    """The labels that target, check and severity stand for."""

    @property
    def said(self) -> str:
        """Return who asked for it and why."""
        return f"{self.request.requested_by or 'somebody'}: {self.request.reason or 'no reason given'}"


@dataclass(frozen=True, slots=True)
class Mute:
    """A mute, as far as the stream was read."""

    id: str
    sequence: int
    stored_at: dt.datetime
    request: MuteRequested | None
    """None when it could not be read; ``fault`` says why."""
    fault: str | None = None
    result: MuteResult | None = None
    result_sequence: int = 0
    """The last message on its subject: what the next result is written upon."""
    result_stored_at: dt.datetime | None = None
    former: frozenset[MatcherSet] = frozenset()
    """Matchers that it had before the label of a target took the name of one of its finding's."""
    unmute: Unmute | None = None

    @property
    def is_settled(self) -> bool:
        """Say whether it is decided what this mute is: refused, ended before it began, or its matchers are fixed."""
        result = self.result
        return result is not None and bool(result.refused or result.matchers or result.ended_by)

    @property
    def ends_at(self) -> dt.datetime | None:
        """Return when its time is over; None before it is settled."""
        return self.result.ends_at if self.result else None

    def is_over(self, now: dt.datetime) -> bool:
        """Say whether it was refused or its time is over."""
        if self.result is None:
            return False
        return self.result.refused is not None or (self.result.ends_at is not None and self.result.ends_at <= now)

    def is_in_force(self, now: dt.datetime) -> bool:
        """Say whether there should be silences for it."""
        return self.result is not None and bool(self.result.matchers) and not self.unmute and not self.is_over(now)

    def silence_in(self, alertmanager: str) -> SilenceMade | None:
        """Return what was last written about it in one Alertmanager."""
        made = self.result.silences if self.result else []
        return next((one for one in made if one.alertmanager == alertmanager), None)


@dataclass(slots=True)
class Wanted:
    """The fold. Feed it every message of MUTES in order."""

    created: dt.datetime
    """When the stream was made: the first half of a mute's id, unless the stream was restored since, see ``_named``."""
    mutes: dict[str, Mute] = field(default_factory=dict)
    _ids_of_before: dict[int, str] = field(default_factory=dict)
    """By the sequences of their requests, of mutes that have another id than one asked for now would have."""
    _unmutes: list[Unmute] = field(default_factory=list)
    _unmutes_by_id: dict[str, Unmute] = field(default_factory=dict)
    """The first for each id of a mute, whether that was seen or not."""
    _open: set[str] = field(default_factory=set)
    """Mutes that a later unmute may still end; the others are not looked at again."""

    def apply(self, stored: Stored) -> None:
        """Take in one message. Never raises: what can't be read changes nothing."""
        match stored.subject.split("."):
            case ["mute", "requested"]:
                self._requested(stored)
            case ["unmute", "requested"]:
                self._unmuted(stored)
            case ["mute", "result", encoded]:
                self._became(stored, encoded)

    def in_force(self, now: dt.datetime) -> Iterator[Mute]:
        """Yield the mutes that there should be silences for."""
        return (mute for mute in self.mutes.values() if mute.is_in_force(now))

    def unmute_at(self, sequence: int) -> Unmute | None:
        """Return the unmute of a message, or None when there is no valid one."""
        place = bisect.bisect_left(self._unmutes, sequence, key=lambda one: one.sequence)
        found = self._unmutes[place] if place < len(self._unmutes) else None
        return found if found and found.sequence == sequence else None

    def mute_at(self, sequence: int) -> Mute | None:
        """Return the mute that a message asks for, or None when there is none."""
        return self.mutes.get(self._ids_of_before.get(sequence) or subjects.sequence_id(self.created, sequence))

    def ended_by(self, unmute: Unmute) -> list[Mute]:
        """Return all mutes that an unmute is about, also those that had ended before."""
        return [mute for mute in self.mutes.values() if is_ended_by(mute, unmute)]

    def _requested(self, stored: Stored) -> None:
        identifier = subjects.sequence_id(self.created, stored.sequence)
        request, fault = None, None
        try:
            request = cloudevents.read(MuteRequested, stored.data, stored.headers)
        except MessageRefused as refused:
            fault = str(refused)
        unmute = self._unmutes_by_id.get(identifier)
        self._keep(Mute(identifier, stored.sequence, stored.stored_at, request, fault, unmute=unmute))

    def _unmuted(self, stored: Stored) -> None:
        try:
            request = cloudevents.read(UnmuteRequested, stored.data, stored.headers)
        except MessageRefused:
            return  # its dead letter says so
        if refusal_of_unmute(request):
            return
        unmute = Unmute(stored.sequence, stored.stored_at, request, _labels_asked(request))
        self._unmutes.append(unmute)
        if request.id is not None:
            mute = self._named(request.id)
            first = self._unmutes_by_id.setdefault(request.id, unmute)
            self._end([mute.id] if mute else [], first)
            return
        over = {one for one in self._open if self.mutes[one].is_over(stored.stored_at)}
        self._open -= over
        self._end([one for one in self._open if is_ended_by(self.mutes[one], unmute)], unmute)

    def _became(self, stored: Stored, encoded: str) -> None:
        try:
            mute = self._named(subjects.name_of(encoded))
        except NameRefused:
            return
        if mute is None:
            return  # its request is older than what the stream keeps: nobody wants it any more
        changed = replace(mute, result_sequence=stored.sequence, result_stored_at=stored.stored_at)
        try:
            result = cloudevents.read(MuteResult, stored.data, stored.headers)
        except MessageRefused:
            self._keep(changed)
            return
        former = mute.former
        if mute.result and mute.result.matchers:
            former = former | {as_set(mute.result.matchers)}
        changed = replace(changed, result=result, former=former - {as_set(result.matchers)})
        self._keep(changed if changed.unmute else replace(changed, unmute=self._unmute_since(changed)))

    def _named(self, identifier: str) -> Mute | None:
        """Return the mute with an id, or None.

        A stream that ``nats stream restore`` made tells that it was made just now, so what was stored before seems to
        have another id than in its time. The first result of a mute, or the first unmute, says which one that was: the
        silences in Alertmanager and whoever asked for it know it by that alone.
        """
        known = self.mutes.get(identifier)
        if known is not None:
            return known
        try:
            created, sequence = subjects.parse_sequence_id(identifier)
        except NameRefused:
            return None
        mute = self.mutes.get(subjects.sequence_id(self.created, sequence))
        if mute is None or mute.result_sequence:
            return None
        if not (created <= int(subjects.created_token(mute.stored_at)) and mute.stored_at < self.created):
            return None
        del self.mutes[mute.id]
        self._open.discard(mute.id)
        renamed = replace(mute, id=identifier)
        self._ids_of_before[sequence] = identifier
        self._keep(renamed)
        return renamed

    def _keep(self, mute: Mute) -> None:
        self.mutes[mute.id] = mute
        if mute.unmute or (mute.result and mute.result.refused):
            self._open.discard(mute.id)
        else:
            self._open.add(mute.id)

    def _end(self, identifiers: Iterable[str], unmute: Unmute) -> None:
        for mute in [self.mutes[identifier] for identifier in identifiers]:
            if mute.unmute is None:
                self._keep(replace(mute, unmute=unmute))

    def _unmute_since(self, mute: Mute) -> Unmute | None:
        """Return the first unmute stored after a mute that is about it, now that its result says what it is."""
        later = bisect.bisect_right(self._unmutes, mute.sequence, key=lambda one: one.sequence)
        return next((one for one in self._unmutes[later:] if is_ended_by(mute, one)), None)


def is_ended_by(mute: Mute, unmute: Unmute) -> bool:
    """Say whether an unmute is about a mute: by id in either order, by anything else when it was stored after it."""
    asked = unmute.request
    if asked.id is not None:
        return asked.id == mute.id
    if unmute.sequence < mute.sequence:
        return False
    if asked.fingerprint is not None:
        first = mute.request.fingerprint if mute.request else None
        return asked.fingerprint == first or asked.fingerprint in (mute.result.fingerprints if mute.result else ())
    matchers = mute.result.matchers if mute.result else []
    named = {one.name: one.value for one in matchers if one.is_equal and not one.is_regex}
    return all(named.get(label) == value for label, value in unmute.scope.items())


def _labels_asked(request: UnmuteRequested) -> dict[str, str]:
    names = reserved_labels(request.target or "-", request.check or "-", request.severity or Severity.DEBUG)
    given = {"alertname": request.check, "service_name": request.target, "severity": request.severity}
    return {label: names[label] for label, asked in given.items() if asked}
