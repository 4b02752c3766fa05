"""The pull subscribers of a stage: one FastStream subscriber for each slot, so that a stage takes what it has free
slots for and never more. Around each fetch stands a gate, for what FastStream and nats-py leave open: a deleted
consumer makes a subscriber silent for ever (here it is made again), an unknown error ends it (here it waits and goes
on), and stopping leaves a message that was just fetched stuck until ack_wait (here it is handed back). What becomes of
a message stands in ``handling.py``.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import structlog
from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, NatsMessage, PullSub
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from shared.declaring import ensure_consumer
from shared.ending import end
from shared.errors import StreamDiffers, StreamMissing
from shared.handling import MOST_DELIVERIES, Handle, Handling, reason_of
from shared.streams import Consumer
from shared.telemetry import HANDLING_SECONDS, MESSAGES

FETCH_SECONDS = 1.0
"""How long one pull waits. Cancelling a pull in the middle hangs on Python 3.11, so stopping lets the last one end."""
LOOK_SECONDS = 2.0
SILENT_SECONDS = 10.0
"""A slot that neither fetched nor handled for this long is no longer consuming."""
DRAIN_SECONDS = 7.0
"""How long what was begun may go on when the stage stops; then it is handed back, and all of it takes ten at most."""

log = structlog.get_logger(__name__)
BeforeTaking: TypeAlias = Callable[[], Awaitable[None]]
"""What a slot waits for before it takes its next message, a moment at most."""


@dataclass(slots=True)
class _Gate:
    """Stands between FastStream's loop and the real subscription of one slot."""

    inner: JetStreamContext.PullSubscription
    owner: "Subscriptions"
    before_taking: BeforeTaking | None = None
    fetched_at: float = field(default_factory=time.monotonic)
    problem: str | None = None
    is_parked: bool = False

    async def fetch(self, batch: int = 1, timeout: float | None = FETCH_SECONDS) -> list[Msg]:
        if self.before_taking is not None:
            await self.before_taking()
        if self.owner.is_draining:
            self.is_parked = True
            self.owner.settled()
            await asyncio.Event().wait()
        try:
            messages = await self.inner.fetch(batch, timeout)
        except (NatsTimeoutError, TimeoutError):
            messages = []
        except (NatsError, OSError) as failed:
            # Told by readiness, healed by the watch; without a pause this would be a hot loop.
            self.problem = f"can't fetch: {reason_of(failed)}"
            await asyncio.sleep(0.5)
            return []
        self.problem = None
        self.fetched_at = time.monotonic()
        if self.owner.is_draining:
            for message in messages:
                with contextlib.suppress(NatsError):
                    await message.nak()
            return []
        return messages

    async def unsubscribe(self) -> None:
        await self.inner.unsubscribe()


class Subscriptions:
    """All pull subscribers of one stage. Add them before the broker starts, then ``open`` once it is connected."""

    def __init__(
        self, broker: NatsBroker, stage: str, *, inbox_prefix: str = "_INBOX", addressed_only: bool = False
    ) -> None:
        self._broker = broker
        self._stage = stage
        self._inbox_prefix = inbox_prefix
        self._handling = Handling(stage, lambda: self._jetstream, addressed_only=addressed_only)
        self._slots: list[tuple[object, BeforeTaking | None]] = []
        self._gates: list[_Gate] = []
        self._consumers: dict[tuple[str, str], Consumer] = {}
        self._problems: dict[tuple[str, str], str] = {}
        self._busy = 0
        self._watch: asyncio.Task[None] | None = None
        self._settled = asyncio.Event()
        self.is_draining = False

    def add(
        self,
        consumer: Consumer,
        handle: Handle,
        *,
        kind: str,
        slots: int = 1,
        most_deliveries: int | None = MOST_DELIVERIES,
        before_taking: BeforeTaking | None = None,
    ) -> None:
        """Give a consumer this many slots. ``most_deliveries`` None: handing back is normal for it, and only what fails
        so often here is given up. Each slot awaits ``before_taking`` before it takes a message.
        """
        self._consumers[consumer.stream, consumer.name] = consumer

        async def receive(message: NatsMessage) -> None:
            raw = message.raw_message
            if isinstance(raw, Msg):
                await self._receive(raw, consumer, handle, kind, most_deliveries)

        for _ in range(slots):
            subscriber = self._broker.subscriber(
                consumer.filter_subjects[0],
                stream=JStream(consumer.stream, declare=False),
                durable=consumer.name,
                config=consumer.config(),
                pull_sub=PullSub(batch_size=1, timeout=FETCH_SECONDS),
                ack_policy=AckPolicy.MANUAL,
                no_reply=True,
                inbox_prefix=f"{self._inbox_prefix}.".encode(),  # FastStream does not ask the connection for it
                decoder=_leave_as_it_is,
            )
            subscriber(receive)
            self._slots.append((subscriber, before_taking))

    @property
    def has_slots(self) -> bool:
        """Say whether this stage pulls at all."""
        return bool(self._slots)

    @property
    def _jetstream(self) -> JetStreamContext:
        return self._broker.connection.jetstream()

    async def prepare(self) -> None:
        """Create the consumers, before the broker starts to fetch. Raises ``StreamMissing``."""
        for consumer in self._consumers.values():
            await ensure_consumer(self._jetstream, consumer)

    def open(self) -> None:
        """Put the gates in place once the broker has started, and begin to watch."""
        for subscriber, before_taking in self._slots:
            inner = subscriber.subscription  # type: ignore[attr-defined] # FastStream types it by broker
            gate = _Gate(inner, self, before_taking)
            subscriber.subscription = gate  # type: ignore[attr-defined]
            self._gates.append(gate)
        self._watch = asyncio.create_task(self._heal(), name=f"watch the consumers of {self._stage}")

    async def drain(self, timeout_seconds: float | None = None) -> None:
        """Take no more messages, let what was begun finish, hand back what was only fetched."""
        self.is_draining = True
        self._handling.stop()
        if self._watch:
            await end(self._watch)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS if timeout_seconds is None else timeout_seconds):
                while self._busy or not all(gate.is_parked for gate in self._gates):
                    self._settled.clear()
                    await self._settled.wait()

    def settled(self) -> None:
        """Note that a slot has come to rest; ``drain`` looks again."""
        self._settled.set()

    def problems(self) -> list[str]:
        """Return what keeps this stage from consuming, for people; empty when all is well."""
        now = time.monotonic()
        found = list(self._problems.values())
        found += self._handling.problems()
        found += sorted({gate.problem for gate in self._gates if gate.problem})
        idle = [gate for gate in self._gates if not self._busy and now - gate.fetched_at > SILENT_SECONDS]
        if idle:
            found.append(f"{len(idle)} of {len(self._gates)} slots have not fetched for {SILENT_SECONDS:g} s")
        if not self._gates:
            found.append("the subscribers have not started yet")
        return found

    async def _heal(self) -> None:
        while True:
            for place, consumer in self._consumers.items():
                try:
                    await self._look_at(consumer)
                    self._problems.pop(place, None)
                except (StreamMissing, StreamDiffers) as missing:
                    self._problems[place] = str(missing)
                except (NatsError, TimeoutError) as unreachable:
                    self._problems[place] = f"{consumer.stream}: {reason_of(unreachable)}"
            await asyncio.sleep(LOOK_SECONDS)

    async def _look_at(self, consumer: Consumer) -> None:
        try:
            await self._jetstream.consumer_info(consumer.stream, consumer.name)
        except NotFoundError:
            await ensure_consumer(self._jetstream, consumer)
            log.warning("made a deleted consumer again", stream=consumer.stream, consumer=consumer.name)

    async def _receive(
        self, message: Msg, consumer: Consumer, handle: Handle, kind: str, most_deliveries: int | None
    ) -> None:
        began = time.monotonic()
        self._busy += 1
        try:
            outcome = await self._handling.handle(message, consumer, handle, most_deliveries)
        finally:
            self._busy -= 1
            self.settled()
        MESSAGES.labels(self._stage, kind, outcome).inc()
        HANDLING_SECONDS.labels(self._stage, kind).observe(time.monotonic() - began)


async def _leave_as_it_is(message: NatsMessage) -> NatsMessage:
    """Keep FastStream from decoding: what is no JSON must become a dead letter, not an exception before the handler.

    With the broker's ``apply_types`` off, what is returned here is what the subscriber gets: the message itself. By
    FastStream's own way, an annotated parameter, every message would wait for a thread.
    """
    return message
