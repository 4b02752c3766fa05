"""What happens from now on: the messages of some streams as they are stored, in one queue. Begun before something is
asked for, it misses no answer.
"""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Callable, Sequence

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from shared.following import Follower, Stored
from shared.reading import last_sequence

Arrived = tuple[str, Stored]
"""A stream's name and one message of it."""


@contextlib.asynccontextmanager
async def following(jetstream: JetStreamContext, streams: Sequence[str]) -> "AsyncIterator[asyncio.Queue[Arrived]]":
    """Put everything that is stored from now on into a queue. Raises ``StreamMissing``."""
    queue: asyncio.Queue[Arrived] = asyncio.Queue()
    async with contextlib.AsyncExitStack() as stack:
        for stream in streams:
            _, last = await last_sequence(jetstream, stream)
            follower = Follower(jetstream, stream, _into(queue, stream), last_per_subject=False)
            follower.applied = last  # the past is not asked for
            stack.push_async_callback(follower.stop)
            await follower.start()
        yield queue


def _into(queue: "asyncio.Queue[Arrived]", stream: str) -> Callable[[Stored], None]:
    return lambda stored: queue.put_nowait((stream, stored))


@contextlib.asynccontextmanager
async def overhearing(
    client: Client, subject: str, stream: str, queue: "asyncio.Queue[Arrived]"
) -> AsyncIterator[None]:
    """Put what is published on a subject into a queue. A work queue can't be followed: what is read there is gone for
    those it was meant for. So this listens on the way to it, and knows no sequences.
    """

    async def take(message: Msg) -> None:
        now = dt.datetime.now(dt.UTC)
        queue.put_nowait((stream, Stored(message.subject, 0, message.data, message.headers or {}, now)))

    subscription = await client.subscribe(subject, cb=take)
    try:
        await client.flush()
        yield
    finally:
        await subscription.unsubscribe()


async def snapshot_of(jetstream: JetStreamContext, stream: str, take: Callable[[Stored], None]) -> dt.datetime | None:
    """Hand the last message of every subject of a stream to a function, and return when the stream was made.

    Raises ``StreamMissing``.
    """
    follower = Follower(jetstream, stream, take, last_per_subject=True)
    try:
        await follower.start()
        return follower.created
    finally:
        await follower.stop()
