"""A TCP link that can be harmed: everything that goes through it is passed on, until its packets are dropped (what was
sent waits, what is connected stays, nobody is told), little passes in a second, it is cut (connections are reset, new
ones refused, or each is reset after so many bytes of its answers), or something else answers in the place of whoever is
there. In a test it is an object; ``python -m tests.faults.links FROM:TO …`` is a process of links between ports of this
machine, which SIGSTOP turns into one that drops every packet and SIGCONT into one that was only slow.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

LOCALHOST = "127.0.0.1"
_CHUNK = 65_536


class Link:
    """One port of ours that leads to another one."""

    def __init__(self, to_port: int) -> None:
        self.to_port = to_port
        self.port = 0
        self.connections = 0
        """How many were ever made."""
        self.answer_bytes: int | None = None
        """After so many bytes of answers each new connection is reset; None: never."""
        self.bytes_each_second: float | None = None
        """How much passes in each direction of a connection; None: as much as comes."""
        self.stranger: bytes | None = None
        """What every new connection hears instead of who is there; None: nobody else answers."""
        self._is_open = asyncio.Event()
        self._is_open.set()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where an HTTP client finds it."""
        return f"http://{LOCALHOST}:{self.port}"

    async def open(self, port: int = 0) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, LOCALHOST, port)
        self.port = self._server.sockets[0].getsockname()[1]

    def drop(self) -> None:
        """Pass nothing on from now on, in either direction; who connects is let in and hears nothing."""
        self._is_open.clear()

    def mend(self) -> None:
        """Pass on again, first what has waited."""
        self._is_open.set()

    def reset(self) -> None:
        """Reset all connections; new ones are taken."""
        for writer in self._writers:
            writer.transport.abort()

    async def cut(self) -> None:
        """Reset all connections and refuse new ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.reset()

    async def join(self) -> None:
        """Listen again, on the same port, after a cut."""
        await self.open(self.port)

    async def close(self) -> None:
        """End everything."""
        await self.cut()
        self.mend()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._writers.add(writer)
        try:
            await self._is_open.wait()
            if self.stranger is not None:
                writer.write(self.stranger)
                await reader.read()  # until the other side has enough of it
                return
            far_reader, far_writer = await asyncio.open_connection(LOCALHOST, self.to_port)
            self._writers.add(far_writer)
            try:
                await asyncio.gather(self._copy(reader, far_writer), self._copy(far_reader, writer, self.answer_bytes))
            finally:
                self._writers.discard(far_writer)
                far_writer.transport.abort()
        except (OSError, asyncio.CancelledError):
            pass  # nobody is there, or one side has gone: so has the other then; or this ends
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most_bytes: int | None = None
    ) -> None:
        while data := await reader.read(_CHUNK if most_bytes is None else most_bytes):
            await self._is_open.wait()
            writer.write(data)
            await writer.drain()
            if self.bytes_each_second is not None:
                await asyncio.sleep(len(data) / self.bytes_each_second)
            if most_bytes is not None:
                most_bytes -= len(data)
                if most_bytes <= 0:
                    message = "as many bytes as were to pass"
                    raise ConnectionAbortedError(message)
        with contextlib.suppress(OSError, RuntimeError):
            writer.write_eof()


@contextlib.asynccontextmanager
async def link_to(port: int) -> AsyncIterator[Link]:
    """Put a link before a port of this machine, while the block lasts."""
    link = Link(port)
    await link.open()
    try:
        yield link
    finally:
        await link.close()


async def _serve_for_ever(pairs: list[tuple[int, int]], ready: Callable[[], Awaitable[None]]) -> None:
    links = [(Link(to_port), from_port) for from_port, to_port in pairs]
    for link, from_port in links:
        await link.open(from_port)
    await ready()
    await asyncio.Event().wait()


async def _say_ready() -> None:
    sys.stdout.write("links are open\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _pairs = [(int(begin), int(end)) for begin, _, end in (one.partition(":") for one in sys.argv[1:])]
    asyncio.run(_serve_for_ever(_pairs, _say_ready))
