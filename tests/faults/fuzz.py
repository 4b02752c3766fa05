"""Messages that nobody meant: from a seed, the same ones each time. Each is a valid one that was broken in one of many
ways, or never was any: random bytes, JSON that nests for ever, numbers without an end, wrong types, every kind of
text, times out of reach, headers that only a server should write. What becomes of them is for the tests.
"""

import base64
import copy
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tests.faults.raw_nats import header_block

TEXTS = (
    "",
    " ",
    "\x00",
    "a\x00b",
    "line\nline\r\nline",
    "\u202eright to left",
    "e\u0301\u0323" * 20,
    "\U0001f4a9" * 30,
    "\ufeffmark",
    "\ud800",
    "\udfff\ud800",
    "\uffff",
    "a" * 121,
    "é" * 90,
    "=2E.*.>",
    "../../etc/passwd",
    "'; DROP TABLE x; --",
    '"><script>alert(1)</script>',
    "%s%n{0}${x}",
    "*" * 60 + "b",
    "[" * 50,
    "\x1b[2J\x1b]0;title\x07",
    "\uff37\uff29\uff24\uff25",
    "x" * 5000,
)
TIMES = (
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-14:00",
    "1969-12-31T23:59:59Z",
    "2026-02-30T00:00:00Z",
    "2038-01-19T03:14:08Z",
    "+292277026596-12-04T15:30:08Z",
    "now",
    -1,
    1e30,
    10**18,
)
NUMBERS = (0, -1, 2**63, -(2**63) - 1, 2**64, 10**30, 1.5, 1e308, -0.0, float("nan"), float("inf"), True)
SPANS = (
    "9" * 5000 + "s",
    "1e9h",
    "-5m",
    "0s",
    "\uff11\uff12h",
    "24h" * 2000,
    "* * * * *",
    "0 0 30 2 *",
    "99 99 * * * UTC",
    "s",
)
ANYTHING: tuple[Any, ...] = (*TEXTS, *TIMES, *NUMBERS, *SPANS, None, [], {}, [[]], [None], {"": {}}, [1, "a", {}])
LARGE_BYTES = 700_000
"""Just below what a stream takes."""

FORGED: tuple[list[tuple[str, str]], ...] = (
    [("Status", "404"), ("Description", "No Messages")],
    [("Status", "100"), ("Description", "Idle Heartbeat")],
    [("Status", "100"), ("Description", "FlowControl Request")],
    [("Status", "409")],
    [("Status", "503")],
    [("Status", "204")],
    [("Status", "²")],
    [("Nats-Stream", "CHECK_RESULTS"), ("Nats-Sequence", "1"), ("Nats-Subject", "x")],
    [("Nats-Sequence", "many")],
    [("Nats-Time-Stamp", "yesterday")],
    [("Nats-Last-Consumer", "1000000"), ("Nats-Last-Stream", "1000000")],
    [("Nats-Consumer-Stalled", "$JS.API.STREAM.PURGE.MUTES")],
    [("Nats-Num-Pending", "0"), ("Nats-UpTo-Sequence", "1")],
    [("KV-Operation", "DEL")],
    [("content-type", "application/cloudevents+json")],
    [("content-type", "application/json; charset=utf-16")],
    [("content-encoding", "gzip")],
    [("ce-specversion", "9.9"), ("ce-id", "\x00"), ("ce-type", "x" * 5000), ("ce-time", "never")],
    [("traceparent", "00-zz-zz-zz"), ("tracestate", "=" * 2000), ("correlation_id", "x" * 3000)],
    [("reply_to", "check.requested"), ("message_id", "")],
    [("Watchword-Reason", "forged"), ("Watchword-Sequence", "x"), ("Watchword-Replayed-From", "1")],
    [("Original-Original-X", "y" * 2000)],
    [("X", "ü\u202e\U0001f4a9")],
    [(f"X-{number}", "y") for number in range(3000)],
    [("X", "y" * 60_000)],
)
BLOCKS = (
    b"NATS/1.0",
    b"NATS/1.0\r\n",
    b"NATS/1.0\r\nno end",
    b"NATS/1.0\r\nX: no end of the block",
    b"NATS/1.0 503\r\n\r\n",
    b"NATS/1.0 100 Idle Heartbeat\r\n\r\n",
    b"NATS/1.0 \xff\xff\xff \xff\r\n\r\n",
    b"NATS/1.0\r\n\xff\xfe: \xff\r\n\r\n",
    b"NATS/1.0\r\n: nothing\r\n::\r\n\r\n",
    b"NATS/1.0\r\nA: \x00\x01\x02\r\n\r\n",
    b"no header",
    b"x" * 12,
    b"\xff" * 64,
)
"""Blocks of headers that are none, or nearly."""


class Fuzz:
    """One stream of bad messages. It prints its seed when it is made: a test that fails shows it."""

    def __init__(self, seed: int) -> None:
        print(f"fuzz: seed {seed}")  # pytest shows it when the test fails
        self.random = random.Random(seed)

    def body(self, valid: Sequence[Mapping[str, Any]]) -> bytes:
        """Return a body; about one in five can be read after all."""
        return self.random.choice(_BODIES)(self.random, self.random.choice(valid))

    def header(self) -> bytes:
        """Return a block of headers, none in most cases."""
        kind = self.random.random()
        if kind < 0.7:
            return b""
        if kind < 0.78:
            return self.random.choice(BLOCKS)
        lines = [line for _ in range(self.random.randint(1, 2)) for line in self.random.choice(FORGED)]
        block = header_block(lines)
        return block if len(block) < 64_000 else block[:60_000] + b"\r\n\r\n"

    def token(self) -> str:
        """Return a token of a subject: a name, or something that no name encodes to."""
        made = (
            lambda: f"n{self.random.randrange(10**9)}",
            lambda: "".join(f"={byte:02X}" for byte in self.random.choice(TEXTS[4:]).encode("utf-8", "surrogatepass"))[
                :90
            ],
            lambda: "".join(self.random.choice("abc=%$/+~!@0_-äÿ") for _ in range(self.random.randint(1, 30))),
            lambda: "=FF=FE",
            lambda: "=6f=",
            lambda: "a" * self.random.randint(100, 300),
        )
        return self.random.choice(made)()

    def anything(self) -> Any:
        """Return any value."""
        return copy.deepcopy(self.random.choice(ANYTHING))


def _encoded(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=True).encode()


def _mutated(chance: random.Random, valid: Mapping[str, Any]) -> Any:
    """Return a copy of which one or two values are something else."""
    changed: Any = copy.deepcopy(dict(valid))
    for _ in range(chance.randint(1, 2)):
        holders = list(_holders(changed))
        if not holders:
            return changed
        holder, key = chance.choice(holders)
        holder[key] = copy.deepcopy(chance.choice(ANYTHING))
    return changed


def _holders(value: Any) -> Iterator[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        yield value, key
        yield from _holders(inner)


def _with_foreign_text(chance: random.Random, valid: Mapping[str, Any]) -> bytes:
    body = json.dumps(_mutated(chance, valid), ensure_ascii=False)
    return body.encode(chance.choice(("utf-8", "utf-16", "utf-32", "latin-1")), "replace")


def _flipped(chance: random.Random, valid: Mapping[str, Any]) -> bytes:
    body = bytearray(_encoded(valid))
    for _ in range(chance.randint(1, 8)):
        body[chance.randrange(len(body))] = chance.randrange(256)
    return bytes(body)


def _cut(chance: random.Random, valid: Mapping[str, Any]) -> bytes:
    body = _encoded(valid)
    return body[: chance.randrange(len(body))]


def _twice(chance: random.Random, valid: Mapping[str, Any]) -> bytes:
    key = chance.choice(list(valid))
    return _encoded(valid)[:-1] + b", " + _encoded({key: chance.choice(TEXTS)})[1:]


def _nested(chance: random.Random, valid: Mapping[str, Any]) -> bytes:
    depth = chance.choice((50, 200, 400, 900, 990, 1100, 5000, 40_000))
    opening, closing = chance.choice(((b"[", b"]"), (b'{"a":', b"}")))
    bomb = opening * depth + (b"1" + closing * depth if chance.random() < 0.8 else b"")
    if chance.random() < 0.3:
        return bomb
    key = chance.choice(list(valid))
    rest = {name: value for name, value in valid.items() if name != key}
    return b'{"' + key.encode() + b'": ' + bomb + b", " + _encoded(rest)[1:]


def _long_number(chance: random.Random, valid: Mapping[str, Any]) -> bytes:
    number = chance.choice(
        (b"9" * 5000, b"1e400", b"-1e-400", b"NaN", b"-Infinity", b"0" * 300 + b"1", b"1" + b"0" * 60_000)
    )
    key = chance.choice(list(valid))
    return b'{"' + key.encode() + b'": ' + number + b", " + _encoded(valid)[1:]


def _in_an_envelope(chance: random.Random, valid: Mapping[str, Any]) -> bytes:
    data = chance.choice((_mutated(chance, valid), "text", 5, None, [], json.dumps(dict(valid)), "\ud800"))
    envelope = {"specversion": "1.0", "type": "t", "source": "/s", "id": "1", "data": data}
    if chance.random() < 0.5:
        envelope["data_base64"] = chance.choice(("!!", base64.b64encode(_encoded(data)).decode(), "", 5))
    return _encoded(envelope)


def _large(chance: random.Random, valid: Mapping[str, Any]) -> bytes:
    if chance.random() < 0.7:  # not too often: they are most of the bytes that are sent
        return _encoded(_mutated(chance, valid))
    key = chance.choice(list(valid))
    kind = chance.randrange(4)
    filling: Any = "x" * LARGE_BYTES
    if kind == 1:
        filling = ["*a*b*c*"] * 50_000
    elif kind == 2:
        filling = {f"k{number}": "v" for number in range(40_000)}
    elif kind == 3:
        filling = [f"n{number}" for number in range(60_000)]
    return _encoded({**valid, key: filling})[: LARGE_BYTES + 1000]


_BODIES: tuple[Callable[[random.Random, Mapping[str, Any]], bytes], ...] = (
    lambda chance, _: chance.randbytes(chance.randint(0, 200)),
    lambda chance, _: chance.choice((b"", b" ", b"null", b"[]", b"0", b'""', b"{}", b"\xef\xbb\xbf{}", b"{", b"\x00")),
    lambda chance, valid: _encoded(_mutated(chance, valid)),
    lambda chance, valid: _encoded(_mutated(chance, valid)),
    lambda chance, valid: _encoded(_mutated(chance, valid)),
    _with_foreign_text,
    _flipped,
    _cut,
    _twice,
    _nested,
    _long_number,
    _in_an_envelope,
    _large,
)
