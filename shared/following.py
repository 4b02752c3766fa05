"""Following a stream from its beginning into the live present: a snapshot (the last message of each subject, or all of
them), then every new message in order. It guarantees that nothing between is skipped or shown twice, that it notices
when the stream was deleted, made anew, or put back from a backup, and that ``catch_up`` returns only when everything
stored before the call was applied. What the messages mean is left to the function that gets them.

Two habits of nats-py shape it. A callback that awaits defeats flow control and loses messages without a word, so the
function that applies must not await. And its ordered consumers take 18 s to recover after a server's restart, so this
module counts for itself and goes on from where it was. How messages come is told in ``straight.py``, how a backup that
was put back is told from the stream that was read in ``continuity.py``.
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

from shared.continuity import MADE_ANEW, PUT_BACK, Continuity
from shared.ending import end
from shared.errors import StreamCutOff, StreamMissing
from shared.straight import Reader, Receive, read_on
from shared.stream_end import End, end_if_empty_after, is_same_time, stream_end
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
        self._has_read_all = False
        """The server of the reader has nothing more; in a cluster it may be behind the stream's leader."""
        self._lock = asyncio.Lock()
        self._continuity = Continuity()
        self._stored_at: int | None = None
        """When the message at ``applied`` was stored, in nanoseconds."""
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

        Raises ``StreamMissing`` when the stream is gone, ``StreamCutOff`` when the server that answers may not know its
        end, ``TimeoutError`` when it can't be reached in time.
        """
        async with asyncio.timeout(timeout_seconds):
            last = await self._look()
            patience_seconds = STALLED_SECONDS
            while self.applied < last or not self._continuity.is_certain:
                if self._has_read_all and await self._goes_on_to_the_end():
                    continue
                before, generation = (self.applied, self._continuity.is_certain), self._generation
                self._advanced.clear()
                if not self._is_broken:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(patience_seconds):
                            await self._advanced.wait()
                if self._is_broken or (self.applied, self._continuity.is_certain) == before:
                    patience_seconds = min(patience_seconds * 2, 30.0)
                    await self._subscribe_again(generation)
            self.problem = None
            return last

    async def _look(self) -> int:
        """Read the stream's last sequence; start over when it is another stream than the one that was read."""
        # Noted first: while the server answers, newer messages may be applied, or others may start over.
        before, stored_at, generation = self.applied, self._stored_at, self._generation
        believe_at = time.monotonic() + AHEAD_SECONDS
        while True:
            if generation != self._generation:
                before, stored_at, generation = self.applied, self._stored_at, self._generation
            present = await self._end()
            last = present.sequence
            is_made_anew = self.created is not None and present.created != self.created
            if not is_made_anew and last >= before:
                is_other = last == before and not is_same_time(present.stored_at, stored_at)
                if is_other and self._continuity.is_certain:
                    await self._subscribe_again(generation)
                return last
            if not is_made_anew and before - last <= MOST_AHEAD and time.monotonic() < believe_at:
                await asyncio.sleep(0.02)
                continue
            async with self._lock:
                if generation == self._generation:
                    self.created = present.created
                    await self._start_over(MADE_ANEW if is_made_anew else PUT_BACK, last)
                    return last

    async def _start_over(self, reason: str, last: int) -> None:
        log.warning("stream is another one", stream=self._stream, reason=reason, applied=self.applied, last=last)
        self.problem = f"{self._stream} {reason}; reading it again"
        self.applied, self._stored_at = 0, None
        if self._restarted:
            self._restarted()
        await self._subscribe()

    async def _end(self) -> End:
        try:
            return await stream_end(self._jetstream, self._stream)
        except StreamMissing as missing:
            self.problem = str(missing)
            raise

    async def _begin(self) -> None:
        self.created = (await self._end()).created
        async with self._lock:
            # Whoever set ``applied`` wants what comes after it, whatever stands there.
            await self._subscribe(is_same=True)

    async def _subscribe_again(self, generation: int) -> None:
        """Make the reader anew, unless somebody did so since this generation."""
        async with self._lock:
            if generation != self._generation:
                return
            READ_AGAIN.labels(self._stream).inc()
            log.info("reading a stream again", stream=self._stream, after=self.applied)
            doubt, sure_consumer = self._continuity.doubt, self._continuity.sure_consumer
            if doubt is None:
                await self._subscribe()
            elif sure_consumer and await self._is_alive(sure_consumer):
                await self._subscribe(is_same=True)
            else:
                await self._start_over(doubt, (await self._end()).sequence)

    async def _end_reader(self) -> None:
        reader, self._reader = self._reader, None
        self._generation += 1
        if reader:
            self._continuity.end(reader.consumer)
            with contextlib.suppress(NatsError, asyncio.TimeoutError):
                await reader.stop()

    async def _subscribe(self, *, is_same: bool = False) -> None:
        await self._end_reader()
        generation = self._generation
        self._expected_delivery = 1
        self._is_broken = self._has_read_all = False
        is_certain = is_same or self.applied == 0
        self._continuity.begin(is_certain=is_certain)
        present = await self._end()
        if is_same and present.sequence == self.applied:
            self._stored_at = present.stored_at
        is_snapshot = self.applied == 0 and self._last_per_subject
        config = api.ConsumerConfig(
            deliver_policy=api.DeliverPolicy.LAST_PER_SUBJECT if is_snapshot else api.DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=None if is_snapshot else self.applied + 1 if is_certain else self.applied,
        )

        def receive(subject: str, reply: str, data: bytes, headers: Mapping[str, str]) -> None:
            self._receive(subject, reply, data, headers, generation)

        begin = receive if is_certain else self._checking(receive, generation)
        self._reader = await read_on(self._jetstream, self._stream, config, begin)
        if self._reader.has_nothing_to_send:
            self._continuity.see_nothing(present, self.applied, self._stored_at)
            self._is_broken = self._continuity.doubt is not None
            self._has_read_all = True
            self._advanced.set()

    async def _goes_on_to_the_end(self) -> bool:
        """Note it when nothing is stored any more between the last message and the end, by the word of the leader, and
        say whether that, or anything else, has brought us further.
        """
        before = self._generation, self.applied
        present = await end_if_empty_after(self._jetstream, self._stream, self.applied)
        is_as_it_was = before == (self._generation, self.applied) and self._continuity.is_certain
        if present and present.created == self.created and present.sequence > self.applied and is_as_it_was:
            self.applied, self._stored_at = present.sequence, present.stored_at
        return before != (self._generation, self.applied)

    def _checking(self, receive: Receive, generation: int) -> Receive:
        """Return what compares the first message with the one at ``applied``, and hands on each."""
        is_first = True

        def check(subject: str, reply: str, data: bytes, headers: Mapping[str, str]) -> None:
            nonlocal is_first
            if is_first and generation == self._generation:
                sequence, delivery, nanoseconds, _ = _place(reply)
                if delivery == self._expected_delivery:
                    self._continuity.see_first(sequence, nanoseconds, self.applied, self._stored_at)
                if self._continuity.doubt is not None:
                    self._is_broken = True
                    self._advanced.set()
            is_first = False
            receive(subject, reply, data, headers)

        return check

    def _receive(self, subject: str, reply: str, data: bytes, headers: Mapping[str, str], generation: int) -> None:
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
            self.applied, self._stored_at = sequence, nanoseconds
        self._has_read_all = pending == 0
        self._advanced.set()

    async def _keep_watch(self) -> None:
        """Look at the stream every second: is it still the same, is the reader alive, and is everything applied?"""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                generation = self._generation
                if self._reader and not await self._is_alive(self._reader.consumer):
                    await self._subscribe_again(generation)
                await self.catch_up(STALLED_SECONDS * 10)
            except StreamMissing:
                continue
            except StreamCutOff as cut_off:
                self.problem = str(cut_off)
            except (NatsError, TimeoutError) as unreachable:
                self.problem = f"{self._stream} can't be read: {type(unreachable).__name__}"

    async def _is_alive(self, consumer: str) -> bool:
        """Say whether the server still has the consumer; a restarted server forgets it. In a cluster one server alone
        has it, and while that one is cut off nobody answers for it, though everybody does for the stream.
        """
        try:
            await self._jetstream.consumer_info(self._stream, consumer)
        except NotFoundError:
            return False
        except TimeoutError:  # nats-py's own is one of these
            await self._end()
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
