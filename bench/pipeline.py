"""How fast is the whole pipeline? Real processes on real servers: from a forced run to the alert that is visible in
Alertmanager, from the fix to its end, and how targets per second grow with the number of checkers. ``python -m
bench.pipeline`` prints the figures beside a floor of the same run.
"""

import asyncio
import json
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import psutil
import psycopg

from bench.delay_proxy import delayed
from examples.servers.database import DatabaseServer
from examples.servers.postgresql import postgresql
from shared import subjects
from tests.e2e.processes import Pipeline, kill, pipeline_in
from watchword.check_files.library import built_in_checks

ROUNDS = 50
TARGETS = 40
CHECKS_FAR_AWAY = 12
CHECK, ROLE = "postgresql_superuser_roles", "bench_intern"
OF_THE_ROLE = [f'alertname="{CHECK}"', f'role="{ROLE}"']
SECONDS_FOR_ONE_SET = 10.0


def place(server: DatabaseServer, port: int | None = None) -> dict[str, object]:
    """Return the fields of a target on a server."""
    return {"host": server.host, "port": port or server.port, "user": server.user, "database": "postgres"}


def percentiles(name: str, seconds: list[float]) -> None:
    """Print the middle and the tail of some times."""
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    print(f"{name:48} p50 {statistics.median(ordered) * 1000:7.1f} ms   p99 {p99 * 1000:7.1f} ms   n={len(ordered)}")


async def visible(client: httpx.AsyncClient, pipeline: Pipeline, *, is_wanted: bool) -> float:
    """Poll Alertmanager until the alert is there, or gone, and return the time."""
    url = f"{pipeline.alertmanager_url}/api/v2/alerts"
    while True:
        response = await client.get(url, params={"silenced": "false", "filter": OF_THE_ROLE})
        if bool(response.json()) == is_wanted:
            return time.monotonic()
        await asyncio.sleep(0.002)


async def forced_runs(pipeline: Pipeline, server: DatabaseServer) -> None:
    """Weaken, force, see; fix, force, see it gone: so many rounds."""
    appeared, ended, floor = [], [], []
    with psycopg.connect(host=server.host, port=server.port, user=server.user, autocommit=True) as connection:
        async with httpx.AsyncClient() as client:
            for _ in range(ROUNDS):
                for wish, statement, times in (
                    (True, f"CREATE ROLE {ROLE} LOGIN SUPERUSER", appeared),
                    (False, f"DROP ROLE {ROLE}", ended),
                ):
                    connection.execute(statement.encode())
                    began = time.monotonic()
                    await pipeline.fleet.jetstream.publish("check.requested", b"{}")
                    times.append(await visible(client, pipeline, is_wanted=wish) - began)
                began = time.monotonic()
                await pipeline.fleet.jetstream.publish("bench.floor", b"{}")
                await client.get(f"{pipeline.alertmanager_url}/api/v2/alerts", params={"filter": 'a="b"'})
                floor.append(time.monotonic() - began)
    percentiles("forced run -> alert visible", appeared)
    percentiles("fix, forced run -> alert gone", ended)
    percentiles("floor: one publish and one GET of Alertmanager", floor)


async def rate(pipeline: Pipeline, checkers: int) -> float:
    """Return how many targets are run each second by so many checkers, over repeated requests for all."""
    running = [pipeline.start("checker", WATCHWORD_SLOTS_BULK="1") for _ in range(checkers)]
    subscription = await pipeline.fleet.client.subscribe("check.finished.>")
    await one_set(pipeline, subscription)  # warm up: interpreters, workers, scripts
    began, count = time.monotonic(), 0
    while time.monotonic() - began < SECONDS_FOR_ONE_SET:
        await one_set(pipeline, subscription)
        count += TARGETS
    took = time.monotonic() - began
    await subscription.unsubscribe()
    for process in running:
        kill(process)
    return count / took


async def one_set(pipeline: Pipeline, subscription: object) -> None:
    """Ask for all targets and wait until each has ended."""
    await pipeline.fleet.jetstream.publish("check.requested", b'{"targets": ["far-*"]}')
    left = {f"far-{number}" for number in range(TARGETS)}
    while left:
        message = await subscription.next_msg(timeout=60)  # type: ignore[attr-defined]
        left.discard(json.loads(message.data)["target"])


async def main() -> None:
    """Measure and print."""
    with TemporaryDirectory(prefix="watchword-bench-") as name, postgresql() as server:
        async with pipeline_in(Path(name)) as pipeline:
            await pipeline.fleet.jetstream.add_stream(name="BENCH", subjects=["bench.>"])
            checks = [check for check in built_in_checks() if check.engine == "postgresql"]
            for check in checks:
                await pipeline.fleet.put(subjects.check_key(check.name), check.model_dump_json().encode())
            await pipeline.fleet.target("near", engine="postgresql", **place(server))
            stages = {stage: pipeline.start(stage) for stage in ("scheduler", "checker", "publisher", "silencer")}
            await pipeline.alert("postgresql_trust_authentication", "near", timeout_seconds=30)
            print(f"{len(checks)} checks on one PostgreSQL target")
            await forced_runs(pipeline, server)
            for stage, process in stages.items():
                family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
                sizes = [member.memory_info().rss / 1024**2 for member in family]
                print(f"resident memory of {stage:12} {sizes[0]:6.0f} MiB, with its children {sum(sizes):6.0f} MiB")
            for process in stages.values():
                kill(process)
            await pipeline.fleet.remove(subjects.target_key("near"))
            for check in checks[CHECKS_FAR_AWAY:]:  # all of them would wait for minutes, and show no more
                await pipeline.fleet.remove(subjects.check_key(check.name))
            async with delayed(server.port, 0.020) as port:
                for number in range(TARGETS):
                    await pipeline.fleet.target(f"far-{number}", engine="postgresql", **place(server, port))
                one = await rate(pipeline, 1)
                four = await rate(pipeline, 4)
            print(f"{TARGETS} targets behind 20 ms, {CHECKS_FAR_AWAY} checks, one slot for each checker")
            print(f"1 checker {one:.1f} targets/s, 4 checkers {four:.1f} targets/s")
            print(f"ratio {four / one:.2f}")


if __name__ == "__main__":
    asyncio.run(main())
