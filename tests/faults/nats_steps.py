"""A link to NATS that stops at a step: it reads what its client says, and when the client is about to publish something
that the test has named, it freezes, with that message on this side of the step or just past it. So a process can be
killed or paused between two writes of its own, and not merely near them.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.integration.checker_fleet import nats_matches

LOCALHOST = "127.0.0.1"
ACKNOWLEDGED = b""
"""What nats-py answers to a message in the end; on the way it says ``+WPI``, and ``-NAK`` to hand it back."""
_CHUNK = 65_536


@dataclass(frozen=True)
class Step:
    """A moment in the work of a process: when it publishes to a subject."""

    subject: str
    payload: bytes | None = None
    """Only with exactly this in it."""
    times: int = 1
    """The so-many-th time."""
    is_after: bool = False
    """True: the message still gets through, but nothing after it, nor its acknowledgement."""


def acknowledging(stream: str) -> Step:
    """Return the moment before a message of a stream is acknowledged."""
    return Step(f"$JS.ACK.{stream}.>", ACKNOWLEDGED)


class StepLink:
    """One port of ours that leads to a NATS server, for one process."""

    def __init__(self, to_port: int, step: Step) -> None:
        self.to_port = to_port
        self.url = ""
        self.reached = asyncio.Event()
        """Set when the step was reached; nothing is passed on from then on, in either direction."""
        self._step = step
        self._left = step.times
        self._is_open = asyncio.Event()
        self._is_open.set()
        self._tasks: set[asyncio.Task[None]] = set()

    def hold(self) -> None:
        """Pass nothing on from now on, as if the step was reached."""
        self._is_open.clear()
        self.reached.set()

    def mend(self) -> None:
        """Pass on again, first what has waited."""
        self._is_open.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on one connection."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        far_writer: asyncio.StreamWriter | None = None
        try:
            await self._is_open.wait()
            far_reader, far_writer = await asyncio.open_connection(LOCALHOST, self.to_port)
            back = asyncio.ensure_future(self._copy(far_reader, writer))
            try:
                await self._listen(reader, far_writer)
            finally:
                back.cancel()
                await asyncio.gather(back, return_exceptions=True)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # one side has gone: so has the other then; or this ends (asyncio's servers can't bear a cancellation)
        finally:
            writer.transport.abort()
            if far_writer is not None:
                far_writer.transport.abort()

    async def end(self) -> None:
        """Drop what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                await self._is_open.wait()
                writer.write(data)
                await writer.drain()
        writer.transport.abort()

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            line = await reader.readuntil(b"\r\n")
            words = line.split()
            is_publishing = bool(words) and words[0].upper() in {b"PUB", b"HPUB"}
            body = await reader.readexactly(int(words[-1]) + 2) if is_publishing else b""
            is_step = is_publishing and self._is_step(words[1].decode(), body)
            if is_step and not self._step.is_after:
                self.hold()
            await self._is_open.wait()
            writer.write(line + body)
            if is_step and self._step.is_after:
                self.hold()
            await writer.drain()

    def _is_step(self, subject: str, body: bytes) -> bool:
        is_meant = nats_matches(self._step.subject, subject) and self._step.payload in {None, body[:-2]}
        self._left -= is_meant
        return is_meant and self._left == 0


@contextlib.asynccontextmanager
async def stopping_at(nats_url: str, step: Step) -> AsyncIterator[StepLink]:
    """Put a link that stops at a step before a NATS server, while the block lasts."""
    port = urlsplit(nats_url).port
    assert port is not None
    link = StepLink(port, step)
    server = await asyncio.start_server(link.serve, LOCALHOST, 0, limit=4 * 1024 * 1024)
    link.url = f"nats://{LOCALHOST}:{server.sockets[0].getsockname()[1]}"
    try:
        yield link
    finally:
        server.close()
        await link.end()
