"""An HTTP server that has gone mad: whatever it is asked, it answers with something from a seed that no Alertmanager
says: broken statuses, headers and bodies, redirects, a drip of bytes, half an answer, none. When it is well again it
passes everything on to a real one.
"""

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlsplit

_BODIES: tuple[bytes, ...] = (
    b"",
    b"{",
    b"null",
    b"[null]",
    b"5",
    b'"text"',
    b"[[[[" * 3000,
    b'{"a":' * 3000 + b"1" + b"}" * 3000,
    b"\xff\xfe\x00",
    b"<html><body>502 Bad Gateway</body></html>",
    b'{"status": "success", "data": []}',
    b'{"silenceID": 5}',
    b'{"message": {"a": ["b"]}, "code": "x"}',
    b'[{"labels": {"alertname": 5}}]',
    b'[{"fingerprint": "x", "labels": {}, "startsAt": "0001-01-01T00:00:00+23:59", "endsAt": "9999-12-31T23:59:59-9"}]',
    b'[{"id": "x", "status": {"state": "odd"}, "matchers": [], "startsAt": "x", "endsAt": 1e400}]',
    b'{"versionInfo": {"version": "\\ud800"}, "uptime": "never", "cluster": {"status": null}}',
    b'{"versionInfo": [], "uptime": 1' + b"0" * 5000 + b"}",
    json.dumps("x" * 2_000_000).encode(),
    json.dumps("\u202e\x1b[2J\x00" * 200).encode(),
)
_STATUSES = (b"200 OK", b"200", b"204 No Content", b"302 Found", b"400 Bad Request", b"404 Not Found", b"413 Big")
_STATUSES += (b"429 Wait", b"500 No", b"503 Busy", b"599 Odd", b"999 Odd", b"000 Odd", b"abc", b"100 Continue", b"-1 x")
_HEADERS: tuple[bytes, ...] = (
    b"Content-Type: application/json\r\n",
    b"Content-Type: text/html; charset=utf-16\r\n",
    b"Content-Encoding: gzip\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: -1\r\n",
    b"Content-Length: 99999999999999999999\r\n",
    b"Location: http://127.0.0.1:1/elsewhere\r\n",
    b"no colon\r\n",
    b"\xff\xff: \xff\r\n",
    b"X: " + b"y" * 200_000 + b"\r\n",
    b"X: y\r\n" * 5000,
)


def answer(chance: random.Random) -> bytes:
    """Return all that is said to one request."""
    if chance.random() < 0.15:
        return chance.choice(
            (b"", b"\x00" * 100, chance.randbytes(200), b"HTTP/1.1", b"HTTP/9.9 200 OK\r\n\r\n", b"\r\n" * 50)
        )
    body, status = chance.choice(_BODIES), chance.choice(_STATUSES if chance.random() < 0.5 else _STATUSES[:1])
    headers = b"".join(chance.choice(_HEADERS) for _ in range(chance.randint(0, 2)))
    length = b"Content-Length: %d\r\n" % len(body) if chance.random() < 0.6 else b""
    whole = b"HTTP/1.1 " + status + b"\r\n" + headers + length + b"Connection: close\r\n\r\n" + body
    return whole[: chance.randrange(len(whole))] if chance.random() < 0.15 else whole


class Mad:
    """The server."""

    def __init__(self, seed: int, real_url: str = "") -> None:
        print(f"mad answers: seed {seed}")  # pytest shows it when the test fails
        self._chance = random.Random(seed)
        self._real = urlsplit(real_url)
        self.is_mad = True
        self.answers = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.is_mad:
                await reader.readuntil(b"\r\n\r\n")
                self.answers += 1
                await self._rave(writer)
            else:
                far_reader, far_writer = await asyncio.open_connection(self._real.hostname, self._real.port)
                try:
                    await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
                finally:
                    await _end(far_writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # who asked has had enough
        finally:
            await _end(writer)

    async def _rave(self, writer: asyncio.StreamWriter) -> None:
        said = answer(self._chance)
        if self._chance.random() < 0.04:  # byte for byte
            for at in range(len(said)):
                writer.write(said[at : at + 1])
                await asyncio.sleep(0.2)
        writer.write(said)
        await writer.drain()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


async def _end(writer: asyncio.StreamWriter) -> None:
    """Say what is left to say, to whoever still listens, and close."""
    writer.close()
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(0.5):
            await writer.wait_closed()
    writer.transport.abort()


@contextlib.asynccontextmanager
async def mad_server(seed: int, real_url: str = "") -> AsyncIterator[Mad]:
    """Run the server while the block lasts."""
    mad = Mad(seed, real_url)
    tasks: set[asyncio.Task[None]] = set()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(mad.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    accept: Callable[[asyncio.StreamReader, asyncio.StreamWriter], None] = begin
    listener = await asyncio.start_server(accept, "127.0.0.1", 0)
    mad.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield mad
    finally:
        listener.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
