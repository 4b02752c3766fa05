"""Where does a stream end, and when was stored what stands there? Both from one answer of the stream's leader. The time
tells two histories apart that are of the same length: before and after a backup was put back.
"""

import datetime as dt
from typing import NamedTuple

from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from shared.errors import StreamMissing

_EPOCH = dt.datetime.fromtimestamp(0, dt.UTC)
_NANOSECONDS_EACH = 1000


class End(NamedTuple):
    """The end of a stream. Its last message may have been removed meanwhile."""

    created: dt.datetime | None
    sequence: int
    stored_at: int | None
    """In nanoseconds, of which the last three are left out; None when the server does not know it any more."""


def is_same_time(one: int | None, other: int | None) -> bool:
    """Say whether two messages may have been stored at the same time; one of which it is not known may be."""
    return one is None or other is None or one // _NANOSECONDS_EACH == other // _NANOSECONDS_EACH


async def stream_end(jetstream: JetStreamContext, stream: str) -> End:
    """Return where a stream ends. Raises ``StreamMissing`` when there is no such stream."""
    try:
        # nats-py's own call leaves the time out of what it returns.
        told = await jetstream._api_request(f"{jetstream._prefix}.STREAM.INFO.{stream}", timeout=jetstream._timeout)  # noqa: SLF001
    except NotFoundError:
        message = f"{stream} does not exist; run: watchword init"
        raise StreamMissing(message) from None
    created, state = told["created"], told["state"]
    return End(dt.datetime.fromisoformat(created), state["last_seq"], _nanoseconds(state.get("last_ts")))


def _nanoseconds(text: str | None) -> int | None:
    if text is None:
        return None
    since = dt.datetime.fromisoformat(text) - _EPOCH
    # A server that was killed after its last message was removed tells of the year 1.
    return since // dt.timedelta(microseconds=1) * _NANOSECONDS_EACH if since >= dt.timedelta() else None
