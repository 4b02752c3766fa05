"""The edge to MongoDB: one client with one connection, the commands of ``mongodb_commands.py`` and no others, each with
the server's and the client's own bounds on its time, and one document for each query. How values look is in
``mongodb_values.py``, what refusals mean in ``mongodb_errors.py``.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from services.checker.engines import mongodb_accounts, mongodb_commands, tls
from services.checker.engines.budget import Budget
from services.checker.engines.mongodb_client import make_client
from services.checker.engines.mongodb_commands import COMMANDS
from services.checker.engines.mongodb_errors import command_failure, login_failure, silent, source_of
from services.checker.engines.mongodb_values import RAW, row, unpacked
from services.checker.engines.protocol import Connection, Document, Limits, Login, Row, Server
from services.checker.engines.texts import not_here, said
from services.checker.errors import (
    QueryFailed,
    QueryTimeout,
    TargetError,
    Unreachable,
)
from shared.checks import Query, QueryType

Client = AsyncMongoClient[dict[str, Any]]

GRACE_SECONDS = 0.4
"""How long the client waits for the server to end a command by itself."""

WATCH_SECONDS = 0.02


async def connect(login: Login, limits: Limits) -> Connection:
    """Connect to a MongoDB server. Raises ``Unreachable``, ``LoginRefused`` or ``SecretUnavailable``."""
    client = make_client(login, limits)
    try:
        build = await _first_answer(client, login, limits.connect_seconds)
    except BaseException:
        await client.close()
        raise
    server = Server(
        engine="mongodb",
        flavour="percona" if "psmdbVersion" in build else "mongodb",
        version=str(build.get("version", "")),
        is_encrypted=tls.is_required(login),
    )
    return MongodbConnection(client, login, limits, server)


async def _first_answer(client: Client, login: Login, seconds: float) -> Mapping[str, object]:
    """Log in, and return what the server says of itself; give up as soon as every server has failed once.

    Left alone, pymongo tries for the whole time, also where a port is closed.
    """
    asked = asyncio.create_task(_asked(client, "admin", mongodb_commands.BUILD, seconds))
    deadline = time.monotonic() + seconds
    failures: list[Exception] = []
    try:
        while not asked.done() and time.monotonic() < deadline:
            await asyncio.wait({asked}, timeout=WATCH_SECONDS)
            servers = client.topology_description.server_descriptions().values()
            failures = [server.error for server in servers if server.error is not None]
            if servers and len(failures) == len(servers):
                # The command may be about to say more: that the login was refused.
                await asyncio.wait({asked}, timeout=WATCH_SECONDS)
                break
        if asked.done():
            return unpacked(asked.result().raw)
    except Exception as error:  # noqa: BLE001 (what speaks another protocol makes pymongo raise anything)
        failure: TargetError = login_failure(error, failures, login, seconds)
    else:
        failure = login_failure(failures[0], failures, login, seconds) if failures else silent(login, seconds)
    finally:
        asked.cancel()
        await asyncio.wait({asked})
        if not asked.cancelled():
            asked.exception()  # Looked at, so that asyncio does not report it as forgotten.
    # Raised out here, so that no exception of the driver, which may know the password, hangs on this one.
    raise failure


async def _asked(client: Client, database: str, command: Mapping[str, object], seconds: float) -> RawBSONDocument:
    return await client[database].command(
        dict(command),
        codec_options=RAW,
        read_preference=client.read_preference,
        maxTimeMS=max(int(seconds * 1000), 1),
    )


class MongodbConnection:
    """One target. See ``protocol.py`` for what it promises."""

    def __init__(self, client: Client, login: Login, limits: Limits, server: Server) -> None:
        self._client = client
        self._login = login
        self._limits = limits
        self._server = server

    @property
    def server(self) -> Server:
        """Return what answered."""
        return self._server

    async def execute(self, query: Query, timeout_seconds: float) -> Document:
        """Execute one query within the time and return its rows."""
        ask = _Asking(self._client, self._login, self._limits, min(timeout_seconds, self._limits.statement_seconds))
        match query.type:
            case QueryType.CONNECTION:
                return [await self._how_it_was_made(ask)]
            case QueryType.MONGODB_USERSINFO:
                answer = await mongodb_accounts.users(ask)
            case QueryType.MONGODB_ROLESINFO:
                answer = await mongodb_accounts.roles(ask)
            case QueryType.MONGODB_PROFILE:
                answer = await _profile(ask, self._login.target.database or "admin")
            case _ if query.type in COMMANDS:
                answer = await ask(COMMANDS[query.type])
            case _:
                raise not_here(query, "MongoDB")
        return [row(answer)]

    async def close(self) -> None:
        """Close the connection; never raises."""
        await self._client.close()

    async def _how_it_was_made(self, ask: "_Asking") -> Row:
        target = self._login.target
        version, cipher = await self._tls_used(ask)
        return {
            "encrypted": self._server.is_encrypted,
            "tls_version": version,
            "cipher": cipher,
            "authentication": await self._mechanism(ask),
            "user": f"{target.user}@{source_of(self._login)}" if target.user else None,
            "server_version": self._server.version,
            "flavour": self._server.flavour,
            "password_used": bool(target.user and self._login.password),
        }

    async def _mechanism(self, ask: "_Asking") -> str | None:
        target = self._login.target
        chosen = target.options.get("authMechanism")
        if chosen or not target.user:
            return chosen
        answer = await ask({"hello": 1, "saslSupportedMechs": f"{source_of(self._login)}.{target.user}"})
        offered = answer.get("saslSupportedMechs")
        # The choice that pymongo makes.
        return "SCRAM-SHA-256" if isinstance(offered, Sequence) and "SCRAM-SHA-256" in offered else "SCRAM-SHA-1"

    async def _tls_used(self, ask: "_Asking") -> tuple[str | None, str | None]:
        """Return version and cipher. pymongo does not tell those of its connection, so another one is asked."""
        address = await self._client.address
        if not self._server.is_encrypted or address is None:
            return None, None
        context = tls.client_context(self._login)
        try:
            async with asyncio.timeout(ask.left()):
                _, writer = await asyncio.open_connection(*address, ssl=context, server_hostname=address[0])
        except (OSError, TimeoutError) as error:
            failure = QueryFailed(f"how TLS is made can't be seen: {said(error, self._login)}")
        else:
            connection = writer.get_extra_info("ssl_object")
            writer.transport.abort()
            return connection.version(), connection.cipher()[0]
        raise failure


class _Asking:
    """The commands of one query, which share its time and its limits."""

    def __init__(self, client: Client, login: Login, limits: Limits, timeout_seconds: float) -> None:
        self._client = client
        self._login = login
        self._budget = Budget(limits)
        self._timeout_seconds = timeout_seconds
        self._deadline = time.monotonic() + timeout_seconds

    def left(self) -> float:
        """Return the seconds that are left. Raises ``QueryTimeout`` when there are none."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            message = f"no answer after {round(self._timeout_seconds, 1):g} s"
            raise QueryTimeout(message)
        return left

    async def __call__(self, command: Mapping[str, object], database: str = "admin") -> dict[str, object]:
        """Return the server's answer to a command."""
        name, left = next(iter(command)), self.left()
        try:
            async with asyncio.timeout(left + GRACE_SECONDS):
                answer = await _asked(self._client, database, command, left)
        except TimeoutError:
            failure: TargetError = QueryTimeout(f"no answer to {name} after {round(self._timeout_seconds, 1):g} s")
        except PyMongoError as error:
            failure = command_failure(error, name, self._login, self._timeout_seconds)
        except Exception as error:  # noqa: BLE001 (a server that sends garbage makes pymongo raise anything)
            failure = Unreachable(
                f"{self._login.target.address} answers {name} with garbage: {said(error, self._login)}"
            )
        else:
            self._budget.take_bytes(len(answer.raw))
            return unpacked(answer.raw)
        raise failure


async def _profile(ask: _Asking, own: str) -> dict[str, object]:
    """Return the profiler's level in the target's own database, as PMM would, and under ``databases`` in each."""
    answer = await ask(mongodb_commands.PROFILE, own)
    levels = [
        {"name": database, **(answer if database == own else await ask(mongodb_commands.PROFILE, database))}
        for database in dict.fromkeys([own, *await mongodb_accounts.databases(ask)])
    ]
    return {**answer, "databases": levels}
