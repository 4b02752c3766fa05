"""How do hundreds of thousands of stored messages reach whoever reads them without a queue and a task between? Straight
from the connection: the reader's function is called while nats-py still reads from its socket, so nothing piles up that
flow control does not know of. Of a client that is not ours it is called by nats-py as usual. What the server says to
steer the flow is answered here; that nothing is missing, and that the consumer lives, is watched over by the follower.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js import JetStreamContext, api

from shared.careful_client import CarefulClient
from shared.headers import PLAIN, StoredHeaders

HEARTBEAT_SECONDS = 5.0
MOST_PENDING, MOST_PENDING_BYTES = 2_000_000, 1024**3
_DATA = b"$JS.ACK."

Receive: TypeAlias = Callable[[str, str, bytes, Mapping[str, str]], None]
"""Gets subject, reply, data and headers of one message, and must not await."""


class StraightClient(CarefulClient):
    """A client that calls some readers straight."""

    def __init__(self) -> None:
        super().__init__()
        self._straight: dict[int, Receive] = {}

    def go_straight(self, subscription: Subscription, receive: Receive | None) -> None:
        """Call this function for each stored message of a subscription from now on, or for none any more."""
        if receive is None:
            self._straight.pop(subscription._id, None)  # noqa: SLF001
        else:
            self._straight[subscription._id] = receive  # noqa: SLF001

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes | None) -> None:
        receive = self._straight.get(sid)
        if receive is None or not reply.startswith(_DATA):
            await super()._process_msg(sid, subject, reply, data, headers)  # type: ignore[arg-type] # it has no type
            return
        if headers is None:
            found: Mapping[str, str] = {}
        elif headers.startswith(PLAIN):
            found = StoredHeaders(headers)
        else:
            found = await self._process_headers(headers) or {}
        try:
            receive(subject.decode(), reply.decode(), data, found)
        except Exception as failed:  # noqa: BLE001 (as nats-py does: told, and the connection goes on)
            await self._error_cb(failed)


@dataclass(frozen=True, slots=True)
class Reader:
    """A consumer of a stream that pushes what is stored there, and our end of it."""

    consumer: str
    subscription: Subscription
    has_nothing_to_send: bool
    """There was nothing to be read when it was made."""

    async def stop(self) -> None:
        """Read no more; the server removes the consumer some time later."""
        client = self.subscription._conn  # noqa: SLF001
        if isinstance(client, StraightClient):
            client.go_straight(self.subscription, None)
        await self.subscription.unsubscribe()


async def read_on(jetstream: JetStreamContext, stream: str, config: api.ConsumerConfig, receive: Receive) -> Reader:
    """Let the messages of a stream come, in order, each delivered once at most; ``config`` says from where on."""
    client = jetstream._nc  # noqa: SLF001

    async def take(message: Msg) -> None:
        headers = message.headers or {}
        if message.reply.startswith(_DATA.decode()):  # never by a header, which whoever publishes could forge
            receive(message.subject, message.reply, message.data, headers)
        elif answer := message.reply or headers.get(api.Header.CONSUMER_STALLED.value):
            await client.publish(answer)

    inbox = client.new_inbox()
    subscription = await client.subscribe(
        inbox, cb=take, pending_msgs_limit=MOST_PENDING, pending_bytes_limit=MOST_PENDING_BYTES
    )
    if isinstance(client, StraightClient):
        client.go_straight(subscription, receive)
    ordered = config.evolve(
        deliver_subject=inbox,
        ack_policy=api.AckPolicy.NONE,
        max_deliver=1,
        flow_control=True,
        idle_heartbeat=HEARTBEAT_SECONDS,
        inactive_threshold=30.0,
        num_replicas=1,
        mem_storage=True,
    )
    try:
        made = await jetstream.add_consumer(stream, ordered, filter_subject=">")
    except BaseException:
        await subscription.unsubscribe()
        raise
    is_begun = made.delivered is not None and made.delivered.consumer_seq > 0
    return Reader(made.name, subscription, not made.num_pending and not is_begun)
