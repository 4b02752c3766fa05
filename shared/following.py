"""Following a stream from its beginning into the live present: a snapshot (the last message of each subject, or all of
them), then every new message in order. It guarantees that nothing between is skipped or shown twice, that it notices
when the stream was deleted, made anew, or put back from a backup, and that ``catch_up`` returns only when everything
stored before the call was applied. What the messages mean is left to the function that gets them.

Two habits of nats-py shape it. A callback that awaits defeats flow control and loses messages without a word, so the
function that applies must not await. And its ordered consumers take 18 s to recover after a server's restart, so this
module counts for itself and starts over from the next sequence; how messages come is told in ``straight.py``.
"""

import asyncio
import contextlib
import datetime as dt
import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import structlog
from nats.errors import Error as NatsError
from nats.js import JetStreamContext, api
from nats.js.errors import NotFoundError

from shared.ending import end
from shared.errors import StreamMissing
from shared.straight import Reader, read_on
from shared.telemetry import READ_AGAIN

LOOK_SECONDS = 1.0
"""How often the stream itself is looked at."""
STALLED_SECONDS = 1.0
"""How long messages may be missing before the reader is made again."""
MOST_AHEAD, AHEAD_SECONDS = 100, 1.0
"""In a cluster the reader is served by any member, which may have applied some messages before the stream's leader has:
so far, and for so long, the leader may tell less than was read already without being put back.
"""

log = structlog.get_logger(__name__)


class Stored(NamedTuple):
    """One message of a stream. A tuple, for they are made by the hundred thousand."""

    subject: str
    sequence: int
    data: bytes
    headers: Mapping[str, str]
    stored_at: dt.datetime


class Follower:
    """One reader of one stream. ``apply`` is called in the order of the stream and must not await.

    ``restarted`` is called when the stream turns out to be another one (made anew, or a restored backup) before its
    snapshot is applied: the reader's last known view should stay, for what is absent proves nothing.
    """

    def __init__(
        self,
        jetstream: JetStreamContext,
        stream: str,
        apply: Callable[[Stored], None],
        *,
        last_per_subject: bool,
        restarted: Callable[[], None] | None = None,
    ) -> None:
        self._jetstream = jetstream
        self._stream = stream
        self._apply = apply
        self._last_per_subject = last_per_subject
        self._restarted = restarted
        self._reader: Reader | None = None
        self._watch: asyncio.Task[None] | None = None
        self._advanced = asyncio.Event()
        self._generation = 0
        self._expected_delivery = 1
        self._is_broken = False
        self._lock = asyncio.Lock()
        self.applied = 0
        """Everything up to this sequence was applied."""
        self.created: dt.datetime | None = None
        self.problem: str | None = "has not begun yet"
        """Why the view may be behind, for readiness; None when all is well."""

    async def start(self, timeout_seconds: float = 60.0) -> None:
        """Read the snapshot and go on following. Raises ``StreamMissing`` when there is no such stream."""
        await self._begin()
        await self.catch_up(timeout_seconds)
        self._watch = asyncio.create_task(self._keep_watch(), name=f"follow {self._stream}")

    async def stop(self) -> None:
        """Stop following."""
        if self._watch:
            await end(self._watch)
        await self._end_reader()

    async def catch_up(self, timeout_seconds: float = 10.0) -> int:
        """Apply everything that was stored before this call, and return the last sequence.

        Raises ``StreamMissing`` when the stream is gone, ``TimeoutError`` when it can't be reached in time.
        """
        async with asyncio.timeout(timeout_seconds):
            last = await self._look()
            patience_seconds = STALLED_SECONDS
            while self.applied < last:
                before, generation = self.applied, self._generation
                self._advanced.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(patience_seconds):
                        await self._advanced.wait()
                if self._is_broken or self.applied == before:
                    patience_seconds = min(patience_seconds * 2, 30.0)
                    await self._subscribe_again(generation)
            self.problem = None
            return last

    async def _look(self) -> int:
        """Read the stream's last sequence; start over when it is another stream than the one that was read."""
        # Noted first: while the server answers, newer messages may be applied, or others may start over.
        before, generation = self.applied, self._generation
        believe_at = time.monotonic() + AHEAD_SECONDS
        while True:
            if generation != self._generation:
                before, generation = self.applied, self._generation
            information = await self._information()
            last = information.state.last_seq
            is_made_anew = self.created is not None and information.created != self.created
            if not is_made_anew and last >= before:
                return last
            if not is_made_anew and before - last <= MOST_AHEAD and time.monotonic() < believe_at:
                await asyncio.sleep(0.02)
                continue
            async with self._lock:
                if generation == self._generation:
                    reason = "was made anew" if is_made_anew else "was put back to an earlier state"
                    log.warning("stream is another one", stream=self._stream, reason=reason, applied=before, last=last)
                    self.problem = f"{self._stream} {reason}; reading it again"
                    self.applied = 0
                    self.created = information.created
                    if self._restarted:
                        self._restarted()
                    await self._subscribe()
                    return last

    async def _information(self) -> api.StreamInfo:
        try:
            return await self._jetstream.stream_info(self._stream)
        except NotFoundError:
            self.problem = f"{self._stream} does not exist; run: watchword init"
            raise StreamMissing(self.problem) from None

    async def _begin(self) -> None:
        self.created = (await self._information()).created
        async with self._lock:
            await self._subscribe()

    async def _subscribe_again(self, generation: int) -> None:
        """Make the reader anew, unless somebody did so since this generation."""
        async with self._lock:
            if generation == self._generation:
                READ_AGAIN.labels(self._stream).inc()
                log.info("reading a stream again", stream=self._stream, after=self.applied)
                await self._subscribe()

    async def _end_reader(self) -> None:
        reader, self._reader = self._reader, None
        self._generation += 1
        if reader:
            with contextlib.suppress(NatsError, asyncio.TimeoutError):
                await reader.stop()

    async def _subscribe(self) -> None:
        await self._end_reader()
        generation = self._generation
        self._expected_delivery = 1
        self._is_broken = False
        # Read before subscribing: when the snapshot holds nothing newer, the present begins here.
        present = (await self._information()).state.last_seq
        is_snapshot = self.applied == 0 and self._last_per_subject
        config = api.ConsumerConfig(
            deliver_policy=api.DeliverPolicy.LAST_PER_SUBJECT if is_snapshot else api.DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=None if is_snapshot else self.applied + 1,
        )

        def receive(subject: str, reply: str, data: bytes, headers: Mapping[str, str]) -> None:
            self._receive(subject, reply, data, headers, generation, present)

        self._reader = await read_on(self._jetstream, self._stream, config, receive)
        if self._reader.has_nothing_to_send:
            self.applied = max(self.applied, present)
            self._advanced.set()

    def _receive(
        self, subject: str, reply: str, data: bytes, headers: Mapping[str, str], generation: int, present: int
    ) -> None:
        if generation != self._generation or self._is_broken:
            return
        sequence, delivery, nanoseconds, pending = _place(reply)
        if delivery != self._expected_delivery:  # something was dropped on its way
            self._is_broken = True
            self._advanced.set()
            return
        self._expected_delivery += 1
        if sequence > self.applied:
            stored_at = dt.datetime.fromtimestamp(nanoseconds / 1e9, dt.UTC)
            self._apply(Stored(subject, sequence, data, headers, stored_at))
            self.applied = sequence
        if pending == 0:
            self.applied = max(self.applied, present)
        self._advanced.set()

    async def _keep_watch(self) -> None:
        """Look at the stream every second: is it still the same, is the reader alive, and is everything applied?"""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                generation = self._generation
                if self._reader and not await self._is_alive(self._reader):
                    await self._subscribe_again(generation)
                await self.catch_up(STALLED_SECONDS * 10)
            except StreamMissing:
                continue
            except (NatsError, TimeoutError) as unreachable:
                self.problem = f"{self._stream} can't be read: {type(unreachable).__name__}"

    async def _is_alive(self, reader: Reader) -> bool:
        """Say whether the server still has the consumer; a restarted server forgets it. In a cluster one server alone
        has it, and while that one is cut off nobody answers for it, though everybody does for the stream.
        """
        try:
            await self._jetstream.consumer_info(self._stream, reader.consumer)
        except NotFoundError:
            return False
        except TimeoutError:  # nats-py's own is one of these
            await self._information()
            return False
        return True


def _place(reply: str) -> Iterable[int]:
    """Return what the reply subject of a delivered message says: its sequence in the stream, which delivery of the
    consumer it is, when it was stored, and how many are still to come. nats-py's objects for it cost as much as all
    else here, which is felt with 600,000 messages.
    """
    tokens = reply.split(".")
    first = 5 if len(tokens) == 9 else 7  # where the server has a domain, two more stand before
    return map(int, tokens[first : first + 4])
