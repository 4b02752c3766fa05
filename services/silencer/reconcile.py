"""What has to happen in one Alertmanager, so that it has what is wanted? Wanted are the mutes of the fold, existing are
its silences with our marker in their comment; the difference comes out as plans, each for one mute, to be carried out
in order and given up at the first failure. Whatever was carried out, the next comparison finds the rest.

One mute is one silence. Of two living ones with its marker the older stays; one that is gone is made again; one that a
person ended stays ended, here alone; one that a person changed and that keeps the marker counts. Silences whose mute is
not known are nobody's here, and end by themselves.
"""

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from services.silencer.matchers import as_set
from services.silencer.wanted import Mute
from shared.alertmanager_api import PostedSilence, Silence
from shared.mutes import SilenceMade

MARKER = re.compile(r"\[watchword:([0-9]{1,19}-[0-9]{1,19})\]")

_BEFORE = dt.timedelta(minutes=5)
"""A start that is past on every clock: Alertmanager makes it its own present, and never waits for it."""
_OLDER = dt.timedelta(hours=1)
"""A silence that began this long before its mute was asked for is another's: ids come again after a restored backup.
Within it one counts that is exactly what the mute has made, for Alertmanager's clock may be behind.
"""
_SHORTER = dt.timedelta(seconds=2)
"""Alertmanager keeps milliseconds; an end this much earlier than asked for was set by somebody."""


@dataclass(frozen=True, slots=True)
class Make:
    """Make a silence, and write its id into the mute's result."""

    silence: PostedSilence
    reason: str


@dataclass(frozen=True, slots=True)
class End:
    """End a silence now."""

    silence_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Record:
    """Write into the mute's result what is so in this Alertmanager."""

    made: SilenceMade
    reason: str


Action = Make | End | Record


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do about one mute, in this order, up to the first failure."""

    mute: Mute
    actions: tuple[Action, ...]


@dataclass(slots=True)
class _Marked:
    """The silences with the marker of one mute."""

    living: list[Silence] = field(default_factory=list)
    expired: list[Silence] = field(default_factory=list)


def marked_comment(mute_id: str, comment: str) -> str:
    """Return a comment by which the silence is known again."""
    return f"{comment.strip()} [watchword:{mute_id}]"


def mute_id_of(comment: str) -> str | None:
    """Return the mute that a silence's comment names. The last marker counts: ours stands behind what people wrote."""
    found = MARKER.findall(comment)
    return found[-1] if found else None


def reconcile(
    mutes: Mapping[str, Mute],
    existing: Iterable[Silence],
    *,
    alertmanager: str,
    now: dt.datetime,
    gossip: dt.timedelta = dt.timedelta(0),
    overlap: dt.timedelta = dt.timedelta(0),
) -> list[Plan]:
    """Return what to do in one Alertmanager or cluster.

    Its members may disagree for as long as ``gossip``. A silence with former matchers stays for ``overlap`` beside the
    new one, for the alert under its former name may be there for a moment yet.
    """
    marked: dict[str, _Marked] = defaultdict(_Marked)
    for silence in existing:
        mute = mutes.get(mute_id_of(silence.comment) or "")
        if mute is not None and _is_of(silence, mute, alertmanager):
            found = marked[mute.id]
            (found.living if silence.is_living else found.expired).append(silence)
    plans = []
    for mute in mutes.values():
        if mute.unmute:
            actions = _ended(mute, marked.get(mute.id, _Marked()), alertmanager)
        elif mute.is_in_force(now):
            actions = _in_force(mute, marked.get(mute.id, _Marked()), alertmanager, now, (gossip, overlap))
        else:
            continue
        if actions:
            plans.append(Plan(mute, tuple(actions)))
    return plans


def unavailable(mutes: Mapping[str, Mute], *, alertmanager: str, reason: str, now: dt.datetime) -> list[Plan]:
    """Return what to write when an Alertmanager can't be asked: the mutes without a silence there are waiting."""
    plans = []
    for mute in mutes.values():
        recorded = mute.silence_in(alertmanager) if mute.is_in_force(now) else None
        if mute.is_in_force(now) and (recorded is None or recorded.state in {"waiting", "failed"}):
            waiting = SilenceMade(alertmanager=alertmanager, state="waiting", error=reason)
            if recorded != waiting:
                plans.append(Plan(mute, (Record(waiting, "the Alertmanager can't be asked"),)))
    return plans


def _is_of(silence: Silence, mute: Mute, alertmanager: str) -> bool:
    recorded = mute.silence_in(alertmanager)
    if recorded is not None and recorded.silence_id == silence.id:
        return True
    if silence.starts_at >= mute.stored_at:
        return True
    # Either Alertmanager's clock is behind, and it is what we made; or it is another's that had the same id.
    return silence.starts_at >= mute.stored_at - _OLDER and _is_as_made(silence, mute)


def _is_as_made(silence: Silence, mute: Mute) -> bool:
    matchers = as_set(silence.matchers)
    is_known = mute.result is not None and (matchers == as_set(mute.result.matchers) or matchers in mute.former)
    return is_known and mute.ends_at is not None and abs(silence.ends_at - mute.ends_at) < _SHORTER


def _ended(mute: Mute, marked: _Marked, alertmanager: str) -> list[Action]:
    said = mute.unmute.said if mute.unmute else ""
    actions: list[Action] = [End(silence.id, f"unmuted by {said}") for silence in _by_age(marked.living)]
    recorded = mute.silence_in(alertmanager)
    if recorded is not None and recorded.state not in {"ended", "expired"}:
        made = SilenceMade(alertmanager=alertmanager, silence_id=recorded.silence_id, state="ended")
        actions.append(Record(made, f"unmuted by {said}"))
    return actions


def _in_force(
    mute: Mute, marked: _Marked, alertmanager: str, now: dt.datetime, times: tuple[dt.timedelta, dt.timedelta]
) -> list[Action]:
    gossip, overlap = times
    recorded = mute.silence_in(alertmanager)
    was_ended_by_person = recorded is not None and recorded.state == "ended" and recorded.by_person
    renamed = [one for one in marked.living if as_set(one.matchers) in mute.former]
    counting = _by_age(one for one in marked.living if as_set(one.matchers) not in mute.former)
    actions: list[Action] = []
    if was_ended_by_person and recorded is not None:
        # Alertmanager's last words before a crash are lost; what a person ended stays so. One with another id is new.
        actions = [
            End(one.id, "a person had ended it before")
            for one in [*counting, *renamed]
            if one.id == recorded.silence_id
        ]
        counting = [one for one in counting if one.id != recorded.silence_id]
        if not counting:
            return actions
    if counting:
        is_overlapping = counting[0].starts_at > now - overlap
        return actions + _kept(recorded, counting, [] if is_overlapping else renamed, alertmanager)
    ended = _ended_by_person(mute, marked, recorded)
    if ended is not None:
        made = SilenceMade(alertmanager=alertmanager, silence_id=ended.id, state="ended", by_person=True)
        others = [End(one.id, f"a person ended {ended.id}, which replaced it") for one in _by_age(renamed)]
        return [*others, Record(made, "a person ended it in Alertmanager")]
    was_made = recorded is not None and recorded.state == "active"
    if recorded is not None and any(one.id == recorded.silence_id for one in marked.expired):
        return []  # it ran out there: that clock is ahead of ours
    if was_made and not renamed and mute.result_stored_at is not None and mute.result_stored_at > now - gossip:
        return []  # the member that was asked may not have heard of it yet
    reason = "a label of its finding is called otherwise now" if renamed else "lost" if was_made else "asked for"
    return [Make(_silence_of(mute), reason)]


def _kept(
    recorded: SilenceMade | None, counting: Sequence[Silence], renamed: Iterable[Silence], alertmanager: str
) -> list[Action]:
    oldest, *doubles = counting
    actions: list[Action] = []
    active = SilenceMade(alertmanager=alertmanager, silence_id=oldest.id, state="active")
    if recorded != active:
        is_new = recorded is None or recorded.silence_id != oldest.id
        actions.append(Record(active, "found one with its marker" if is_new else "it is in force"))
    actions += [End(one.id, f"{oldest.id} is the same and older") for one in doubles]
    actions += [End(one.id, "made anew with other matchers") for one in _by_age(renamed)]
    return actions


def _ended_by_person(mute: Mute, marked: _Marked, recorded: SilenceMade | None) -> Silence | None:
    """Return the silence of a mute that somebody ended early, when it was the one that counted."""
    early = [one for one in marked.expired if mute.ends_at is not None and one.ends_at < mute.ends_at - _SHORTER]
    if recorded is not None and recorded.state == "active":
        return next((one for one in early if one.id == recorded.silence_id), None)
    # Nothing is written about one yet, so it was ended right after it was made; those with former matchers we ended.
    unwritten = (one for one in early if as_set(one.matchers) not in mute.former)
    return max(unwritten, key=lambda one: (one.ends_at, one.id), default=None)


def _by_age(silences: Iterable[Silence]) -> list[Silence]:
    return sorted(silences, key=lambda one: (one.starts_at, one.id))


def _silence_of(mute: Mute) -> PostedSilence:
    result = mute.result
    if result is None or result.ends_at is None:
        message = f"mute {mute.id} is not settled"
        raise ValueError(message)
    return PostedSilence(
        matchers=tuple(result.matchers),
        starts_at=mute.stored_at - _BEFORE,
        ends_at=result.ends_at,
        created_by=result.created_by,
        comment=marked_comment(mute.id, result.comment),
    )
