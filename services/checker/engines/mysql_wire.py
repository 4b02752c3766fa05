"""One connection to a MySQL or MariaDB server in the manner of pymysql, and what pymysql leaves open: TLS as the target
asks for it, no password in clear over a wire in clear, values as the bytes the server sent, a bound on what comes in,
and a way to end it from another thread. It blocks; ``mysql.py`` runs it in a thread of its own.
"""

import contextlib
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pymysql
from pymysql.constants import FIELD_TYPE
from pymysql.cursors import Cursor, SSCursor

from services.checker.engines import tls
from services.checker.engines.budget import Budget
from services.checker.engines.protocol import Login, Row, Rows, Value
from services.checker.errors import LoginRefused
from shared.targets import DEFAULT_PORTS

if TYPE_CHECKING:
    PymysqlConnection = pymysql.Connection[Cursor]
else:
    PymysqlConnection = pymysql.Connection

HIDING_PLUGINS = frozenset({b"mysql_native_password", b"caching_sha2_password", b"sha256_password", b"client_ed25519"})
"""Ways to log in that do not show the password to whoever listens."""

CLEAR_PLUGINS = frozenset({b"mysql_clear_password", b"dialog"})
"""Ways to log in that send the password as it is (PAM, LDAP): over TLS or a socket only."""

LOGIN_BYTES = 2**20
"""More than any server says before the first statement."""

INTEGERS = frozenset(
    {FIELD_TYPE.TINY, FIELD_TYPE.SHORT, FIELD_TYPE.LONG, FIELD_TYPE.LONGLONG, FIELD_TYPE.INT24, FIELD_TYPE.YEAR}
)
FLOATS = frozenset({FIELD_TYPE.FLOAT, FIELD_TYPE.DOUBLE})


class TooManyBytes(Exception):
    """The server sends more than was to be taken."""


class Wire(PymysqlConnection):
    """A connection, not open yet."""

    # What the stubs leave out.
    _sock: socket.socket | ssl.SSLSocket | None
    _result: Any
    _auth_plugin_name: str
    _force_close: Callable[[], None]

    def __init__(self, login: Login, *, with_tls: bool) -> None:
        target = login.target
        super().__init__(
            host=target.host,
            port=target.port or DEFAULT_PORTS["mysql"],
            password=(login.password or "").encode(),
            database=target.database or None,
            unix_socket=target.options.get("unix_socket"),
            charset="utf8mb4",
            use_unicode=False,
            conv={},
            autocommit=None,
            local_infile=False,
            program_name="watchword",
            ssl_disabled=True,
            defer_connect=True,
        )
        # Given to the constructor, an empty name would become that of whoever runs the checker.
        self.user = target.user
        if with_tls:
            self.ctx = tls.client_context(login)
            self.ssl = True
            self._ssl_required = tls.is_required(login)
        self._address = target.address
        self._handle: socket.socket | None = None
        self._is_ended = False
        self._received = 0
        self._most_received = LOGIN_BYTES
        self.plugin = ""
        """How the login was made, as the server calls it."""

    def log_in(self, seconds: float) -> None:
        """Connect and log in. Raises whatever pymysql raises, and ``LoginRefused``."""
        self._read_timeout = self._write_timeout = seconds
        dialed = self._dial(seconds)
        # Wrapping a socket into TLS takes its descriptor away; this one stays, to end the connection by.
        self._handle = dialed.dup()
        if self._is_ended:
            dialed.close()
            self.hang_up()
            return
        self.connect(dialed)
        self.plugin = self.plugin or self._auth_plugin_name

    def command(self, sql: str) -> None:
        """Execute a statement that returns nothing."""
        self._received, self._most_received = 0, LOGIN_BYTES
        self.query(sql)

    def rows(self, sql: str, budget: Budget, seconds: float) -> Rows:
        """Execute a statement and return its rows; of two columns with one name the last wins."""
        # The bound for the whole is elsewhere; this one is for a thread that everybody has forgotten.
        self._read_timeout = self._write_timeout = seconds + 1
        self._received, self._most_received = 0, budget.wire_bytes
        rows: list[Row] = []
        with contextlib.closing(SSCursor(self)) as cursor:
            try:
                cursor.execute(sql)
                columns = [(field.name, _conversion(field.type_code)) for field in self._fields()]
                while columns and (values := cursor.fetchone()) is not None:
                    row = _row(columns, values)
                    budget.take(row)
                    rows.append(row)
            except BaseException as error:
                # After an error that the server sent, the connection goes on; after any other nobody knows where it is.
                if not (isinstance(error, pymysql.err.Error) and self.open):
                    self._cut()
                raise
        return rows

    def _fields(self) -> Sequence[Any]:
        return self._result.fields if self._result is not None and self._result.description else ()

    def tls_used(self) -> tuple[str | None, str | None]:
        """Return version and cipher of the TLS connection, or None for both without TLS."""
        if not isinstance(self._sock, ssl.SSLSocket):
            return None, None
        cipher = self._sock.cipher()
        return self._sock.version(), cipher[0] if cipher else None

    def end(self) -> None:
        """End the connection at once, from any thread: whoever waits for it gets an error."""
        self._is_ended = True
        if self._handle is not None:
            with contextlib.suppress(OSError):
                self._handle.shutdown(socket.SHUT_RDWR)

    def hang_up(self) -> None:
        """Close everything, with a word to the server where it can still be said."""
        if self.open:
            with contextlib.suppress(pymysql.err.Error, OSError):
                self.close()
        self._cut()
        if self._handle is not None:
            self._handle.close()
            self._handle = None

    def _cut(self) -> None:
        # pymysql would read the rest of an unbuffered result, however long, before it lets go of it.
        if self._result is not None:
            self._result.unbuffered_active = False
        self._force_close()

    def _dial(self, seconds: float) -> socket.socket:
        if self.unix_socket:
            dialed = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            dialed.settimeout(seconds)
            dialed.connect(self.unix_socket)
            self._secure = True
            return dialed
        dialed = socket.create_connection((self.host, self.port), seconds)
        dialed.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        dialed.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return dialed

    def _process_auth(self, plugin_name: bytes, auth_packet: Any, handler: Any = None) -> Any:
        self.plugin = plugin_name.decode("utf-8", "replace")
        if plugin_name in CLEAR_PLUGINS and not self._secure:
            message = (
                f"{self._address} asks for the password in clear ({self.plugin}) over a connection without TLS, so it"
                " was not sent; set tls.mode to require or better"
            )
            raise LoginRefused(message)
        if plugin_name not in HIDING_PLUGINS | CLEAR_PLUGINS:
            message = (
                f"{self._address} asks for a login by {self.plugin}, which a checker can't do; let the account log in"
                " by caching_sha2_password, ed25519 or mysql_native_password"
            )
            raise LoginRefused(message)
        return super()._process_auth(plugin_name, auth_packet, handler)  # type: ignore[misc]  # the stubs leave it out

    def _read_bytes(self, num_bytes: int) -> bytes:
        # A packet says its size first, so it is refused before it is held.
        self._received += num_bytes
        if self._received > self._most_received:
            raise TooManyBytes
        received: bytes = super()._read_bytes(num_bytes)  # type: ignore[misc]  # the stubs leave it out
        return received


def _row(columns: Sequence[tuple[str, Callable[[bytes], Value]]], values: Sequence[bytes | None]) -> Row:
    return {
        name: None if value is None else convert(value) for (name, convert), value in zip(columns, values, strict=True)
    }


def _conversion(field_type: int) -> Callable[[bytes], Value]:
    """Return how a column's values become those that Go's driver gives with its binary protocol.

    DECIMAL, dates and times, JSON, BIT and everything else are text. One difference remains: a FLOAT has the digits
    that the server prints (3.14159), not those of its 32 bits (3.1415927410125732).
    """
    if field_type in INTEGERS:
        return _integer
    return _floating if field_type in FLOATS else _text


def _integer(data: bytes) -> int:
    return int(data)


def _floating(data: bytes) -> float:
    return float(data)


def _text(data: bytes) -> str:
    # Binary columns can hold anything; what is not UTF-8 stays as lone surrogates.
    return data.decode("utf-8", "surrogateescape")
