"""What becomes of a message in CHECK_RESULTS that is no result? A dead letter, and then it is deleted from the stream,
so that the verdict before it stands again for everybody. Every replica does so; the dead letter is stored once. It may
have waited for that until a backup was put back: then another message has its place, and stays.
"""

import datetime as dt

import structlog
from nats.js import JetStreamContext
from nats.js.errors import APIError, NotFoundError

from services.publisher.telemetry import BROKEN_RESULTS
from shared.dead_letters import DeadLetter, bury
from shared.following import Stored
from shared.reading import message_at
from shared.stream_end import NO_SUCH_MESSAGE
from shared.streams import CHECK_RESULTS

log = structlog.get_logger(__name__)


async def settle(jetstream: JetStreamContext, stored: Stored, reason: str, created: dt.datetime | None) -> None:
    """Bury a broken result, then delete it. ``created`` is the stream's, so that its twin is known."""
    letter = DeadLetter(
        "publisher",
        reason,
        stored.subject,
        CHECK_RESULTS,
        stored.sequence,
        stored.data,
        stored.headers,
        stored.stored_at,
    )
    number = await bury(jetstream, letter, stream_created=created)
    there = await message_at(jetstream, CHECK_RESULTS, stored.sequence)
    if there is not None and (there.subject, there.data) != (stored.subject, stored.data):
        log.warning("a broken result is gone", subject=stored.subject, sequence=stored.sequence, dead_letter=number)
        return
    try:
        await jetstream.delete_msg(CHECK_RESULTS, stored.sequence)
    except NotFoundError:
        return
    except APIError as refused:
        if refused.err_code in NO_SUCH_MESSAGE:  # another replica was faster
            return
        raise
    BROKEN_RESULTS.inc()
    log.warning(
        "deleted a broken result; the one before it stands again",
        subject=stored.subject,
        sequence=stored.sequence,
        reason=reason,
        dead_letter=number,
    )
