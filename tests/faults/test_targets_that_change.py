"""What changes about a target while everything runs: its password, how many may come in, its name, its pool, whether it
is there at all. A run that is under way may end as it began, but what it brings is right for the target as it is then.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pymysql
import pytest

from examples.servers.database import DatabaseServer
from shared import subjects
from shared.streams import CHECK_RUNS
from tests.faults.asked import asked_on
from tests.faults.test_databases import a_bed
from tests.faults.truth import SEES
from tests.integration.checker_fleet import eventually

Execute = Callable[..., None]


@contextlib.contextmanager
def administrator(server: DatabaseServer) -> Iterator[Execute]:
    if server.engine == "postgresql":
        with psycopg.connect(
            host=server.host, port=server.port, user=server.user, password=server.password, autocommit=True
        ) as connection:
            yield lambda statement: connection.execute(statement)  # noqa: PLW0108 (it returns nothing of use)
    else:
        with pymysql.connect(host=server.host, port=server.port, user=server.user, autocommit=True) as connection:
            yield lambda statement: connection.cursor().execute(statement)


def make_account(execute: Execute, engine: str, name: str, password: str) -> None:
    drop_account(execute, engine, name)
    if engine == "postgresql":
        execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}' CONNECTION LIMIT 1")
    else:
        execute(f"CREATE USER {name} IDENTIFIED BY '{password}' WITH MAX_USER_CONNECTIONS 1")


def change_password(execute: Execute, engine: str, name: str, password: str) -> None:
    execute(
        f"ALTER ROLE {name} PASSWORD '{password}'"
        if engine == "postgresql"
        else f"ALTER USER {name} IDENTIFIED BY '{password}'"
    )


def drop_account(execute: Execute, engine: str, name: str) -> None:
    execute(f"DROP ROLE IF EXISTS {name}" if engine == "postgresql" else f"DROP USER IF EXISTS {name}")


def connect_as(server: DatabaseServer, user: str, password: str) -> contextlib.AbstractContextManager[object]:
    if server.engine == "postgresql":
        return psycopg.connect(
            host=server.host, port=server.port, user=user, password=password, dbname="postgres", autocommit=True
        )
    return pymysql.connect(host=server.host, port=server.port, user=user, password=password)


@pytest.mark.parametrize("engine", ["postgresql", "mysql"])
async def test_account_that_is_full_or_has_another_password_is_an_error_until_it_is_not(
    pipeline, request, engine, tmp_path: Path, worker_id
):
    # PostgreSQL as it is left by initdb asks nobody for a password.
    server = request.getfixturevalue({"postgresql": "postgresql_tls", "mysql": "mariadb"}[engine])
    name, secret = f"faults_{worker_id}", tmp_path / "secrets" / "one"
    secret.parent.mkdir()
    for account in ("one", "good"):
        (secret.parent / account).write_text("first-Canary-41")
    with administrator(server) as execute:
        make_account(execute, engine, name, "first-Canary-41")
        make_account(execute, engine, f"{name}_good", "first-Canary-41")
        try:
            fields = {"database": "postgres" if engine == "postgresql" else ""}
            own = {"user": name, "password": {"file": "one"}, **fields}
            good = {"user": f"{name}_good", "password": {"file": "good"}, **fields}
            folder = {"WATCHWORD_SECRETS_FOLDER": str(secret.parent)}
            async with a_bed(pipeline, server, folder, good=good, **own) as bed:
                with connect_as(server, name, "first-Canary-41"):
                    reason = await bed.is_error_of_one_alone()
                    assert "no free connection" in reason
                await bed.is_right_again()
                change_password(execute, engine, name, "second-Canary-42")
                reason = await bed.is_error_of_one_alone()
                assert "password" in reason or "refuse" in reason
                await asyncio.to_thread(secret.write_text, "second-Canary-42")
                await bed.is_right_again()
                said = pipeline.logs() + reason
                assert "Canary" not in said
        finally:
            for account in (name, f"{name}_good"):
                await eventually(lambda account=account: is_dropped(execute, engine, account), "the account to go")


def is_dropped(execute: Execute, engine: str, name: str) -> bool:
    drop_account(execute, engine, name)
    return True


async def test_target_removed_while_it_runs_ends_and_comes_back_with_a_start_of_its_own(pipeline, place, truth):
    fleet = pipeline.fleet
    await fleet.target("one", **place)
    await fleet.target("good", **place)
    await fleet.check("c", SEES, queries=[truth.query()])
    truth.weaken(1)
    pipeline.start("publisher")
    pipeline.start("checker")
    async with asked_on(fleet.client) as asked:
        await asked.run("one", "good")
        before, good = await pipeline.alert("c", "one"), await pipeline.alert("c", "good")
        await fleet.check("c", SEES, queries=[truth.query(delay_seconds=2)])
        request = await asked.begin("one")
        await eventually(lambda: is_running(fleet, "one", 2), "the run to begin")
        await fleet.remove(subjects.target_key("one"))
        await pipeline.no_alert("c", "one")
        await asked.ended(request, "one")
        # What the run had seen of a target that is gone brings nothing back.
        assert await fleet.status("one", "c", "withdrawn")
        verdicts = await fleet.all_events("check.result.verdict.postgresql.one.c")
        assert [verdict["status"] for verdict in verdicts] == ["failed", "withdrawn"]
        assert [one["fingerprint"] for one in await pipeline.alerts()] == [good["fingerprint"]]
        await fleet.check("c", SEES, queries=[truth.query()])
        await fleet.target("one", **place)
        await asked.run("one")
        after = await pipeline.alert("c", "one")
        assert after["fingerprint"] == before["fingerprint"]
        assert after["startsAt"] > before["startsAt"]
        assert (await pipeline.alert("c", "good"))["startsAt"] == good["startsAt"]


async def is_running(fleet, target, runs):
    return len(await fleet.all_events(f"check.started.postgresql.{target}.*")) >= runs


async def test_target_renamed_while_it_runs_is_one_alert_under_its_new_name(pipeline, place, truth):
    fleet = pipeline.fleet
    await fleet.target("old", **place)
    await fleet.check("c", SEES, queries=[truth.query(delay_seconds=1)])
    truth.weaken(1)
    pipeline.start("publisher")
    pipeline.start("checker")
    async with asked_on(fleet.client) as asked:
        await asked.run("old")
        await pipeline.alert("c", "old")
        request = await asked.begin("old")
        await eventually(lambda: is_running(fleet, "old", 2), "the run to begin")
        await fleet.target("new", **place)
        await fleet.remove(subjects.target_key("old"))
        await asked.run("new")
        await pipeline.alert("c", "new")
        await pipeline.no_alert("c", "old")
        await asked.ended(request, "old")
        assert await fleet.status("old", "c", "withdrawn")
        assert [one["labels"]["service_name"] for one in await pipeline.alerts()] == ["new"]


async def test_target_moved_to_another_pool_while_it_runs_is_run_by_one_checker_at_a_time(pipeline, place, truth):
    fleet = pipeline.fleet
    await fleet.target("one", **place)
    await fleet.check("c", SEES, queries=[truth.query(delay_seconds=2)])
    truth.weaken(1)
    pipeline.start("publisher")
    pipeline.start("checker", WATCHWORD_INSTANCE="here")
    pipeline.start("checker", WATCHWORD_INSTANCE="there", WATCHWORD_POOLS="berlin")
    async with asked_on(fleet.client) as asked:
        await asked.run("one")
        before = await pipeline.alert("c", "one")
        first = await asked.begin("one")
        await eventually(lambda: is_running(fleet, "one", 2), "the run to begin")
        await fleet.target("one", **place, pool="berlin")
        second = await asked.begin("one")
        # One that was on its way to the old pool goes to the new one, and is run there.
        late = subjects.run_requested("now", "default", "one", "all")
        late_sequence = (await fleet.jetstream.publish(late, b"{}")).seq
        await asked.ended(first, "one")
        end = await asked.ended(second, "one")
        assert (end["failed"], end["error"]) == (1, 0)
        await eventually(lambda: is_empty(fleet), "nothing to wait any more")
        starts = await fleet.all_events("check.started.postgresql.one.*")
        assert [start["checker"] for start in starts[:3]] == ["here", "here", "there"]
        assert {start["checker"] for start in starts[2:]} == {"there"}
        assert late_sequence
        ends = await fleet.all_events("check.finished.postgresql.one.*")
        assert len({end["run"] for end in ends}) == len(starts)
        after = await pipeline.alert("c", "one")
        assert (after["fingerprint"], after["startsAt"]) == (before["fingerprint"], before["startsAt"])


async def is_empty(fleet):
    return await fleet.count(CHECK_RUNS) == 0
