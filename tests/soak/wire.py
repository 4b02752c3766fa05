"""How does the referee talk to NATS? As any other program would: raw bytes stored with an acknowledgement, streams read
by their sequence, and plain subscriptions for what is to be noticed at once. All of it is repeated while NATS is away.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.errors import Error as JetStreamError

from tests.soak.verdicts import seconds

_ANSWER_SECONDS = 4.0
_PAGE = 500


@dataclass(frozen=True)
class Stored:
    """One message of a stream."""

    subject: str
    sequence: int
    body: bytes
    stored_at: float


class Wire:
    """A connection that never gives up."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._next: dict[str, int] = {}
        self._created: dict[str, str] = {}

    async def close(self) -> None:
        """Close the connection."""
        await self._client.close()

    async def created(self, stream: str) -> str:
        """Return a stream's creation as ids have it: microseconds since 1970."""
        if stream not in self._created:
            information = await self._client.jetstream().stream_info(stream)
            assert information.created is not None
            self._created[stream] = str(round(information.created.timestamp() * 1_000_000))
        return self._created[stream]

    async def leader_of(self, stream: str, default: int) -> int:
        """Return the number of the server that leads a stream: the last part of its name."""
        try:
            information = await self._client.jetstream().stream_info(stream)
        except (NatsError, JetStreamError, TimeoutError):
            return default
        leader = (information.cluster.leader if information.cluster else None) or ""
        return int(leader.rpartition("-")[2]) if leader else default

    async def delete_consumer(self, stream: str) -> str | None:
        """Delete the durable consumer of a stream that has most to do, and return its name."""
        jetstream = self._client.jetstream()
        try:
            consumers = [one for one in await jetstream.consumers_info(stream) if one.config.durable_name]
            if not consumers:
                return None
            busiest = max(consumers, key=lambda one: (one.delivered.stream_seq if one.delivered else 0, one.name))
            await jetstream.delete_consumer(stream, busiest.name)
        except (NatsError, JetStreamError, TimeoutError):
            return None
        return busiest.name

    async def store(self, subject: str, body: bytes, message_id: str, *, try_seconds: float = 180.0) -> int:
        """Store a message once, whatever it takes, and return its sequence."""
        deadline = time.monotonic() + try_seconds
        while True:
            try:
                stored = await self._client.jetstream().publish(
                    subject, body, headers={"Nats-Msg-Id": message_id}, timeout=_ANSWER_SECONDS
                )
            except (NatsError, JetStreamError, TimeoutError):
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.25)
            else:
                return stored.seq

    async def news(self, stream: str) -> AsyncIterator[Stored]:
        """Yield what was added to a stream since the last time, as far as NATS answers."""
        while True:
            page = await self._page(stream, self._next.get(stream, 1))
            for message in page:
                self._next[stream] = message.sequence + 1
                yield message
            if len(page) < _PAGE:
                return

    async def on_next(self, subject: str, timeout_seconds: float) -> bytes | None:
        """Wait for the next message of a subject and return its body; None when there is none in time."""
        arrived: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def take(message: Msg) -> None:
            if not arrived.done():
                arrived.set_result(message.data)

        subscription = await self._client.subscribe(subject, cb=take)
        try:
            async with asyncio.timeout(timeout_seconds):
                return await arrived
        except TimeoutError:
            return None
        finally:
            await _quietly(subscription.unsubscribe)

    async def _page(self, stream: str, begin: int) -> list[Stored]:
        """Read some messages by direct get; an answer that is cut short is simply a shorter page."""
        page: list[Stored] = []
        inbox = self._client.new_inbox()
        try:
            subscription = await self._client.subscribe(inbox)
            asked = json.dumps({"seq": begin, "batch": _PAGE, "next_by_subj": ">"}).encode()
            await self._client.publish(f"$JS.API.DIRECT.GET.{stream}", asked, reply=inbox)
            while len(page) < _PAGE:
                message = await subscription.next_msg(timeout=_ANSWER_SECONDS)
                headers = message.headers or {}
                if "Status" in headers:
                    break
                at = seconds(headers["Nats-Time-Stamp"])
                page.append(Stored(headers["Nats-Subject"], int(headers["Nats-Sequence"]), message.data, at))
            await subscription.unsubscribe()
        except (NatsError, TimeoutError):
            pass  # NATS is away; whoever asks again goes on behind what came
        return page


async def _quietly(call: Callable[[], Awaitable[None]]) -> None:
    with contextlib.suppress(NatsError):
        await call()


async def connected(url: str) -> Wire:
    """Connect, and go on trying whenever the connection is lost."""

    async def ignore(_: Exception) -> None:
        """Servers that are away are what this is about."""

    client = await nats.connect(
        url.split(","),
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.25,
        connect_timeout=5,
        error_cb=ignore,
        ping_interval=5,
    )
    return Wire(client)
