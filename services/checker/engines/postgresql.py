"""The edge to PostgreSQL as the checker sees it: which statement a query becomes, in one database or, with ``all_dbs``,
in each of the server's databases side by side. The connections themselves, and what bounds them, are in
``postgresql_link.py``; how values look in ``postgresql_values.py``; what refusals mean in ``postgresql_errors.py``.
"""

import asyncio
import time
from collections.abc import Sequence

from services.checker.engines.budget import Budget
from services.checker.engines.postgresql_link import Link
from services.checker.engines.protocol import Connection, Document, Limits, Login, Rows, Server
from services.checker.engines.texts import not_here
from services.checker.errors import QueryRefused, QueryTimeout, SomeDatabasesFailed, TargetError
from services.checker.read_only import Statement, statement
from shared.checks import Query, QueryType

PARALLEL_DATABASES = 4

TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
"""What Go's ParseBool takes, since PMM reads ``all_dbs`` with it."""

DATABASES = Statement(
    "SELECT datname::text FROM pg_catalog.pg_database WHERE datallowconn AND NOT datistemplate"
    " AND pg_catalog.has_database_privilege(current_user, datname, 'connect') ORDER BY datname"
)

HOW_IT_IS_ENCRYPTED = (
    "SELECT version, cipher, session_user AS who FROM pg_catalog.pg_stat_ssl WHERE pid = pg_backend_pid()"
)

HOW_IT_LOGGED_IN = "SELECT system_user AS method"
SYSTEM_USER_SINCE = 160000


async def connect(login: Login, limits: Limits) -> Connection:
    """Connect to a PostgreSQL server. Raises ``Unreachable``, ``LoginRefused`` or ``SecretUnavailable``."""
    link = Link(login, limits, login.target.database or "postgres")
    await link.open(limits.connect_seconds)
    return PostgresqlConnection(link, login, limits)


class PostgresqlConnection:
    """One target. See ``protocol.py`` for what it promises."""

    def __init__(self, link: Link, login: Login, limits: Limits) -> None:
        self._link = link
        self._login = login
        self._limits = limits
        self._server = link.server()

    @property
    def server(self) -> Server:
        """Return what answered."""
        return self._server

    async def execute(self, query: Query, timeout_seconds: float) -> Document:
        """Execute one query within the time and return its rows."""
        timeout_seconds = min(timeout_seconds, self._limits.statement_seconds)
        if query.type is QueryType.CONNECTION:
            return await self._how_it_was_made(timeout_seconds)
        if query.type not in {QueryType.POSTGRESQL_SELECT, QueryType.POSTGRESQL_SHOW}:
            raise not_here(query, "PostgreSQL")
        wanted = statement(query)
        if wanted.has_backslash and self._link.takes_backslashes():
            message = "not sent: with standard_conforming_strings off, as here, a backslash hides what is executed"
            raise QueryRefused(message)
        if _is_for_all_databases(query):
            return await self._in_all_databases(wanted, timeout_seconds)
        return await self._link.rows(wanted, Budget(self._limits), timeout_seconds)

    async def close(self) -> None:
        """Close the connection; never raises."""
        await self._link.close()

    async def _in_all_databases(self, wanted: Statement, timeout_seconds: float) -> Document:
        deadline = time.monotonic() + timeout_seconds
        found = await self._link.rows(DATABASES, Budget(self._limits), timeout_seconds)
        names = [str(row["datname"]) for row in found]
        budget = Budget(self._limits)
        gate = asyncio.Semaphore(PARALLEL_DATABASES)

        async def in_one(name: str) -> Rows:
            async with gate:
                return await self._in_one(name, wanted, budget, deadline)

        outcomes = await asyncio.gather(*map(in_one, names), return_exceptions=True)
        return _by_database(names, outcomes)

    async def _in_one(self, database: str, wanted: Statement, budget: Budget, deadline: float) -> Rows:
        left = deadline - time.monotonic()
        if left <= 0:
            message = "no time was left for it"
            raise QueryTimeout(message)
        if database == self._link.database:
            return await self._link.rows(wanted, budget, left)
        link = Link(self._login, self._limits, database)
        try:
            return await link.rows(wanted, budget, left)
        finally:
            await link.close()

    async def _how_it_was_made(self, timeout_seconds: float) -> Rows:
        budget = Budget(self._limits)
        (session,) = await self._link.rows(Statement(HOW_IT_IS_ENCRYPTED), budget, timeout_seconds)
        made = self._link.made()
        expires = await self._certificate_expires(timeout_seconds) if made.is_encrypted else None
        method: str | None = "password" if made.used_password else None
        if made.version_number >= SYSTEM_USER_SINCE:
            (row,) = await self._link.rows(Statement(HOW_IT_LOGGED_IN), budget, timeout_seconds)
            # "scram-sha-256:watchword"; nothing at all when the server asked for nothing.
            method = str(row["method"]).split(":", 1)[0] if row["method"] is not None else "trust"
        return [
            {
                "encrypted": made.is_encrypted,
                "tls_version": session["version"] if made.is_encrypted else None,
                "cipher": session["cipher"] if made.is_encrypted else None,
                "certificate_expires": expires,
                "authentication": method,
                "user": session["who"],
                "server_version": self._server.version,
                "flavour": self._server.flavour,
                "password_used": made.used_password,
            }
        ]

    async def _certificate_expires(self, timeout_seconds: float) -> int:
        # Loaded here, for it takes a tenth of a second, and few checks ask.
        from services.checker.engines.postgresql_certificate import certificate_expires  # noqa: PLC0415

        return await certificate_expires(self._link.peer(), self._login.target.host, timeout_seconds)


def _is_for_all_databases(query: Query) -> bool:
    value = query.parameter("all_dbs")
    if value is None or value in FALSE:
        return False
    if value in TRUE:
        return True
    message = f"not sent: all_dbs is {value!r}, neither true nor false"
    raise QueryRefused(message)


def _by_database(names: Sequence[str], outcomes: Sequence[Rows | BaseException]) -> Document:
    documents: dict[str, Rows] = {}
    failures: dict[str, TargetError] = {}
    for name, outcome in zip(names, outcomes, strict=True):
        if isinstance(outcome, TargetError):
            failures[name] = outcome
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            documents[name] = outcome
    if not failures:
        return documents
    if documents:
        raise SomeDatabasesFailed(documents, failures)
    name, failure = next(iter(failures.items()))
    message = f"in every one of {len(failures)} databases; in {name}: {failure}"
    raise type(failure)(message)
