"""A proxy in front of a real Alertmanager that does it harm, request by request: it waits, answers something else,
passes on and loses the answer or cuts it in the middle, resets the connection, spoils what is asked, or holds a request
until the test says so. What comes back is a real Alertmanager's answer, unless the fault itself is the answer. One
request for each connection, so that each stands for itself; what a client gave up on is passed on all the same when its
time has come, as a slow server would.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

LOCALHOST = "127.0.0.1"


@dataclass(frozen=True)
class Fault:
    """What is done to one request."""

    wait_seconds: float = 0.0
    """So long it waits before it is passed on."""
    answers_after_seconds: float = 0.0
    """So long its answer is kept back, though what was asked for is done at once."""
    until: asyncio.Event | None = None
    """It is held until this is set."""
    is_passed_on: bool = True
    """False: the connection is reset instead, after what was to be waited for."""
    instead: bytes | None = None
    """What is answered; nothing is passed on."""
    spoil: Callable[[bytes], bytes] | None = None
    """What is passed on as the body."""
    answer_share: float | None = None
    """So much of the answer gets through, then the connection is reset; 0.0: nothing of it."""
    keeps_answer: bool = False
    """The answer never comes; the client waits until it has had enough."""


PASSED_ON = Fault()
RESET = Fault(is_passed_on=False)
LOST_ANSWER = Fault(keeps_answer=True)
CUT_ANSWER = Fault(answer_share=0.5)


def answers(status: int, body: bytes = b"", **headers: str) -> Fault:
    """Return the fault of a server, or a proxy before it, that answers this without doing anything."""
    lines = [f"HTTP/1.1 {status} Fault", f"content-length: {len(body)}", "connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return Fault(instead="\r\n".join([*lines, "", ""]).encode() + body)


@dataclass
class Request:
    """A request that came."""

    method: str
    path: str
    body: bytes
    status: int | None = None
    """What the Alertmanager answered; None while it has not, or was not asked."""

    def is_to(self, method: str, resource: str) -> bool:
        """Say whether it asks for something of the API, like ``("POST", "alerts")``."""
        return self.method == method and self.path.partition("?")[0].startswith(f"/api/v2/{resource}")

    @property
    def content(self) -> Any:
        """Return its body as JSON."""
        return json.loads(self.body)


@dataclass
class Proxy:
    """Passes requests on. ``rule`` is asked about each as it comes."""

    target: str
    url: str = ""
    rule: Callable[[Request], Fault | None] = lambda _: None
    requests: list[Request] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def asked(self, method: str, resource: str) -> list[Request]:
        """Return the requests for something that came so far."""
        return [one for one in self.requests if one.is_to(method, resource)]

    async def saw(
        self, method: str, resource: str, *, times: int = 1, is_answered: bool = False, seconds: float = 30.0
    ) -> Request:
        """Wait until such a request came for the so-many-th time, or was answered by the Alertmanager; return it."""
        async with asyncio.timeout(seconds):
            while True:
                self._news.clear()
                found = [one for one in self.asked(method, resource) if not is_answered or one.status is not None]
                if len(found) >= times:
                    return found[times - 1]
                await self._news.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one connection."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            fields = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:] if line)
            body = await reader.readexactly(int(fields.get("content-length", "0")))
            method, path, _ = head.decode().split(" ", 2)
            request = Request(method, path, body)
            fault = self.rule(request) or PASSED_ON
            self.requests.append(request)
            self._news.set()
            await self._answer(request, fault, fields, (reader, writer))
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has gone, nobody is behind us, or this ends (which asyncio's servers can't bear)
        finally:
            writer.transport.abort()

    async def _answer(
        self,
        request: Request,
        fault: Fault,
        fields: dict[str, str],
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        reader, writer = client
        await asyncio.sleep(fault.wait_seconds)
        if fault.until is not None:
            await fault.until.wait()
        if not fault.is_passed_on:
            return
        answer = fault.instead
        if answer is None:
            body = fault.spoil(request.body) if fault.spoil else request.body
            answer = await self._ask(request, fields, body)
            request.status = int(answer.split(b" ", 2)[1])
            self._news.set()
            await asyncio.sleep(fault.answers_after_seconds)
        if fault.keeps_answer:
            await reader.read()
            return
        share = 1.0 if fault.answer_share is None else fault.answer_share
        writer.write(answer[: int(len(answer) * share)])
        await writer.drain()
        if fault.answer_share is None:
            writer.close()
            await writer.wait_closed()

    async def _ask(self, request: Request, fields: dict[str, str], body: bytes) -> bytes:
        place = urlsplit(self.target)
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        fields = fields | {"connection": "close"} | ({"content-length": str(len(body))} if body else {})
        lines = [f"{request.method} {request.path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
        try:
            writer.write("\r\n".join([*lines, "", ""]).encode() + body)
            await writer.drain()
            answer = await reader.read()
        finally:
            writer.close()
        if not answer:
            message = f"{self.target} ended without an answer"
            raise ConnectionResetError(message)
        return answer

    async def end(self) -> None:
        """Drop what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def proxy_to(target: str) -> AsyncIterator[Proxy]:
    """Put a proxy before an Alertmanager, while the block lasts."""
    proxy = Proxy(target)
    server = await asyncio.start_server(proxy.serve, LOCALHOST, 0)
    proxy.url = f"http://{LOCALHOST}:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        await proxy.end()
