"""What does ``mute.result`` of a mute say next? Each function takes a mute as the fold has it and returns the result to
write, or None when there is nothing new: settling it (refused, waiting, or its matchers fixed), what time, an unmute or
an edit of the inventory make of it, and what happened in one Alertmanager. Pure: the time and what was looked up come
in; the writing, on condition that nobody else wrote meanwhile, is in ``memory.py``.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from services.silencer.matchers import as_set, identity_of, of_alert, of_finding, of_names
from services.silencer.requested import ends_at, refusal_of_mute
from services.silencer.wanted import Mute
from shared.mutes import MutedFinding, MuteRequested, MuteResult, SilenceMade

FINAL = frozenset({"ended", "expired"})
NOBODY_ANSWERS = "no Alertmanager can be asked which alert this is"
NONE_CONFIGURED = "no Alertmanager is configured; name one in watchword.yaml and apply it"


@dataclass(frozen=True, slots=True)
class MutedAlert:
    """What a fingerprint stands for."""

    labels: Mapping[str, str]
    finding: MutedFinding | None
    target_labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Unknown:
    """No Alertmanager that could be asked shows an alert with the fingerprint."""

    asked: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unanswered:
    """No Alertmanager could be asked."""

    reasons: Mapping[str, str]
    """By Alertmanager."""


Found = MutedAlert | Unknown | Unanswered


def needs_lookup(mute: Mute, default: dt.timedelta, now: dt.datetime) -> str | None:
    """Return the fingerprint to look for before a mute can be settled, or None when it can be without."""
    request = mute.request
    if request is None or request.fingerprint is None or mute.is_settled or mute.unmute:
        return None
    return None if refusal_of_mute(request, mute.stored_at, default, now) else request.fingerprint


def settled(
    mute: Mute, found: Found | None, *, default: dt.timedelta, alertmanagers: Iterable[str], now: dt.datetime
) -> MuteResult | None:
    """Decide what a mute is: refused, ended before it began, waiting, or its matchers fixed."""
    if mute.is_settled:
        return None
    request = mute.request
    if request is None:
        return MuteResult(request_id=mute.id, refused=mute.fault)
    fixed_end = mute.result.ends_at if mute.result else None
    refusal = refusal_of_mute(request, mute.stored_at, default, now)
    if refusal is None and fixed_end is not None and fixed_end <= now:
        refusal = f"its time was over ({fixed_end.isoformat()}) before any Alertmanager could be asked for the alert"
    if refusal is None and isinstance(found, Unknown):
        asked = ", ".join(found.asked)
        refusal = f"no alert has the fingerprint {request.fingerprint}: {asked} shows none; see `watchword alerts`"
    if refusal is not None:
        return _of(mute, request, refused=refusal)
    # The end is fixed with the first result, for the default may be changed later.
    end = fixed_end or ends_at(request, mute.stored_at, default)
    if mute.unmute:
        return _of(mute, request, ends_at=end, ended_by=mute.unmute.said)
    if isinstance(found, Unanswered):
        waits = [SilenceMade(alertmanager=name, state="waiting", error=error) for name, error in found.reasons.items()]
        why = NOBODY_ANSWERS if waits else NONE_CONFIGURED
        result = _of(mute, request, ends_at=end, silences=waits, waiting=why)
        return result if result != mute.result else None
    silences = [SilenceMade(alertmanager=name, state="waiting") for name in alertmanagers]
    if isinstance(found, MutedAlert):
        return _of_alert(mute, request, found, ends_at=end, silences=silences)
    matchers = request.matchers or of_names(request.target, request.check, request.severity)
    waiting_for = None if silences else NONE_CONFIGURED
    return _of(mute, request, ends_at=end, silences=silences, matchers=list(matchers), waiting=waiting_for)


def _of_alert(mute: Mute, request: MuteRequested, found: MutedAlert, **said: object) -> MuteResult:
    fingerprints = [request.fingerprint]
    if found.finding is None:
        return _of(mute, request, matchers=of_alert(found.labels), fingerprints=fingerprints, **said)
    now_known_as = identity_of(found.finding, found.target_labels)
    return _of(
        mute,
        request,
        matchers=of_finding(found.finding, found.target_labels),
        finding=found.finding,
        fingerprints=list(dict.fromkeys([*fingerprints, now_known_as])),
        **said,
    )


def _of(mute: Mute, request: MuteRequested, **said: object) -> MuteResult:
    known = {
        "request_id": mute.id,
        "id": request.id,
        "starts_at": mute.stored_at,
        "created_by": request.created_by,
        "comment": request.comment,
    }
    return MuteResult.model_validate({**known, **said})


def tended(mute: Mute, target_labels: Mapping[str, str] | None, now: dt.datetime) -> MuteResult | None:
    """Return what an unmute, the time or an edit of the inventory make of a settled mute, or None when nothing is new.

    ``target_labels`` are those of the muted finding's target now; None when they are not known, or do not matter.
    """
    result = mute.result
    if result is None or result.refused or not mute.is_settled:
        return None
    changed: dict[str, object] = {}
    if mute.unmute and not result.ended_by:
        changed["ended_by"] = mute.unmute.said
    if mute.is_over(now) and any(one.state not in FINAL for one in result.silences):
        changed["silences"] = [
            one if one.state in FINAL else one.model_copy(update={"state": "expired"}) for one in result.silences
        ]
    if result.finding is not None and target_labels is not None and mute.is_in_force(now):
        matchers = of_finding(result.finding, target_labels)
        if as_set(matchers) != as_set(result.matchers):
            changed["matchers"] = matchers
        identity = identity_of(result.finding, target_labels)
        if identity not in result.fingerprints:
            changed["fingerprints"] = [*result.fingerprints, identity]
    return result.model_copy(update=changed) if changed else None


def with_silence(mute: Mute, made: SilenceMade) -> MuteResult | None:
    """Return what happened to a mute in one Alertmanager, or None when that is known already."""
    result = mute.result
    if result is None or mute.silence_in(made.alertmanager) == made:
        return None
    others = [one for one in result.silences if one.alertmanager != made.alertmanager]
    place = next((at for at, one in enumerate(result.silences) if one.alertmanager == made.alertmanager), len(others))
    ended_by = result.ended_by or (mute.unmute.said if mute.unmute else None)
    silences = [*others[:place], made, *others[place:]]
    return result.model_copy(update={"silences": silences, "waiting": None, "ended_by": ended_by})
