"""Where does a stream end, and when was stored what stands there? Both from one answer of the stream's leader. The time
tells two histories apart that are of the same length: before and after a backup was put back.

A leader that is cut off from the other members of its cluster, but not from its clients, goes on answering for about
20 s (NATS 2.15), while the others have elected another one after 4 s at the earliest. So it is believed as long as it
has heard from most of them within less than that; they report to it each second.
"""

import asyncio
import datetime as dt
import json
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from shared.errors import StreamCutOff, StreamMissing

NO_SUCH_MESSAGE = (10037, 10043, 10057)
"""JetStream's errors about a message that is gone, when it is read or deleted."""
_EPOCH = dt.datetime.fromtimestamp(0, dt.UTC)
_NANOSECONDS_EACH = 1000
HEARD_WITHIN_SECONDS = 3.0
_PATIENCE_SECONDS = 2.0
"""One that has just been elected has not heard from anybody."""


class End(NamedTuple):
    """The end of a stream. Its last message may have been removed meanwhile."""

    created: dt.datetime | None
    sequence: int
    stored_at: int | None
    """In nanoseconds, of which the last three are left out; None when the server does not know it any more."""
    leader: str | None = None
    """Which server said so; None when there is but one."""


def is_same_time(one: int | None, other: int | None) -> bool:
    """Say whether two messages may have been stored at the same time; one of which it is not known may be."""
    return one is None or other is None or one // _NANOSECONDS_EACH == other // _NANOSECONDS_EACH


async def stream_end(jetstream: JetStreamContext, stream: str) -> End:
    """Return where a stream ends. Raises ``StreamMissing`` when there is no such stream, and ``StreamCutOff`` when the
    server that answers may not know its end.
    """
    give_up_at = time.monotonic() + _PATIENCE_SECONDS
    while True:
        told = await stream_information(jetstream, stream)
        cluster = told.get("cluster") or {}
        if _knows_the_end(cluster):
            break
        if time.monotonic() > give_up_at:
            message = f"{stream}: the NATS server that answers is cut off from the other members of its cluster"
            raise StreamCutOff(message)
        await asyncio.sleep(0.1)
    created, state = told["created"], told["state"]
    stored_at = _nanoseconds(state.get("last_ts"))
    return End(dt.datetime.fromisoformat(created), state["last_seq"], stored_at, cluster.get("leader"))


async def end_if_empty_after(jetstream: JetStreamContext, stream: str, sequence: int) -> End | None:
    """Return where a stream ends when nothing is stored after a place any more, for it was removed; None when something
    is, or when who leads the stream changes meanwhile: a new leader may not yet have what the old one told of.

    Only the leader can say so. A consumer, or a direct get, is served by any member, and one that comes back after a
    while says "no more" at each message that it catches up with. Raises as ``stream_end`` does.
    """
    before = await stream_end(jetstream, stream)
    if await ask_leader(jetstream, "STREAM.MSG.GET", stream, {"seq": sequence + 1, "next_by_subj": ">"}) is not None:
        return None
    after = await stream_end(jetstream, stream)
    return before if (before.leader, before.created) == (after.leader, after.created) else None


async def stream_information(jetstream: JetStreamContext, stream: str) -> dict[str, Any]:
    """Return what a server tells of a stream, whoever answers. Raises ``StreamMissing`` when there is none."""
    return await ask_leader(jetstream, "STREAM.INFO", stream) or {}


async def ask_leader(
    jetstream: JetStreamContext, what: str, stream: str, request: Mapping[str, object] | None = None
) -> dict[str, Any] | None:
    """Return what the server that takes itself for a stream's leader answers, None when it has no such message. Raises
    ``StreamMissing`` when there is no such stream.
    """
    try:
        # nats-py's own calls leave the time of a stream's end out, and read a message's headers otherwise than we do.
        told: dict[str, Any] = await jetstream._api_request(  # noqa: SLF001
            f"{jetstream._prefix}.{what}.{stream}",  # noqa: SLF001
            json.dumps(request).encode() if request else b"",
            timeout=jetstream._timeout,  # noqa: SLF001
        )
    except NotFoundError as missing:
        if missing.err_code in NO_SUCH_MESSAGE:
            return None
        message = f"stream {stream} does not exist; run: watchword init"
        raise StreamMissing(message) from None
    return told


def _knows_the_end(cluster: Mapping[str, Any]) -> bool:
    """Say whether a server is the leader and has most members with it; a single one has nobody to ask."""
    others = cluster.get("replicas") or []
    if not others:
        return True
    # One that it has never heard from is told as 0.
    heard = sum(0 < other.get("active", 0) < HEARD_WITHIN_SECONDS * 1e9 for other in others)
    return bool(cluster.get("leader")) and 2 * (heard + 1) > len(others) + 1


def _nanoseconds(text: str | None) -> int | None:
    if text is None:
        return None
    since = dt.datetime.fromisoformat(text) - _EPOCH
    # A server that was killed after its last message was removed tells of the year 1.
    return since // dt.timedelta(microseconds=1) * _NANOSECONDS_EACH if since >= dt.timedelta() else None
