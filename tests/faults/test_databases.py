"""A database that is away, silent, mad or in the middle of breaking: an error of its own target that says what and
where. What was known of it stands, the target beside it is answered as ever, and when the fault is over the next run is
right. With stages as processes.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import psycopg
import pymysql
import pytest

from examples.servers.database import DatabaseServer
from shared import subjects
from shared.events import CheckResult
from shared.reading import last_message
from shared.streams import CHECK_RESULTS
from tests.e2e.processes import Pipeline
from tests.faults.asked import Asked, asked_on
from tests.faults.links import Link, link_to
from tests.faults.outcomes import memory_mib
from tests.integration.checker_fleet import eventually

ENGINES = ("postgresql", "mysql", "mongodb")
SERVERS = {"postgresql": "postgresql", "mysql": "mariadb", "mongodb": "mongodb"}
QUERIES: dict[str, list[dict[str, Any]]] = {
    "postgresql": [{"type": "POSTGRESQL_SELECT", "text": "1 AS one"}],
    "mysql": [{"type": "MYSQL_SELECT", "text": "1 AS one"}],
    "mongodb": [{"type": "MONGODB_BUILDINFO"}],
}
WEAK = """
def check_context(docs, context):
  return [{"summary": "weak", "severity": "warning"}]
"""
LIMIT_SECONDS = 4
"""How long a checker waits for a database: what a good target held up by a bad one would wait, too."""
AMPLE = {"WATCHWORD_STATEMENT_SECONDS": "30"}
"""Where it is not time that must end a query, no busy machine may end it either."""


@dataclass
class Bed:
    """Two targets of one engine, one of them behind a link, with the alert of each."""

    pipeline: Pipeline
    engine: str
    link: Link
    asked: Asked

    async def result(self, kind: str, target: str, check: str = "weak") -> CheckResult | None:
        subject = (subjects.verdict if kind == "verdict" else subjects.error)(self.engine, target, check)
        stored = await last_message(self.pipeline.fleet.jetstream, CHECK_RESULTS, subject)
        return CheckResult.model_validate_json(stored.data) if stored else None

    async def alerts(self) -> list[tuple[str, str]]:
        return sorted((one["fingerprint"], one["startsAt"]) for one in await self.pipeline.alerts())

    async def is_error_of_one_alone(self) -> str:
        """Run both: the one is an error and leaves everything as it was; the good one is served as ever."""
        verdict, alerts = await self.result("verdict", "one"), await self.alerts()
        request = await self.asked.begin("one", "good")
        (good, good_seconds), (bad, bad_seconds) = await asyncio.gather(
            *(self.asked.timed(request, target) for target in ("good", "one"))
        )
        assert (good["failed"], good["error"]) == (1, 0)
        assert good_seconds < max(bad_seconds, LIMIT_SECONDS)
        assert (bad["failed"], bad["error"]) == (0, 1)
        error = await self.result("error", "one")
        assert error is not None
        assert error.run == bad["run"]
        assert await self.result("verdict", "one") == verdict
        assert await self.alerts() == alerts
        return error.reason or ""

    async def is_right_again(self) -> None:
        """Run both: each is looked at, and the alerts are those from before."""
        alerts = await self.alerts()
        request = await self.asked.begin("one", "good")
        for target in ("one", "good"):
            end = await self.asked.ended(request, target)
            assert (target, end["failed"], end["error"]) == (target, 1, 0), await self.result("error", target)
        assert await self.alerts() == alerts


@contextlib.asynccontextmanager
async def a_bed(
    pipeline: Pipeline,
    server: DatabaseServer,
    environment: dict[str, str] | None = None,
    good: dict[str, Any] | None = None,
    **fields: Any,
) -> AsyncIterator[Bed]:
    place = {"engine": server.engine, "host": server.host, "user": server.user, "database": server.database}
    fleet = pipeline.fleet
    async with link_to(server.port) as link, asked_on(fleet.client) as asked:
        await fleet.target("good", **{**place, "port": server.port, **(good or {})})
        await fleet.target("one", **{**place, "port": link.port, **fields})
        await fleet.check("weak", WEAK, engine=server.engine, queries=QUERIES[server.engine])
        pipeline.start("publisher")
        limits = {f"WATCHWORD_{what}_SECONDS": str(LIMIT_SECONDS) for what in ("CONNECT", "STATEMENT")}
        pipeline.start("checker", **limits | (environment or {}))
        bed = Bed(pipeline, server.engine, link, asked)
        await asked.run("one", "good")
        for target in ("one", "good"):
            assert asked.ends[target]["failed"] == 1, await bed.result("error", target)
            await pipeline.alert("weak", target)
        yield bed
        assert "Traceback" not in pipeline.logs()


async def cut(link: Link) -> None:
    await link.cut()


async def silent(link: Link) -> None:
    link.drop()


def strange(said: bytes) -> Callable[[Link], Awaitable[None]]:
    async def speak(link: Link) -> None:
        link.stranger = said

    return speak


def breaks_after(answer_bytes: int) -> Callable[[Link], Awaitable[None]]:
    async def limit(link: Link) -> None:
        link.answer_bytes = answer_bytes

    return limit


FAULTS: dict[str, Callable[[Link], Awaitable[None]]] = {
    "unreachable": cut,
    "accepts and never answers": silent,
    "an HTTP server": strange(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"),
    "garbage": strange(bytes(range(256)) * 4000),
    "breaks in the greeting": breaks_after(3),
    "breaks in the login": breaks_after(60),
}


@pytest.mark.parametrize("engine", ENGINES)
async def test_server_that_fails_is_an_error_of_its_target_alone(pipeline, request, engine):
    async with a_bed(pipeline, request.getfixturevalue(SERVERS[engine])) as bed:
        for name, harm in FAULTS.items():
            print("fault:", name)  # pytest shows it when the test fails
            await harm(bed.link)
            reason = await bed.is_error_of_one_alone()
            assert f"127.0.0.1:{bed.link.port}" in reason, (name, reason)
            bed.link.stranger = bed.link.answer_bytes = None
            bed.link.mend()
            bed.link.reset()
            if name == "unreachable":
                await bed.link.join()
        await bed.is_right_again()


SLOW = {
    "postgresql": {"type": "POSTGRESQL_SELECT", "text": "count(*) AS n FROM generate_series(1, 200000000)"},
    "mysql": {"type": "MYSQL_SELECT", "text": "count(*) AS n FROM seq_1_to_2000000000 WHERE seq % 7 = 3"},
}
MANY = {
    "postgresql": {"type": "POSTGRESQL_SELECT", "text": "generate_series(1, 10000000) AS n, repeat('x', 100) AS t"},
    "mysql": {"type": "MYSQL_SELECT", "text": "seq AS n, repeat('x', 100) AS t FROM seq_1_to_10000000"},
}
BYTES = {
    "postgresql": {
        "type": "POSTGRESQL_SELECT",
        "text": "decode(repeat('ff00', 2000), 'hex') AS b FROM generate_series(1, 20)",
    },
    "mysql": {"type": "MYSQL_SELECT", "text": "unhex(repeat('FF00', 2000)) AS b FROM seq_1_to_20"},
}


def end_sessions(server: DatabaseServer) -> int:
    """End every session that runs one of our slow queries, and return how many there were."""
    if server.engine == "postgresql":
        with psycopg.connect(
            host=server.host, port=server.port, user=server.user, dbname="postgres", autocommit=True
        ) as connection:
            return connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE query LIKE '%200000000%' AND pid <> pg_backend_pid()"
            ).rowcount
    with pymysql.connect(host=server.host, port=server.port, user=server.user) as connection:
        cursor = connection.cursor()
        cursor.execute(
            "SELECT id FROM information_schema.processlist WHERE info LIKE '%seq_1_to_2000000000%' "
            "AND id <> connection_id()"
        )
        found = [row[0] for row in cursor.fetchall()]
        for session in found:
            cursor.execute(f"KILL {session}")
        return len(found)


@pytest.mark.parametrize("engine", ["postgresql", "mysql"])
async def test_session_that_is_ended_in_the_middle_of_a_run_is_an_error_and_the_next_run_is_right(
    pipeline, request, engine
):
    server = request.getfixturevalue(SERVERS[engine])
    async with a_bed(pipeline, server, AMPLE) as bed:
        alerts = await bed.alerts()
        await pipeline.fleet.check("weak", WEAK, engine=engine, queries=[SLOW[engine]])
        asked = await bed.asked.begin("one")
        await eventually(lambda: asyncio.to_thread(end_sessions, server), "the session to be ended", 30)
        end = await bed.asked.ended(asked, "one")
        assert (end["failed"], end["error"]) == (0, 1)
        error = await bed.result("error", "one")
        assert error is not None
        assert f"127.0.0.1:{bed.link.port}" in error.reason
        assert await bed.alerts() == alerts
        await pipeline.fleet.check("weak", WEAK, engine=engine, queries=QUERIES[engine])
        await bed.is_right_again()


@pytest.mark.parametrize("engine", ["postgresql", "mysql"])
async def test_ten_million_rows_are_refused_and_bytes_arrive_while_memory_stays_flat(pipeline, request, engine):
    server = request.getfixturevalue(SERVERS[engine])
    async with a_bed(pipeline, server, AMPLE) as bed:
        checker = pipeline.running[-1]
        await pipeline.fleet.check("bytes", WEAK, engine=engine, queries=[BYTES[engine]])
        await bed.asked.run("one", "good")
        before = memory_mib(checker)
        await pipeline.fleet.check("many", WEAK, engine=engine, queries=[MANY[engine]])
        request_ = await bed.asked.begin("one", "good")
        for target in ("one", "good"):
            end = await bed.asked.ended(request_, target)
            assert (end["failed"], end["error"]) == (2, 1)
            error = await bed.result("error", target, "many")
            assert error is not None
            assert "10000 rows" in error.reason or "10,000 rows" in error.reason
        assert memory_mib(checker) < before * 1.5 + 96


@pytest.mark.parametrize("engine", ["postgresql", "mysql"])
async def test_link_that_breaks_in_the_middle_of_a_result_is_an_error_of_that_target(pipeline, request, engine):
    server = request.getfixturevalue(SERVERS[engine])
    async with a_bed(pipeline, server, AMPLE) as bed:
        wide = {**MANY[engine], "text": MANY[engine]["text"].replace("10000000", "5000")}
        await pipeline.fleet.check("weak", WEAK, engine=engine, queries=[wide])
        bed.link.answer_bytes = 100_000
        reason = await bed.is_error_of_one_alone()
        assert f"127.0.0.1:{bed.link.port}" in reason
        bed.link.answer_bytes = None
        await bed.is_right_again()
