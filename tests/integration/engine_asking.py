"""Asking a real database through an engine of the checker, and servers that misbehave on the wire."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from examples.servers.database import DatabaseServer
from services.checker.engines import CONNECTS
from services.checker.engines.protocol import Connection, Document, Limits, Login, Rows
from services.checker.errors import TargetError
from shared.checks import Engine, Query, QueryType
from shared.targets import Target, Tls

CANARY = "Canary 9f27/pass:w@rd%'é\"\\"
"""A password with everything that a URL, a shell and SQL write otherwise."""


@dataclass
class Asking:
    """An open connection, and queries in short."""

    connection: Connection

    async def __call__(
        self, query_type: QueryType, text: str = "", seconds: float = 10.0, **parameters: str
    ) -> Document:
        query = Query(type=query_type, text=text, parameters=tuple(sorted(parameters.items())))
        return await self.connection.execute(query, seconds)

    async def rows(self, query_type: QueryType, text: str = "", seconds: float = 10.0) -> Rows:
        document = await self(query_type, text, seconds)
        assert isinstance(document, list)
        return document

    async def row(self, query_type: QueryType, text: str = "") -> dict[str, Any]:
        (row,) = await self.rows(query_type, text)
        return dict(row)


def login_to(
    server: DatabaseServer, *, password: str | None = None, files: dict[str, Path] | None = None, **fields: Any
) -> Login:
    """Return a login with the server's own administrator, unless a user is given."""
    if "user" not in fields:
        password = server.password
    return login(
        **{
            "engine": server.engine,
            "host": server.host,
            "port": server.port,
            "user": server.user,
            "database": server.database,
            **fields,
        },
        password=password,
        files=files,
    )


def login(
    engine: Engine,
    *,
    password: str | None = None,
    files: dict[str, Path] | None = None,
    tls: str = "prefer",
    **fields: Any,
) -> Login:
    target = Target.model_validate(
        {"name": "orders", "engine": engine, "tls": Tls.model_validate({"mode": tls}), **fields}
    )
    return Login(target, password, **(files or {}))


@contextlib.asynccontextmanager
async def asking(login: Login, **limits: Any) -> AsyncIterator[Asking]:
    """Connect, give the means to ask, and close."""
    connection = await CONNECTS[login.target.engine](login, Limits(**{"connect_seconds": 10.0, **limits}))
    try:
        yield Asking(connection)
    finally:
        await connection.close()


async def refused(login: Login, **limits: Any) -> TargetError:
    """Return the error of a connection that can't be made; see that nothing in it knows the password."""
    with pytest.raises(TargetError) as caught:
        async with asking(login, **limits):
            pass
    knows_nothing(caught.value, login.password)
    return caught.value


def knows_nothing(error: BaseException, password: str | None) -> None:
    """See that no spelling of a password is in an error, in what caused it, or in their arguments and attributes."""
    if not password:
        return
    spellings = {password, quote(password), quote(password, safe=""), quote_plus(password), repr(password)[1:-1]}
    found: BaseException | None = error
    while found is not None:
        said = f"{found!s} {found!r} {found.args!r} {vars(found)!r}"
        assert not [spelling for spelling in spellings if spelling in said], type(found)
        found = found.__cause__ or found.__context__


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """See that something ends by itself: on a quiet machine in this time, on a busy one in ten times as much."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < 10 * seconds


@dataclass
class Wire:
    """A TCP proxy before a server that can stall as a dead network does, and garble what it passes on."""

    server_port: int
    port: int = 0
    is_stalled: bool = False
    lets_in: bool = True
    """Otherwise whoever connects anew is left to wait."""
    passed_bytes: int = 0
    garbled: tuple[bytes, bytes] | None = None
    """What either side says, and what arrives instead."""
    _moved: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    def stall(self) -> None:
        self.is_stalled = True

    def go_on(self) -> None:
        self.is_stalled = False
        self._moved.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.lets_in:
            self._writers.append(writer)
            return
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.server_port)
        self._writers += [writer, server_writer]
        for source, sink in ((reader, server_writer), (server_reader, writer)):
            self._tasks.add(asyncio.create_task(self._pass_on(source, sink)))

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                while self.is_stalled:
                    self._moved.clear()
                    await self._moved.wait()
                self.passed_bytes += len(data)
                sink.write(data if self.garbled is None else data.replace(*self.garbled))
                await sink.drain()
        sink.close()

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await close(self._writers)


async def close(writers: Sequence[asyncio.StreamWriter]) -> None:
    for writer in writers:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def wire(server: DatabaseServer, host: str = "127.0.0.1") -> AsyncIterator[Wire]:
    proxy = Wire(server.port)
    listener = await asyncio.start_server(proxy.serve, host, 0)
    proxy.port = listener.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        listener.close()
        await proxy.end()


@contextlib.asynccontextmanager
async def stranger(speaks: Callable[[asyncio.StreamWriter], None]) -> AsyncIterator[int]:
    """Listen on a port and answer whoever connects with something that no database says."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        speaks(writer)

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        await close(writers)


STRANGERS: dict[str, Callable[[asyncio.StreamWriter], None]] = {
    "silent": lambda writer: None,
    "closes": lambda writer: writer.close(),
    "an HTTP server": lambda writer: writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"),
    "garbage": lambda writer: writer.write(bytes(range(256)) * 256),
    "zeros": lambda writer: writer.write(bytes(65536)),
    "0xff": lambda writer: writer.write(b"\xff" * 65536),
    "announces a gigabyte": lambda writer: writer.write(b"R\x3f\xff\xff\xff" + b"x" * 1024),
}
