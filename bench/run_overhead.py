"""What does a run cost beside the database's own work? One target with 30 checks, looked at by the code of a checker,
beside the same distinct queries through the bare driver in the same process; and the whole run, from the request on
NATS to its end. ``python -m bench.run_overhead`` prints milliseconds.
"""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import minisign
import psycopg
import pymysql
import structlog
from pymongo import AsyncMongoClient

from bench.script_call import show
from examples.servers.database import DatabaseServer
from examples.servers.mariadb import mariadb
from examples.servers.mongodb import mongodb
from examples.servers.postgresql import postgresql
from services.checker.engines import CONNECTS
from services.checker.engines.mongodb_commands import COMMANDS
from services.checker.engines.protocol import Limits, Login
from services.checker.examine import Examination, examine
from services.checker.sandbox import Sandbox
from services.checker.signatures import Signatures
from shared import subjects
from shared.check_files.reading import read_checks
from shared.checks import Check, Engine, Query
from shared.targets import Target
from tests.integration.checker_fleet import Fleet, eventually, fleet_on
from watchword.check_files.library import built_in_checks
from watchword.embedded import NatsSettings, embedded_nats

CHECKS = 30
ROUNDS = 50


def thirty_checks(engine: Engine) -> list[Check]:
    """Return the built-in checks of an engine, and copies of them that ask in other words, until there are enough."""
    own = [
        check
        for check in built_in_checks()
        if check.engine == engine and all(query.type in COMMANDS or query.text for query in check.queries)
    ]
    checks = list(own)
    while len(checks) < CHECKS:
        model, number = own[len(checks) % len(own)], len(checks)
        queries = [
            query.model_copy(update={"text": query.text and f"{query.text} /* {number} */"}) for query in model.queries
        ]
        checks.append(model.model_copy(update={"name": f"{model.name}_{number}", "queries": tuple(queries)}))
    return checks


def distinct(checks: Sequence[Check]) -> list[Query]:
    return list(dict.fromkeys(query for check in checks for query in check.queries))


async def raw_postgresql(server: DatabaseServer, queries: Sequence[Query]) -> None:
    async with await psycopg.AsyncConnection.connect(
        host=server.host, port=server.port, user=server.user, dbname="postgres", autocommit=True
    ) as connection:
        for query in queries:
            cursor = await connection.execute(f"SELECT {query.text}".encode())
            await cursor.fetchall()


async def raw_mysql(server: DatabaseServer, queries: Sequence[Query]) -> None:
    def ask() -> None:
        with (
            contextlib.closing(pymysql.connect(host=server.host, port=server.port, user=server.user)) as connection,
            connection.cursor() as cursor,
        ):
            for query in queries:
                cursor.execute(f"{query.type.value.removeprefix('MYSQL_')} {query.text}")
                cursor.fetchall()

    await asyncio.to_thread(ask)


async def raw_mongodb(server: DatabaseServer, queries: Sequence[Query]) -> None:
    async with AsyncMongoClient[dict[str, object]](server.host, server.port, directConnection=True) as client:
        for query in queries:
            await client.admin.command(dict(COMMANDS[query.type]))


async def beside_each_other(
    what: str, first: Callable[[], Awaitable[object]], second: Callable[[], Awaitable[object]], others: str
) -> None:
    """Measure two things in turns, so that what else the machine does hits both."""
    durations: dict[str, list[float]] = {what: [], others: []}
    for _ in range(ROUNDS + 3):
        for name, action in ((what, first), (others, second)):
            begun = time.perf_counter()
            await action()
            durations[name].append((time.perf_counter() - begun) * 1000)
    for name, times in durations.items():
        show(name, sorted(times[3:]))


async def looks(server: DatabaseServer, raw: Callable[[DatabaseServer, Sequence[Query]], Awaitable[None]]) -> None:
    checks = [check for check in thirty_checks(server.engine) if not check.requires.flavours]
    target = Target(name="t", engine=server.engine, host=server.host, port=server.port, user=server.user, database="")
    if server.engine == "postgresql":
        target = target.model_copy(update={"database": "postgres"})
    async with Sandbox(workers=2) as scripts:

        async def look() -> Examination:
            return await examine(
                target,
                checks,
                login=lambda: Login(target, None),
                connect=CONNECTS[server.engine],
                scripts=scripts,
                limits=Limits(),
            )

        examination = await look()
        status = [outcome.status for outcome in examination.outcomes]
        queries = [query for query in distinct(checks) if query in examination.answers]
        print(f"{server.engine}: {len(checks)} checks, {len(queries)} distinct queries, {status.count('error')} errors")
        asked = sum(answer.duration_ms for answer in examination.answers.values())
        in_scripts = sum(outcome.script_ms for outcome in examination.outcomes)
        print(f"  of one look: {asked:.1f} ms waiting for answers, {in_scripts:.1f} ms in scripts (side by side)")
        await beside_each_other(
            "  a look at the target, with its scripts", look, lambda: raw(server, queries), "  the bare driver"
        )


@contextlib.asynccontextmanager
async def running_checker(folder: Path) -> AsyncIterator[Fleet]:
    server = embedded_nats(NatsSettings(folder, port=0))
    with server.process:
        async with fleet_on(server.url) as fleet, fleet.checker():
            yield fleet


async def whole_runs(server: DatabaseServer) -> None:
    with TemporaryDirectory() as folder:
        async with running_checker(Path(folder)) as fleet:
            for check in thirty_checks("postgresql"):
                await fleet.put(subjects.check_key(check.name), check.model_dump_json().encode())
            place = {"host": server.host, "port": server.port, "user": server.user, "database": "postgres"}
            await fleet.target("one", **place)
            ended = await fleet.client.subscribe("check.finished.>")
            durations, inside = [], []
            for number in range(ROUNDS + 3):
                begun = time.perf_counter()
                await fleet.request(targets=["one"])
                message = await ended.next_msg(30)
                if number >= 3:
                    durations.append((time.perf_counter() - begun) * 1000)
                    inside.append(float(json.loads(message.data)["duration_ms"]))
            show("  from the request to check.finished", sorted(durations))
            show("  of it the run itself, 30 verdicts stored", sorted(inside))
            await eventually(lambda: fleet.count("CHECK_RESULTS"), "results")


def signatures() -> None:
    """What a signature costs: once for each definition that is written."""
    pair = minisign.KeyPair.generate()
    with TemporaryDirectory() as folder:
        (model,) = built_in_checks()[:1]
        source = next(Path("checks").rglob(f"{model.name}.yml"))
        file = Path(folder) / source.name
        file.write_bytes(source.read_bytes())
        Path(f"{file}.minisig").write_bytes(bytes(pair.secret_key.sign(file.read_bytes())))
        (check,) = read_checks([file]).checks
        times = []
        for _ in range(200):
            here = Signatures([pair.public_key])
            begun = time.perf_counter()
            assert here.refusal(check) is None
            times.append((time.perf_counter() - begun) * 1000)
        show("a signed check verified, once for each definition", sorted(times))


async def main() -> None:
    # What a checker logs of each run would stand between the figures.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with postgresql() as server:
        await looks(server, raw_postgresql)
        print("postgresql, a whole run with NATS:")
        await whole_runs(server)
    with mariadb() as server:
        await looks(server, raw_mysql)
    with mongodb() as server:
        await looks(server, raw_mongodb)
    signatures()


if __name__ == "__main__":
    asyncio.run(main())
