"""Publishing to NATS byte by byte, as a client that nobody wrote with care: headers that no library lets pass, bodies
of any size, thousands of messages without waiting for each. What JetStream says to each one is read back, so that a
test can say of every message whether it was stored, and where.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

_AT_A_TIME = 500


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent. ``header`` is the whole block, from ``NATS/1.0`` to the empty line; empty for none."""

    subject: str
    body: bytes
    header: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """What JetStream said to one message."""

    message: Message
    sequence: int = 0
    """Where it was stored; 0 when it was not."""
    is_duplicate: bool = False
    refused: str = ""


def header_of(**named: str) -> bytes:
    """Return a block of headers; an underscore in a name stands for a hyphen."""
    return header_block([(name.replace("_", "-"), value) for name, value in named.items()])


def header_block(lines: Sequence[tuple[str, str]]) -> bytes:
    """Return a block of headers, which may repeat a name."""
    written = "".join(f"{name}: {value}\r\n" for name, value in lines)
    return f"NATS/1.0\r\n{written}\r\n".encode("utf-8", "surrogatepass")


class RawNats:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._answers: dict[int, asyncio.Future[bytes]] = {}
        self._count = 0
        self._reading = asyncio.create_task(self._read())

    async def close(self) -> None:
        self._reading.cancel()
        self._writer.transport.abort()
        await asyncio.gather(self._reading, return_exceptions=True)

    async def store(self, messages: Sequence[Message]) -> list[Answer]:
        """Publish messages and return what was said to each, in their order."""
        answers: list[Answer] = []
        for at in range(0, len(messages), _AT_A_TIME):
            batch = messages[at : at + _AT_A_TIME]
            waiting = [self._publish(message) for message in batch]
            await self._writer.drain()
            async with asyncio.timeout(60):
                said = await asyncio.gather(*waiting)
            answers += [_understood(message, answer) for message, answer in zip(batch, said, strict=True)]
        return answers

    def _publish(self, message: Message) -> "asyncio.Future[bytes]":
        self._count += 1
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._answers[self._count] = future
        reply = f"raw.answers.{self._count}"
        size = len(message.header) + len(message.body)
        line = f"HPUB {message.subject} {reply} {len(message.header)} {size}" if message.header else ""
        line = line or f"PUB {message.subject} {reply} {size}"
        self._writer.write(line.encode() + b"\r\n" + message.header + message.body + b"\r\n")
        return future

    async def _read(self) -> None:
        try:
            while line := await self._reader.readline():
                words = line.split()
                match words[:1]:
                    case [b"PING"]:
                        self._writer.write(b"PONG\r\n")
                    case [b"MSG"]:
                        body = await self._reader.readexactly(int(words[-1]) + 2)
                        self._answered(words[1], body[:-2])
                    case [b"HMSG"]:  # no responders: no stream takes the subject
                        await self._reader.readexactly(int(words[-1]) + 2)
                        self._answered(words[1], b'{"error": {"description": "no stream takes it"}}')
                    case [b"-ERR"]:
                        break
        finally:
            for future in self._answers.values():
                if not future.done():
                    future.set_exception(ConnectionError("the server ended the connection"))

    def _answered(self, subject: bytes, body: bytes) -> None:
        future = self._answers.pop(int(subject.rpartition(b".")[2]), None)
        if future is not None and not future.done():
            future.set_result(body)


def _understood(message: Message, answer: bytes) -> Answer:
    said = json.loads(answer)
    if "error" in said:
        return Answer(message, refused=str(said["error"].get("description")))
    return Answer(message, int(said["seq"]), bool(said.get("duplicate")))


@contextlib.asynccontextmanager
async def raw_nats(url: str) -> AsyncIterator[RawNats]:
    """Connect to a NATS server, while the block lasts."""
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port, limit=16 * 1024 * 1024)
    await reader.readline()  # the server's greeting
    said = {"verbose": False, "pedantic": False, "headers": True, "no_responders": True, "lang": "raw", "version": "1"}
    writer.write(b"CONNECT " + json.dumps(said).encode() + b"\r\nSUB raw.answers.* 1\r\nPING\r\n")
    connection = RawNats(reader, writer)
    try:
        yield connection
    finally:
        await connection.close()
