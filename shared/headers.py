"""What do the headers of a message say? They are read as nats-py reads them, in a third of the time; and those of a
stored message only as far as somebody asks: whoever reads 600,000 results asks each for one or two headers, and writing
out all of them for it would cost more than understanding the result.
"""

import functools
from collections.abc import Iterator, Mapping

PLAIN = b"NATS/1.0\r\n"
"""What a block of headers begins with, unless the server tells a status in it."""
READ_FROM = "Nats-Stream"
"""What the server adds to the answer of a direct get, behind the author's own headers: the stream it was read from."""
COPIED_FROM = "nats-stream"
"""What such a header of the author's own is called when the server has added another one. It says that the message is a
copy, see ``addressed.py``.
"""
_LINE_END = b"\r\n"
_BLANK = " \t\n\r\x0b\x0c"


class StoredHeaders(Mapping[str, str]):
    """The headers of one block that begins with ``PLAIN``, read when they are asked for."""

    __slots__ = ("_all", "_block")

    def __init__(self, block: bytes) -> None:
        self._block = block
        self._all: dict[str, str] | None = None

    def __getitem__(self, name: str) -> str:
        written, line = _spelled(name)
        block = self._block
        at = block.find(line)
        if at >= 0 and line and block.count(written) == 1:
            begin = at + len(line)
            end = block.find(_LINE_END, begin)
            if end >= 0:
                return block[begin:end].decode("utf-8", "replace").strip(_BLANK)
        return self._read()[name]  # absent, not written as everybody does, or more than once

    def __contains__(self, name: object) -> bool:
        # Where it does not even stand, no header has this name.
        return isinstance(name, str) and name.encode(errors="replace") in self._block and name in self._read()

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._read()!r})"

    def _read(self) -> dict[str, str]:
        if self._all is None:
            self._all = read_headers(self._block[len(PLAIN) :])
        return self._all


def read_headers(lines: bytes) -> dict[str, str]:
    """Return the headers that stand in these lines; of several with one name, the last, but see ``COPIED_FROM``."""
    headers: dict[str, str] = {}
    for line in lines.decode("utf-8", "replace").split("\r\n"):
        written, colon, value = line.partition(":")
        name = _header_name(written)
        if colon and name is not None:
            if name == READ_FROM and name in headers:
                headers[COPIED_FROM] = headers[name]
            headers[name] = value.strip(_BLANK)
    return headers


@functools.lru_cache(maxsize=1024)  # the same few in every message
def _header_name(written: str) -> str | None:
    """Return the name of a header, None when it can't be one."""
    name = written.strip(_BLANK)
    is_one_word = not name or name.split() == [name]
    return name if name.isascii() and is_one_word else None


@functools.lru_cache(maxsize=1024)
def _spelled(name: str) -> tuple[bytes, bytes]:
    """Return a header's name, and what its line begins with; nothing for what can't be a header's name."""
    is_possible = bool(name) and _header_name(name) == name and ":" not in name
    return (name.encode(), f"\r\n{name}:".encode()) if is_possible else (b"", b"")
