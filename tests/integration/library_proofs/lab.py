"""A server to make weak and to fix, as the proofs of the built-in checks see it: run statements as its administrator,
look at it with a check as a checker would, and execute the remediation of a finding.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pymysql
import yaml
from pymongo import MongoClient

from examples.servers.database import DatabaseServer
from services.checker.engines import CONNECTS
from services.checker.engines.protocol import Limits, Login
from services.checker.examine import EvaluatesScripts, Examination, Outcome, examine
from services.checker.script import ScriptFinding
from shared.checks import Check
from shared.remediation import render_remediation
from shared.targets import Target, Tls

Parameters = Mapping[str, Mapping[str, tuple[str, ...]]]
"""What a target overrides, for each check."""

Account = tuple[str, str | None]
"""A user and its password."""

Start = Callable[[], AbstractContextManager[DatabaseServer]]
"""How a server is started."""


@dataclass(frozen=True)
class StartOf:
    """How a server of a known product is started; ``docs/checks`` names it."""

    product: str
    start: Start

    def __call__(self) -> AbstractContextManager[DatabaseServer]:
        """Start it."""
        return self.start()


NEW_PASSWORD = "Pfeil-7-und-8-Bogen"

_COMMENTS = {"postgresql": "--", "mysql": "--", "mongodb": "//"}
_COMMAND = re.compile(r"db\.getSiblingDB\((?P<database>\"(?:[^\"\\]|\\.)*\")\)\.runCommand\((?P<command>\{.*\})\);?")


@dataclass
class Lab:
    """One server and who may change it."""

    server: DatabaseServer
    _servers: ExitStack = field(default_factory=ExitStack)
    seen: Examination = field(default_factory=lambda: Examination(()))
    """What the last look brought: which server answered, and what."""

    @classmethod
    def started(cls, start: Start) -> "Lab":
        """Start a server. It ends with ``close``."""
        servers = ExitStack()
        return cls(servers.enter_context(start()), servers)

    def close(self) -> None:
        """Stop the server."""
        self._servers.close()

    def replace(self, start: Start) -> None:
        """Put another server into the place of this one, as a restart with other settings does."""
        self._servers.close()
        self.server = self._servers.enter_context(start())

    async def look(self, check: Check, scripts: EvaluatesScripts, parameters: Mapping[str, tuple[str, ...]]) -> Outcome:
        """Run one check as a checker does."""
        (outcome,) = await self.look_at([check], scripts, {check.name: parameters})
        return outcome

    async def look_at(
        self, checks: Sequence[Check], scripts: EvaluatesScripts, parameters: Parameters, login: Account | None = None
    ) -> tuple[Outcome, ...]:
        """Run checks of one engine together, as a run does; as the administrator or with another login."""
        user, password = login or (self.server.user, self.server.password)
        target = Target(
            name="lab",
            engine=checks[0].engine,
            host=self.server.host,
            port=self.server.port,
            user=user,
            database=self.server.database if self.server.engine == "postgresql" else "",
            tls=Tls(mode="verify-full" if self.server.authority_path else "prefer"),
            parameters={name: dict(values) for name, values in parameters.items()},
        )
        known = Login(target, password, ca_file=self.server.authority_path)
        self.seen = await examine(
            target, checks, login=lambda: known, connect=CONNECTS[target.engine], scripts=scripts, limits=Limits()
        )
        return self.seen.outcomes

    def execute(self, *statements: str, database: str = "") -> None:
        """Execute statements as the administrator: SQL, or ``db.getSiblingDB(…).runCommand(…)`` with JSON."""
        {"postgresql": self._postgresql, "mysql": self._mysql, "mongodb": self._mongodb}[self.server.engine](
            statements, database
        )

    def _postgresql(self, statements: tuple[str, ...], database: str) -> None:
        server = self.server
        tls = f"sslmode=verify-full sslrootcert={server.authority_path}" if server.authority_path else ""
        with psycopg.connect(
            tls,
            host=server.host,
            port=server.port,
            user=server.user,
            password=server.password,
            dbname=database or "postgres",
            autocommit=True,
        ) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def _mysql(self, statements: tuple[str, ...], database: str) -> None:
        with closing(
            pymysql.connect(
                host=self.server.host,
                port=self.server.port,
                user=self.server.user,
                password=self.server.password or "",
                database=database or None,
                ssl_ca=str(self.server.authority_path) if self.server.authority_path else None,
                autocommit=True,
            )
        ) as connection:
            for statement in statements:
                connection.query(statement)

    def _mongodb(self, statements: tuple[str, ...], database: str) -> None:
        assert not database, "a command names its database itself"
        options: dict[str, Any] = {"directConnection": True}
        if self.server.authority_path:
            options |= {"tls": True, "tlsCAFile": str(self.server.authority_path)}
        if self.server.user:
            options |= {"username": self.server.user, "password": self.server.password}
        with MongoClient[dict[str, Any]](self.server.host, self.server.port, **options) as client:
            for statement in statements:
                match = _COMMAND.fullmatch(statement.strip())
                assert match, f"not a command in JSON: {statement}"
                client[json.loads(match["database"])].command(json.loads(match["command"]))

    def remedy(self, check: Check, finding: ScriptFinding, by_hand: "ByHand", afterwards: "ByHand") -> None:
        """Do what the remediation of a finding says."""
        text = render_remediation(check.remediation, finding.labels, check.engine)
        by_hand(self, finding, text)
        database = finding.labels["database"] if "In database" in text else ""
        statements = (each.replace("<new password>", NEW_PASSWORD) for each in statements_in(text, check.engine))
        self.execute(*statements, database=database)
        afterwards(self, finding, text)


ByHand = Callable[[Lab, ScriptFinding, str], None]
"""What the comment of a remediation tells a person to do: edit a file, restart the server."""


def statements_in(remediation: str, engine: str) -> list[str]:
    """Return what is to be executed; the comments are for people."""
    lines = [line for line in remediation.splitlines() if not line.startswith(_COMMENTS[engine])]
    if engine == "mongodb":
        return [line for line in lines if line.strip()]
    return [part.strip() for part in "\n".join(lines).split(";\n") if part.strip()]


def settings_in(remediation: str) -> dict[str, str]:
    """Return the lines of a configuration file, ``name = value``, that a remediation's comment tells to write."""
    return dict(re.findall(r"^--   (\w+) = (.+)$", remediation, re.MULTILINE))


def mongod_options_in(remediation: str) -> dict[str, Any]:
    """Return the lines of mongod.conf that a remediation's comment tells to write."""
    lines = [line.removeprefix("//   ") for line in remediation.splitlines() if line.startswith("//   ")]
    options: dict[str, Any] = yaml.safe_load("\n".join(line for line in lines if not line.startswith("db.")))
    return options
