"""A TCP proxy that delays every packet, so that a database on this machine seems to be far away."""

import asyncio
import contextlib
from collections.abc import AsyncIterator


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_seconds: float) -> None:
    loop = asyncio.get_running_loop()
    with contextlib.suppress(ConnectionError, asyncio.CancelledError):
        while data := await reader.read(65536):
            loop.call_later(delay_seconds, writer.write, data)
        await asyncio.sleep(delay_seconds)
        writer.close()


@contextlib.asynccontextmanager
async def delayed(port: int, delay_seconds: float) -> AsyncIterator[int]:
    """Forward a new port to a port of this machine, each direction half of the delay later; yield the new port."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_copy(reader, far_writer, delay_seconds / 2), _copy(far_reader, writer, delay_seconds / 2))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
