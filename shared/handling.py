"""What becomes of one message that a stage has fetched? It is kept alive while it is handled, acknowledged when done, a
dead letter when it can't be handled, and handed back with a delay when a handler failed. While NATS does not take what
comes of it, it waits: here where deliveries are counted, so that no outage makes a dead letter of it, elsewhere handed
back. Nothing is redelivered in a hot loop, nothing is dropped, and what keeps messages from being done is told.
"""

import asyncio
import contextlib
import datetime as dt
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import structlog
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import APIError

from shared.addressed import require
from shared.dead_letters import DeadLetter, bury
from shared.errors import MessageRefused, PublishUnconfirmed, StreamFull, StreamMissing
from shared.following import Stored
from shared.streams import Consumer
from shared.telemetry import DEAD_LETTERS

MOST_DELIVERIES = 5
FIRST_RETRY_SECONDS = 0.5
"""After a handler failed; twice as long each time."""
LONGEST_RETRY_SECONDS = 30.0
FULL_SECONDS = 60.0
"""How long a stage is unready after a stream had no room, unless the next message goes well: longer than until the same
is tried again.
"""
AWAY_SECONDS = 8.0
"""And after NATS did not answer: until the next try has waited for an acknowledgement, too. That NATS is there again is
known by other signs, and the message may be another's.
"""
RETRY_SECONDS = 1.0
"""Until it is asked again."""
_MOST_REMEMBERED = 1000
AWAY = (PublishUnconfirmed, StreamMissing, NatsError, TimeoutError)
"""What says that NATS does not take something, or does not answer."""

log = structlog.get_logger(__name__)
Handle = Callable[[Stored, int], Awaitable[None]]
"""What a stage does with one message and the number of its delivery. Returning acknowledges it."""


class HandBack(Exception):
    """Raised by a handler: hand the message back, to be delivered again after a delay."""

    def __init__(self, delay_seconds: float, reason: str) -> None:
        super().__init__(reason)
        self.delay_seconds = delay_seconds


class Handling:
    """How all messages of one stage are handled."""

    def __init__(self, stage: str, jetstream: Callable[[], JetStreamContext], *, addressed_only: bool) -> None:
        self._stage = stage
        self._jetstream = jetstream
        self._addressed_only = addressed_only
        self._failures: dict[tuple[str, int], tuple[int, str]] = {}
        """How often the messages failed that are tried again, and how, for the reason of their dead letter."""
        self._waiting: dict[tuple[str, str], tuple[str, float]] = {}
        """Why a consumer's last message waits for NATS, and until when that is told."""
        self._is_stopping = asyncio.Event()

    def problems(self) -> list[str]:
        """Return what keeps messages from being done, for people."""
        now = time.monotonic()
        return sorted({why for why, until in self._waiting.values() if now < until})

    def stop(self) -> None:
        """Hand back what waits for NATS."""
        self._is_stopping.set()

    async def handle(self, message: Msg, consumer: Consumer, handle: Handle, most_deliveries: int | None) -> str:
        """Handle one message and return what became of it: ``done``, ``dead_letter``, ``handed_back`` or ``failed``.
        ``most_deliveries`` None: handing back is normal for it, and only what fails so often here is given up.
        """
        metadata = message.metadata
        stored = Stored(
            message.subject,
            metadata.sequence.stream,
            message.data,
            message.headers or {},
            metadata.timestamp.astimezone(dt.UTC),
        )
        deliveries = metadata.num_delivered
        place = consumer.stream, stored.sequence

        async def settle() -> str:
            return await self._settle(stored, consumer, handle, deliveries, most_deliveries)

        try:
            async with _held(message, consumer.ack_wait_seconds / 3):
                outcome = await (settle() if most_deliveries is None else self._patiently(settle, stored, consumer))
            await message.ack()
            self._failures.pop(place, None)
            self._waiting.pop((consumer.stream, consumer.name), None)
        except HandBack as back:
            await self._hand_back(message, back.delay_seconds)
            return "handed_back"
        except AWAY as away:
            await self._hand_back(message, self._note_away(away, stored, consumer, deliveries))
            return "handed_back"
        except asyncio.CancelledError:
            await self._hand_back(message, 0)
            raise
        except Exception as bug:
            # A bug of ours. The message is tried again a few times, then it is a dead letter like any other.
            log.exception("failed to handle a message", subject=stored.subject, sequence=stored.sequence)
            failures, _ = self._failures.pop(place, (0, ""))
            if len(self._failures) >= _MOST_REMEMBERED:
                del self._failures[next(iter(self._failures))]
            self._failures[place] = failures + 1, f"{type(bug).__name__}: {bug}"
            await self._hand_back(message, _retry_seconds(deliveries))
            return "failed"
        return outcome

    async def _settle(
        self, stored: Stored, consumer: Consumer, handle: Handle, deliveries: int, most_deliveries: int | None
    ) -> str:
        failures, why = self._failures.get((consumer.stream, stored.sequence), (0, f"see the log of {self._stage}"))
        try:
            require(consumer.stream, stored.headers, addressed_only=self._addressed_only)
            if deliveries > most_deliveries if most_deliveries is not None else failures >= MOST_DELIVERIES:
                await self._bury(stored, consumer, f"given up at delivery {deliveries}: {why}")
                return "dead_letter"
            await handle(stored, deliveries)
        except MessageRefused as refused:
            await self._bury(stored, consumer, str(refused))
            return "dead_letter"
        return "done"

    async def _patiently(self, settle: Callable[[], Awaitable[str]], stored: Stored, consumer: Consumer) -> str:
        """Settle a message, again and again while NATS does not take what comes of it, until this stage stops."""
        tries = 0
        while True:
            try:
                return await settle()
            except AWAY as away:
                delay_seconds = self._note_away(away, stored, consumer, tries)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(delay_seconds):
                        await self._is_stopping.wait()
                if self._is_stopping.is_set():
                    raise
                tries += 1

    def _note_away(self, away: Exception, stored: Stored, consumer: Consumer, tries: int) -> float:
        """Tell why a message waits, and return for how many seconds."""
        why = reason_of(away)
        is_full = isinstance(away, StreamFull)
        until = time.monotonic() + (FULL_SECONDS if is_full else AWAY_SECONDS)
        self._waiting[consumer.stream, consumer.name] = (f"messages wait: {why}", until)
        event = "a message waits, a stream is full" if is_full else "a message waits, NATS is away"
        log.warning(event, subject=stored.subject, error=why)
        return _retry_seconds(tries) if is_full else RETRY_SECONDS

    @staticmethod
    async def _hand_back(message: Msg, delay_seconds: float) -> None:
        with contextlib.suppress(NatsError):
            await message.nak(delay_seconds or None)

    async def _bury(self, stored: Stored, consumer: Consumer, reason: str) -> None:
        information = await self._jetstream().stream_info(consumer.stream)
        letter = DeadLetter(
            self._stage,
            reason,
            stored.subject,
            consumer.stream,
            stored.sequence,
            stored.data,
            stored.headers,
            stored.stored_at,
        )
        sequence = await bury(self._jetstream(), letter, stream_created=information.created)
        DEAD_LETTERS.labels(self._stage).inc()
        log.warning("refused a message", subject=stored.subject, reason=reason, dead_letter=sequence)


def reason_of(error: Exception) -> str:
    """Return an error's words, or its name where it has none. Of a bare status nats-py makes one whose words are None,
    None and None.
    """
    is_bare = isinstance(error, APIError) and error.description is None
    return (not is_bare and str(error)) or type(error).__name__


def _retry_seconds(deliveries: int) -> float:
    return float(min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** min(deliveries, 10)))


@contextlib.asynccontextmanager
async def _held(message: Msg, every_seconds: float) -> AsyncIterator[None]:
    """Say ``in_progress`` while the block runs, so that a long run keeps its message."""

    async def say() -> None:
        while True:
            await asyncio.sleep(every_seconds)
            with contextlib.suppress(NatsError):
                await message.in_progress()

    task = asyncio.create_task(say())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
