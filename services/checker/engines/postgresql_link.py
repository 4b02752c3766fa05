"""A connection to one database of a PostgreSQL server: made without anything of the checker's own surroundings, each
statement in a read-only transaction that is rolled back, with the server's and the client's own bounds on its time, and
rows taken one by one up to the limits. Nothing of the session is set for longer than a statement, so that what a check
reads of the settings is what the server gives to everybody. A connection that had to be cut is opened again.
"""

import asyncio
import logging
import math
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any, cast

import psycopg
from psycopg import AsyncConnection, AsyncCursor

from services.checker.engines import tls
from services.checker.engines.budget import Budget, bytes_received, narrow
from services.checker.engines.postgresql_errors import login_failure, query_failure
from services.checker.engines.postgresql_values import text, textual_values
from services.checker.engines.protocol import Limits, Login, Row, Rows, Server
from services.checker.errors import (
    QueryFailed,
    QueryTimeout,
    ResultTooLarge,
    SecretUnavailable,
    TargetError,
    Unreachable,
)
from services.checker.read_only import Statement
from shared.targets import DEFAULT_PORTS

NOWHERE = "/nonexistent/watchword"
"""For libpq's files: given so that it does not take those in the home folder of whoever runs the checker."""

LOGIN_METHODS = "password,md5,scram-sha-256,none"
"""What a server may ask for: nothing that would take other credentials of the checker's machine, such as Kerberos'."""

GRACE_SECONDS = 0.4
"""How long the client waits for the server to end a statement by itself."""

STOP_SECONDS = 0.3
WATCH_SECONDS = 0.05
LONGEST_LOCK_WAIT_SECONDS = 3.0

VALUES = textual_values()

# psycopg warns of each statement that was cancelled and each connection that was cut, which here is done on purpose and
# becomes the error of a query.
logging.getLogger("psycopg").setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class Made:
    """How the connection was made."""

    is_encrypted: bool
    used_password: bool
    version_number: int
    """As libpq counts: 160004 is 16.4."""


class Link:
    """A connection to one database. Not to be used by two tasks at the same time."""

    def __init__(self, login: Login, limits: Limits, database: str) -> None:
        self.database = database
        self._login = login
        self._limits = limits
        self._connection: AsyncConnection[Any] | None = None

    async def open(self, seconds: float) -> AsyncConnection[Any]:
        """Open the connection, unless it is open."""
        if self._connection is not None and not self._connection.closed:
            return self._connection
        try:
            async with asyncio.timeout(seconds):
                self._connection = await _connected(_parameters(self._login, self.database, seconds))
        except TimeoutError:
            failure: TargetError = Unreachable(
                f"{self._login.target.address} did not answer within {round(seconds, 1):g} s;"
                " is it PostgreSQL, and is a firewall between?"
            )
        except (psycopg.Error, OSError, ValueError) as error:
            failure = login_failure(error, self._login)
        else:
            return self._connection
        # Raised out here, so that no exception of the driver, which may know the password, hangs on this one.
        raise failure

    def server(self) -> Server:
        """Return what answers at the other end of an open connection."""
        connection = self._open_connection()
        # Packagers add their own version in parentheses.
        version = (connection.info.parameter_status("server_version") or "").split(" ")[0]
        return Server(engine="postgresql", flavour="postgresql", version=version, is_encrypted=self.made().is_encrypted)

    def made(self) -> Made:
        """Return how an open connection was made."""
        connection = self._open_connection()
        return Made(
            is_encrypted=bool(connection.pgconn.ssl_in_use),
            used_password=bool(connection.pgconn.used_password),
            version_number=connection.info.server_version,
        )

    def peer(self) -> tuple[str, int]:
        """Return the address at the other end of an open connection over TCP, whichever of its name's it is."""
        info = self._open_connection().info
        return info.hostaddr or info.host, info.port

    def takes_backslashes(self) -> bool:
        """Return whether the server reads backslashes in plain strings, which PostgreSQL has not done since 9.1."""
        connection = self._connection
        if connection is None or connection.closed:
            return False
        return connection.info.parameter_status("standard_conforming_strings") == "off"

    async def rows(self, wanted: Statement, budget: Budget, timeout_seconds: float) -> Rows:
        """Execute one statement and return its rows."""
        began = time.monotonic()
        connection = await self.open(min(timeout_seconds, self._limits.connect_seconds))
        left = max(timeout_seconds - (time.monotonic() - began), 0.001)
        try:
            return await self._supervised(connection, _collected(connection, wanted, budget, left), budget, left)
        except psycopg.Error as error:
            is_gone = bool(connection.closed)
            user = self._login.target.user or ("" if is_gone else connection.info.user)
            failure = query_failure(error, wanted, self._login, user, left, is_gone=is_gone)
        except ValueError as error:
            failure = QueryFailed(f"the server sent what is not of its column's type ({type(error).__name__})")
        raise failure

    async def close(self) -> None:
        """Close the connection, without a word to the server: it rolls back by itself."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    def _open_connection(self) -> AsyncConnection[Any]:
        if self._connection is None or self._connection.closed:
            message = f"the connection to {self._login.target.address} is closed"
            raise Unreachable(message)
        return self._connection

    async def _supervised(
        self, connection: AsyncConnection[Any], work: Coroutine[Any, Any, Rows], budget: Budget, seconds: float
    ) -> Rows:
        """Return what the work returns; stop it and cut the connection when it takes too long or brings too much.

        libpq reads a whole row before anybody can count it, and a single value can have a gigabyte: so what comes
        through the socket is counted too, as often as libpq finds the socket's narrow buffer empty.
        """
        deadline = time.monotonic() + seconds + GRACE_SECONDS
        descriptor = connection.fileno()
        before = bytes_received(descriptor)
        task = asyncio.create_task(work)
        patience_seconds = STOP_SECONDS
        try:
            while True:
                await asyncio.wait({task}, timeout=min(WATCH_SECONDS, max(deadline - time.monotonic(), 0)))
                if task.done():
                    return task.result()
                if time.monotonic() >= deadline:
                    message = f"no answer after {round(seconds, 1):g} s; the statement was cancelled"
                    raise QueryTimeout(message)
                if bytes_received(descriptor) - before > budget.wire_bytes:
                    patience_seconds = 0.0
                    raise budget.too_many_bytes()
        finally:
            if not task.done():
                await self._stop(task, patience_seconds)

    async def _stop(self, task: asyncio.Task[Rows], patience_seconds: float) -> None:
        # The first cancellation lets psycopg ask the server to cancel the statement, while it goes on reading what
        # comes; the second cuts that short. A server that only sends learns it from the closed connection.
        for _ in range(2):
            task.cancel()
            await asyncio.wait({task}, timeout=patience_seconds)
        if task.done() and not task.cancelled():
            task.exception()  # Looked at, so that asyncio does not report it as forgotten; why it ended is known.
        await self.close()


async def _connected(parameters: Mapping[str, Any]) -> AsyncConnection[Any]:
    connection: AsyncConnection[Any] = await AsyncConnection.connect(
        **parameters, autocommit=True, prepare_threshold=None, context=VALUES
    )
    try:
        narrow(connection.fileno())
        if connection.info.parameter_status("server_encoding") == "SQL_ASCII":
            # Such a database holds any bytes, and refuses to send those that are not of the client's encoding.
            await connection.execute("SET client_encoding = 'SQL_ASCII'")
    except BaseException:
        await connection.close()
        raise
    return connection


async def _collected(
    connection: AsyncConnection[Any], wanted: Statement, budget: Budget, seconds: float
) -> Sequence[Row]:
    await connection.execute(_begin(wanted, seconds))
    rows: list[Row] = []
    try:
        async with connection.cursor(row_factory=_by_name) as cursor, aclosing(_streamed(cursor, wanted)) as stream:
            async for row in stream:
                try:
                    budget.take(row)
                except ResultTooLarge:
                    # Otherwise psycopg would read the rest of the result before it lets go of the connection. A server
                    # that does not take the cancellation learns it from the closed connection.
                    with suppress(psycopg.Error):
                        await connection.cancel_safe(timeout=STOP_SECONDS)
                    await connection.close()
                    raise
                rows.append(row)
    finally:
        if not connection.closed:
            await connection.execute("ROLLBACK")
    return rows


def _streamed(cursor: AsyncCursor[Row], wanted: Statement) -> AsyncGenerator[Row]:
    # psycopg declares an iterator; it is a generator, and has to be closed where it is left.
    return cast("AsyncGenerator[Row]", cursor.stream(wanted.sql.encode()))


def _begin(wanted: Statement, seconds: float) -> str:
    """Return what begins the transaction. The first two settings are those that PMM's driver sets."""
    settings = {"datestyle": "'ISO, MDY'", "extra_float_digits": "2"}
    if not wanted.reads_settings:
        # A statement that reads settings would be shown these instead of the server's own; the client's bound remains.
        lock_wait = min(LONGEST_LOCK_WAIT_SECONDS, seconds / 2)
        settings |= {"statement_timeout": _milliseconds(seconds), "lock_timeout": _milliseconds(lock_wait)}
    return "; ".join(["BEGIN READ ONLY", *(f"SET LOCAL {name} = {value}" for name, value in settings.items())])


def _milliseconds(seconds: float) -> str:
    # To PostgreSQL, 0 means for ever.
    return str(max(int(seconds * 1000), 1))


def _by_name(cursor: AsyncCursor[Any]) -> Callable[[Sequence[Any]], Row]:
    """Make dicts; of two columns with one name the last wins. It takes names that are not UTF-8, too."""
    result = cursor.pgresult
    names = [text(result.fname(column) or b"") for column in range(result.nfields)] if result is not None else []

    def make(values: Sequence[Any]) -> Row:
        return dict(zip(names, values, strict=True))

    return make


def _parameters(login: Login, database: str, seconds: float) -> dict[str, Any]:
    """Return what libpq is told, with everything that it would otherwise take from the checker's own surroundings."""
    target = login.target
    if login.ca_file is not None or login.cert_file is not None:
        tls.client_context(login)  # For its errors: libpq's do not say which file is meant.
    options = {"gssencmode": "disable", **target.options}
    if options["gssencmode"] == "disable":
        options["require_auth"] = LOGIN_METHODS
    return {
        "host": target.host,
        "port": target.port or DEFAULT_PORTS["postgresql"],
        "dbname": database,
        **({"user": target.user} if target.user else {}),
        "password": login.password or "",
        "passfile": NOWHERE,
        "sslmode": target.tls.mode,
        "sslrootcert": _authorities(login),
        "sslcert": str(login.cert_file or NOWHERE),
        "sslkey": str(login.key_file or login.cert_file or NOWHERE),
        "connect_timeout": max(math.ceil(seconds), 2),
        "application_name": "watchword",
        "client_encoding": "UTF8",
        **options,
    }


def _authorities(login: Login) -> str:
    if not tls.verifies_certificate(login):
        return NOWHERE
    file = tls.trusted_file(login)
    if file is None:
        message = f"tls of {login.target.name}: this system has no certificates to verify with; set tls.ca_file"
        raise SecretUnavailable(message)
    return str(file)
