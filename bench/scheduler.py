"""What does scheduling cost with 10,000 targets? Run ``python -m bench.scheduler [TARGETS]``. The first part is the
plan alone, the second a scheduler with a NATS server of its own, the third one in a process of its own: what it holds,
and what it does while nothing is due.
"""

import asyncio
import datetime as dt
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nats
import psutil
from nats.js import JetStreamContext
from pydantic import BaseModel

from services.scheduler.app import make_scheduler
from services.scheduler.plan import Plan, Present
from services.scheduler.settings import SchedulerSettings
from shared import subjects
from shared.checks import Check, Query, QueryType
from shared.configuration import Change, Configuration
from shared.declaring import declare
from shared.stage import started
from shared.streams import CHECK_RUNS, CONFIGURATION
from shared.targets import Target
from tests.e2e.processes import kill, pipeline_in
from watchword.embedded import NatsSettings, embedded_nats

CHECKS = 30
SCHEDULES = ("standard", "frequent", "rare")
SETTLE_SECONDS, REST_SECONDS = 10.0, 20.0


def a_check(number: int, script: str = "") -> Check:
    return Check(
        name=f"check_{number}",
        engine="postgresql",
        summary="s",
        description="d",
        interval=SCHEDULES[number % len(SCHEDULES)],
        queries=(Query(type=QueryType.POSTGRESQL_SELECT, text="1"),),
        script=script,
    )


def entries(targets: int) -> list[tuple[str, BaseModel]]:
    checks = [a_check(number) for number in range(CHECKS)]
    fleet = [Target(name=f"target-{number}", engine="postgresql") for number in range(targets)]
    return [(subjects.check_key(check.name), check) for check in checks] + [
        (subjects.target_key(target.name), target) for target in fleet
    ]


def timed(what: str, act: Callable[[], object], times: int = 1) -> None:
    began = time.perf_counter()
    for _ in range(times):
        act()
    seconds = (time.perf_counter() - began) / times
    shown = f"{seconds:8.2f} s " if seconds >= 1 else f"{seconds * 1e3:8.2f} ms" if seconds >= 1e-3 else ""
    print(f"  {what:<58}{shown or f'{seconds * 1e6:8.2f} µs'}")


def the_plan_alone(targets: int) -> None:
    configuration = Configuration()
    for revision, (key, model) in enumerate(entries(targets), 1):
        configuration.apply(key, model.model_dump_json().encode(), revision)
    present = Present("streams", configuration.revision)
    now = dt.datetime.now(dt.UTC)
    plans = [Plan(configuration)]

    def look(moment: dt.datetime) -> int:
        plan = plans[-1]
        steps = plan.steps(moment, present)
        for step in steps:
            plan.note_slot(step.unit.key, replace(step.slot, sequence=1))
        return len(steps)

    def restart() -> None:
        plans.append(Plan(configuration, dict(plans[-1].slots)))
        look(now)

    def change(key: str, model: BaseModel) -> Change:
        made = configuration.apply(key, model.model_dump_json().encode(), configuration.revision + 1)
        plans[-1].note_change(made)
        look(now)
        return made

    print(f"The plan alone: {targets} targets, {CHECKS} checks, {targets * len(SCHEDULES)} units")
    timed("first plan, everything is asked for", lambda: look(now))
    timed("plan after a restart, nothing is owed", restart)
    timed("a tick with nothing due", lambda: plans[-1].has_work(now, present), 100_000)
    timed("one target changed", lambda: change("target.target-1", Target(name="target-1", engine="postgresql")))
    timed("one check changed, all targets are asked for", lambda: change("check.check_1", a_check(1, "x")))
    asked: list[int] = []
    timed("a look one minute later", lambda: asked.append(look(now + dt.timedelta(minutes=1))))
    print(f"    which asked for {asked[0]} due runs")


async def write(jetstream: JetStreamContext, written: list[tuple[str, BaseModel]]) -> None:
    for begin in range(0, len(written), 200):
        batch = written[begin : begin + 200]
        puts = [
            jetstream.publish(subjects.bucket_subject(CONFIGURATION, key), model.model_dump_json().encode())
            for key, model in batch
        ]
        await asyncio.gather(*puts)


async def with_a_server(targets: int) -> None:
    print(f"With a NATS server: {targets} targets, {targets * len(SCHEDULES)} units")
    with tempfile.TemporaryDirectory() as folder:
        async with embedded_nats(NatsSettings(Path(folder), port=0)) as server:
            client = await nats.connect(server.url)
            jetstream = client.jetstream()
            await declare(client, jetstream)
            await write(jetstream, entries(targets))
            for what in ("first start, until everything is asked for", "restart, until it is ready"):
                application, stage = make_scheduler(SchedulerSettings(nats_url=server.url))
                stage.is_health_served_elsewhere = True
                began = time.perf_counter()
                async with started(application):
                    while stage.problems():  # noqa: ASYNC110 (nobody tells when it is ready)
                        await asyncio.sleep(0.01)
                    print(f"  {what:<58}{time.perf_counter() - began:8.2f} s")
            print(f"    requests stored: {(await jetstream.stream_info(CHECK_RUNS)).state.last_seq}")
            await client.close()


async def in_a_process(targets: int) -> None:
    print(f"In a process of its own: {targets} targets, {targets * len(SCHEDULES)} units")
    with tempfile.TemporaryDirectory() as folder:
        async with pipeline_in(Path(folder)) as pipeline:
            jetstream = pipeline.fleet.jetstream
            await write(jetstream, entries(targets))
            for what in ("first start", "restart"):
                began = time.perf_counter()
                started_one = pipeline.start("scheduler")
                scheduler = psutil.Process(started_one.pid)
                if what == "first start":
                    units = targets * len(SCHEDULES)
                    while (await jetstream.stream_info(CHECK_RUNS)).state.messages < units:  # noqa: ASYNC110
                        await asyncio.sleep(0.05)
                    print(f"  {what + ', until everything is asked for':<58}{time.perf_counter() - began:8.2f} s")
                await asyncio.sleep(SETTLE_SECONDS)
                before = sum(scheduler.cpu_times()[:2])
                await asyncio.sleep(REST_SECONDS)
                share = (sum(scheduler.cpu_times()[:2]) - before) / REST_SECONDS
                held = scheduler.memory_info().rss / 1024**2
                print(f"  {what + ', then at rest':<58}{held:8.0f} MiB, {share:.1%} of a core")
                kill(started_one)


if __name__ == "__main__":
    import logging

    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    the_plan_alone(number)
    asyncio.run(with_a_server(number))
    asyncio.run(in_a_process(number))
    print(f"load average {os.getloadavg()[0]:.1f}")
