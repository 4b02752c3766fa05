"""What may be asked, and until when does a mute last? The rules for a request that need nothing but the request itself:
one way to say what is meant, an author and a comment, an end that lies ahead and not too far. Each rule has its own
text, written for whoever asked.
"""

import datetime as dt

from services.silencer.matchers import of_names, refusal_of
from shared.alert_labels import clean_text
from shared.errors import NameRefused, ScheduleRefused
from shared.mutes import LONGEST_MUTE, MuteRequested, UnmuteRequested
from shared.schedules import parse_duration
from shared.subjects import parse_sequence_id

_GLOB = frozenset("*?[")


def ends_at(request: MuteRequested, stored_at: dt.datetime, default: dt.timedelta) -> dt.datetime:
    """Return when a mute ends, counted from when its request was stored. Raises ``ScheduleRefused``."""
    if request.until is not None:
        return request.until
    return stored_at + (parse_duration(request.duration) if request.duration is not None else default)


def refusal_of_mute(
    request: MuteRequested, stored_at: dt.datetime, default: dt.timedelta, now: dt.datetime
) -> str | None:
    """Return why a request is refused, for people, or None when it is good as far as it alone can say."""
    if not clean_text(request.created_by):
        return "created_by is empty: say who mutes"
    if not clean_text(request.comment):
        return "comment is empty: say why, for whoever wonders later"
    return _refusal_of_subject(request) or _refusal_of_end(request, stored_at, default, now)


def refusal_of_unmute(request: UnmuteRequested) -> str | None:
    """Return why a request to unmute is refused, for people, or None when it is good."""
    names = request.target or request.check
    ways = [way for way, given in (("id", request.id), ("fingerprint", request.fingerprint), ("names", names)) if given]
    if len(ways) != 1:
        return "say what to unmute in one way: id, fingerprint, or target and check (with severity, if you like)"
    if request.severity and ways != ["names"]:
        return f"severity goes with target and check, not with {ways[0]}"
    if request.id is not None:
        try:
            parse_sequence_id(request.id)
        except NameRefused:
            return f"id {request.id[:100]!r} is not the id of a mute, <created>-<sequence>, as mute.result tells it"
    return None


def _refusal_of_subject(request: MuteRequested) -> str | None:
    names = bool(request.target or request.check)
    ways = [request.fingerprint is not None, request.matchers is not None, names]
    if sum(ways) != 1:
        return "say what to mute in one way: fingerprint, matchers, or target and check (with severity, if you like)"
    if request.severity and not names:
        return "severity goes with target and check"
    if request.matchers is not None:
        return refusal_of(request.matchers)
    for name in (request.target, request.check):
        if name and _GLOB & set(name):
            return (
                f"{name[:100]!r} looks like a pattern, but a mute takes names; use matchers with a regular expression"
            )
    return refusal_of(of_names(request.target, request.check, request.severity)) if names else None


def _refusal_of_end(
    request: MuteRequested, stored_at: dt.datetime, default: dt.timedelta, now: dt.datetime
) -> str | None:
    if request.duration is not None and request.until is not None:
        return "say how long in one way: for, or until"
    try:
        end = ends_at(request, stored_at, default)
    except ScheduleRefused as refused:
        return f"for: {refused}"
    if end <= stored_at:
        return f"the end lies in the past: {end.isoformat()}"
    if end > stored_at + LONGEST_MUTE:
        return f"a mute lasts {LONGEST_MUTE.days} days at most, this one would end {end.isoformat()}"
    if end <= now:
        return f"its time was over ({end.isoformat()}) before it could be made"
    return None
