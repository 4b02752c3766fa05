"""How much of a result is taken: a count of rows and bytes against the limits of a connection, so that no answer of a
server, however large, is held in memory.
"""

import contextlib
import os
import socket
import struct

from services.checker.engines.protocol import Limits, Row
from services.checker.errors import ResultTooLarge

PLAIN_VALUE_BYTES = 8

TCP_INFO = getattr(socket, "TCP_INFO", 11)
TCP_INFO_BYTES_RECEIVED = slice(128, 136)
"""Where Linux's struct tcp_info has tcpi_bytes_received, since 4.1."""


def bytes_received(descriptor: int) -> int:
    """Return how many bytes a TCP connection has received so far; 0 where the system does not count them."""
    try:
        with socket.socket(fileno=os.dup(descriptor)) as connection:
            known = connection.getsockopt(socket.IPPROTO_TCP, TCP_INFO, TCP_INFO_BYTES_RECEIVED.stop)
    except OSError:
        return 0
    if len(known) < TCP_INFO_BYTES_RECEIVED.stop:
        return 0
    received: int
    (received,) = struct.unpack("=Q", known[TCP_INFO_BYTES_RECEIVED])
    return received


NARROW_BUFFER_BYTES = 64 * 1024


def narrow(descriptor: int) -> None:
    """Keep what a system holds ready for a client small.

    libpq reads on as long as there is something to read: from a server nearby that is the whole result, however large,
    with the event loop standing still meanwhile (2 s for 300 MB were seen, 0.02 s with a narrow buffer).
    """
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NARROW_BUFFER_BYTES)


class Budget:
    """What is left of the limits for one query, in all databases it goes to."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._rows = 0
        self._bytes = 0

    @property
    def wire_bytes(self) -> int:
        """Return how much may come over the wire: protocols write numbers, names and lengths at greater length."""
        return 4 * self._limits.bytes

    def take(self, row: Row) -> None:
        """Count one row. Raises ``ResultTooLarge`` when it does not fit any more."""
        self._rows += 1
        if self._rows > self._limits.rows:
            message = f"more than {self._limits.rows} rows; narrow the query (WHERE, LIMIT, count in the database)"
            raise ResultTooLarge(message)
        size = 0
        for value in row.values():
            size += len(value) if isinstance(value, str) else PLAIN_VALUE_BYTES
        self.take_bytes(size)

    def take_bytes(self, size: int) -> None:
        """Count bytes. Raises ``ResultTooLarge`` when they do not fit any more."""
        self._bytes += size
        if self._bytes > self._limits.bytes:
            raise self.too_many_bytes()

    def too_many_bytes(self) -> ResultTooLarge:
        """Return the error for an answer that is known to be too large before it is read."""
        return ResultTooLarge(
            f"more than {self._limits.bytes} bytes; narrow the query to the columns and rows it needs"
        )
