"""A wire to an Alertmanager that can be cut at the worst moment: when a silence is made and nobody knows it yet."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Wire:
    """Passes requests on, one for each connection."""

    target: str
    url: str = ""
    before_answer: Callable[[str], bool] = lambda _: True
    """Called with the request's first line when its answer is there; False keeps the answer back."""
    instead: Callable[[str], bytes | None] = lambda _: None
    """What to answer to a request's first line instead of passing it on."""
    requests: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.decode().split("\r\n")
            fields = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
            body = await reader.readexactly(int(fields.get("content-length", "0")))
            self.requests.append(lines[0])
            answer = self.instead(lines[0]) or await self._ask(head.replace(b"keep-alive", b"close") + body)
            if self.before_answer(lines[0]):
                writer.write(answer)
                await writer.drain()
            else:
                await reader.read()  # until the other side has had enough
        writer.close()

    async def _ask(self, request: bytes) -> bytes:
        place = urlsplit(self.target)
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        writer.write(request)
        await writer.drain()
        answer = await reader.read()
        writer.close()
        return answer


@contextlib.asynccontextmanager
async def wire_to(target: str) -> AsyncIterator[Wire]:
    """Put a wire before an Alertmanager."""
    wire = Wire(target)
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    async with server:
        wire.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield wire
        server.close()
