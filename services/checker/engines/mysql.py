"""The edge to MySQL and MariaDB: one connection in a thread of its own, each query in a read-only transaction that is
rolled back, with the server's and the client's own bounds on its time. Nothing of the session is set, so that what a
check reads of the variables is what the server gives to everybody: MySQL takes its bound as a hint of the statement,
MariaDB as a setting of the statement. A connection that had to be cut is opened again. What pymysql leaves open is done
in ``mysql_wire.py``; what refusals mean is in ``mysql_errors.py``.
"""

import asyncio
import contextlib
import functools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from services.checker.engines import tls
from services.checker.engines.budget import Budget
from services.checker.engines.mysql_errors import is_tls_failure, login_failure, query_failure
from services.checker.engines.mysql_wire import TooManyBytes, Wire
from services.checker.engines.protocol import Connection, Document, Limits, Login, Row, Rows, Server
from services.checker.engines.texts import not_here
from services.checker.errors import QueryRefused, QueryTimeout, TargetError, Unreachable
from services.checker.read_only import Statement, statement
from shared.checks import Query, QueryType

GRACE_SECONDS = 0.4
"""How long the client waits for the server to end a statement by itself."""

STOP_SECONDS = 0.5

WHO_ANSWERS = "SELECT @@version AS version, @@version_comment AS comment, CURRENT_USER() AS account, @@sql_mode AS mode"

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Answering:
    """What a server said of itself at the login."""

    server: Server
    account: str
    """The account that the login was taken for: ``watchword@%``."""
    sql_mode: frozenset[str]


async def connect(login: Login, limits: Limits) -> Connection:
    """Connect to a MySQL or MariaDB server. Raises ``Unreachable``, ``LoginRefused`` or ``SecretUnavailable``."""
    connection = MysqlConnection(login, limits)
    await connection.open(limits.connect_seconds)
    return connection


class MysqlConnection:
    """One target. See ``protocol.py`` for what it promises."""

    def __init__(self, login: Login, limits: Limits) -> None:
        self._login = login
        self._limits = limits
        self._wire: Wire | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._answering: Answering | None = None

    @property
    def server(self) -> Server:
        """Return what answered."""
        assert self._answering is not None
        return self._answering.server

    async def open(self, seconds: float) -> tuple[Wire, Answering]:
        """Open the connection, unless it is open."""
        if self._wire is not None and self._answering is not None:
            return self._wire, self._answering
        deadline = time.monotonic() + seconds
        failure: TargetError | None = None
        for with_tls in self._attempts():
            wire = Wire(self._login, with_tls=with_tls)
            left = max(deadline - time.monotonic(), 0.001)
            try:
                answering = await self._in_thread(wire, functools.partial(self._greeted, wire, left), left)
            except TimeoutError:
                failure = Unreachable(
                    f"{self._login.target.address} did not answer within {round(seconds, 1):g} s;"
                    " is it MySQL, and is a firewall between?"
                )
            except Exception as error:  # noqa: BLE001 (what speaks another protocol makes pymysql raise anything)
                failure = login_failure(error, self._login)
                if is_tls_failure(error):
                    continue
            else:
                self._wire, self._answering = wire, answering
                return wire, answering
            break
        self._forget()
        assert failure is not None
        # Raised out here, so that no exception of the driver, which may know the password, hangs on this one.
        raise failure

    async def execute(self, query: Query, timeout_seconds: float) -> Document:
        """Execute one query within the time and return its rows."""
        began = time.monotonic()
        timeout_seconds = min(timeout_seconds, self._limits.statement_seconds)
        if query.type not in {QueryType.MYSQL_SELECT, QueryType.MYSQL_SHOW, QueryType.CONNECTION}:
            raise not_here(query, "MySQL")
        wanted = None if query.type is QueryType.CONNECTION else statement(query)
        wire, answering = await self.open(min(timeout_seconds, self._limits.connect_seconds))
        if wanted is None:
            return [self._how_it_was_made(wire, answering)]
        _refuse_other_quotes(wanted, answering.sql_mode)
        return await self._rows(wire, wanted, answering, max(timeout_seconds - (time.monotonic() - began), 0.001))

    async def close(self) -> None:
        """Close the connection; never raises."""
        if self._wire is not None:
            with contextlib.suppress(TimeoutError):
                await self._in_thread(self._wire, self._wire.hang_up, STOP_SECONDS)
        self._forget()

    async def _rows(self, wire: Wire, wanted: Statement, answering: Answering, seconds: float) -> Rows:
        budget = Budget(self._limits)
        sql = bounded(wanted, answering.server.flavour, seconds)
        try:
            work = functools.partial(_in_transaction, wire, sql, budget, seconds)
            return await self._in_thread(wire, work, seconds + GRACE_SECONDS)
        except TimeoutError:
            failure: TargetError = QueryTimeout(f"no answer after {round(seconds, 1):g} s; the connection was cut")
        except TooManyBytes:
            failure = budget.too_many_bytes()
        except Exception as error:  # noqa: BLE001 (a server that breaks off or sends garbage makes pymysql raise anything)
            failure = query_failure(error, wanted, self._login, answering.account, seconds)
        finally:
            if not wire.open:
                self._forget()
        raise failure

    async def _in_thread(self, wire: Wire, work: Callable[[], Result], seconds: float) -> Result:
        """Return what the work returns; end the connection and raise TimeoutError when it takes too long."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="watchword-mysql")
        future = asyncio.get_running_loop().run_in_executor(self._thread, work)
        try:
            await asyncio.wait({future}, timeout=seconds)
            if future.done():
                return future.result()
            raise TimeoutError
        finally:
            if not future.done():
                wire.end()
                future.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
                await asyncio.wait({future}, timeout=STOP_SECONDS)
                self._forget()

    def _forget(self) -> None:
        """Let go of a connection that is closed or ended; its thread ends by itself."""
        wire, self._wire = self._wire, None
        thread, self._thread = self._thread, None
        if thread is not None:
            if wire is not None:
                thread.submit(wire.hang_up)
            thread.shutdown(wait=False)

    def _attempts(self) -> tuple[bool, ...]:
        """Return whether to try with TLS: ``prefer`` goes on without it where it can't be agreed on, as libpq does."""
        if not tls.is_wanted(self._login):
            return (False,)
        if tls.is_required(self._login):
            return (True,)
        return (False,) if self._login.target.options.get("unix_socket") else (True, False)

    def _greeted(self, wire: Wire, seconds: float) -> Answering:
        try:
            wire.log_in(seconds)
            (row,) = wire.rows(WHO_ANSWERS, Budget(self._limits), seconds)
        except BaseException:
            wire.hang_up()
            raise
        version, comment = str(row["version"]), str(row["comment"])
        return Answering(
            Server("mysql", _flavour(version, comment), version, is_encrypted=wire.tls_used()[0] is not None),
            account=str(row["account"]),
            sql_mode=frozenset(str(row["mode"]).split(",")),
        )

    def _how_it_was_made(self, wire: Wire, answering: Answering) -> Row:
        version, cipher = wire.tls_used()
        return {
            "encrypted": version is not None,
            "tls_version": version,
            "cipher": cipher,
            "authentication": wire.plugin,
            "user": answering.account,
            "server_version": answering.server.version,
            "flavour": answering.server.flavour,
            "password_used": bool(self._login.password),
        }


def _flavour(version: str, comment: str) -> str:
    for flavour in ("mariadb", "percona"):
        if flavour in version.lower() or flavour in comment.lower():
            return flavour
    return "mysql"


def _refuse_other_quotes(wanted: Statement, sql_mode: frozenset[str]) -> None:
    """Refuse what this server would read otherwise than the parser did. Raises ``QueryRefused``."""
    if wanted.has_double_quote and "ANSI_QUOTES" in sql_mode:
        message = "not sent: with ANSI_QUOTES in its sql_mode, as here, the server takes \"…\" for a name; write '…'"
        raise QueryRefused(message)
    if wanted.has_backslash and "NO_BACKSLASH_ESCAPES" in sql_mode:
        message = "not sent: with NO_BACKSLASH_ESCAPES in its sql_mode, as here, a backslash hides what is executed"
        raise QueryRefused(message)


def bounded(wanted: Statement, flavour: str, seconds: float) -> str:
    """Return the statement with the server's own bound on its time, where there is one that the check does not see."""
    if flavour == "mariadb":
        if wanted.reads_settings:
            return wanted.sql
        return f"SET STATEMENT max_statement_time={seconds:.3f} FOR {wanted.sql}"
    # MySQL bounds only SELECT. Of several hints the first counts.
    hint = f"SELECT /*+ MAX_EXECUTION_TIME({max(int(seconds * 1000), 1)}) */ "
    return hint + wanted.sql.removeprefix("SELECT ") if wanted.sql.startswith("SELECT ") else wanted.sql


def _in_transaction(wire: Wire, sql: str, budget: Budget, seconds: float) -> Rows:
    wire.command("START TRANSACTION READ ONLY")
    try:
        return wire.rows(sql, budget, seconds)
    finally:
        if wire.open:
            wire.command("ROLLBACK")
