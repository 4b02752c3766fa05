"""What the silencer does with one message: a mute is settled, and an unmute is looked at, for what follows from either
is in the stream by then and done by whoever goes round next. What is refused also becomes a dead letter.
"""

import structlog

from services.silencer import telemetry
from services.silencer.requested import refusal_of_unmute
from services.silencer.tending import Tending
from shared import cloudevents, subjects
from shared.errors import MessageRefused
from shared.following import Stored
from shared.mutes import UnmuteRequested

log = structlog.get_logger(__name__)


async def on_message(tending: Tending, stored: Stored, deliveries: int) -> None:
    """Handle one message of MUTES. Raises ``MessageRefused`` when it can't be done."""
    try:
        if stored.subject == subjects.UNMUTE_REQUESTED:
            await _on_unmute(tending, stored)
        else:
            await _on_mute(tending, stored, deliveries)
    except MessageRefused:
        telemetry.REFUSED.labels(stored.subject.removesuffix(".requested")).inc()
        raise


async def _on_mute(tending: Tending, stored: Stored, deliveries: int) -> None:
    wanted = await tending.memory.catch_up()
    mute = wanted.mute_at(stored.sequence)
    if mute is None:  # the stream was made anew or put back while this was on its way
        message = f"{stored.subject} {stored.sequence} is not in the stream any more"
        raise MessageRefused(message)
    if mute.is_settled:
        log.info("a mute was settled before", mute=mute.id, delivery=deliveries)
    else:
        mute = await tending.settle(mute)
    if mute is not None and mute.result is not None and mute.result.refused:
        raise MessageRefused(mute.result.refused)


async def _on_unmute(tending: Tending, stored: Stored) -> None:
    request = cloudevents.read(UnmuteRequested, stored.data, stored.headers)
    refusal = refusal_of_unmute(request)
    if refusal is not None:
        raise MessageRefused(refusal)
    wanted = await tending.memory.catch_up()
    unmute = wanted.unmute_at(stored.sequence)
    mutes = wanted.ended_by(unmute) if unmute else []
    # One that is not settled yet may turn out to be meant: then the fold ends it, whoever settles it.
    may_be_meant = any(not one.is_settled and one.sequence < stored.sequence for one in wanted.mutes.values())
    if not mutes and request.id is None and not may_be_meant:
        message = "no mute was ever asked for that"
        raise MessageRefused(message)
    reason = unmute.said if unmute else ""
    log.info("unmuted", mutes=[mute.id for mute in mutes], asked_for=request.id or request.fingerprint, reason=reason)
