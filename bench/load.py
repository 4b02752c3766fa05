"""Does a person wait behind a backlog? A forced run of one target is timed while nothing else is to do, while 100,000
due requests wait, and while one request for 10,000 targets is worked off; then 10,000 people ask for one target at
once, before a checker runs and while one does. ``python -m bench.load [--targets 10000] [--due 100000]`` prints them
beside those of the same machine at rest.
"""

import argparse
import asyncio
import json
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from bench.pipeline import percentiles, place
from bench.publisher_house import machine, memory
from examples.servers.postgresql import postgresql
from shared import subjects
from shared.streams import CHECK_REQUESTS, CHECK_RUNS
from shared.subjects import Lane
from tests.e2e.processes import Pipeline, kill, pipeline_in

ROUNDS = 100
PASSES = "def check_context(docs, context):\n  return []\n"
PROBE = "probe"


async def in_batches(works: Iterable[Callable[[], Awaitable[object]]], size: int = 500) -> None:
    batch: list[Awaitable[object]] = []
    for work in works:
        batch.append(work())
        if len(batch) == size:
            await asyncio.gather(*batch)
            batch.clear()
    await asyncio.gather(*batch)


async def forced_runs(pipeline: Pipeline, rounds: int = ROUNDS) -> list[float]:
    """Ask for one target so often, one after the other; return how long each answer took."""
    times = []
    subscription = await pipeline.fleet.client.subscribe(subjects.finished_of("postgresql", PROBE))
    accepted = await pipeline.fleet.client.subscribe(subjects.CHECK_ACCEPTED)
    for number in range(rounds):
        began = time.perf_counter()
        name = f"bench-{number}-{began}"
        await pipeline.fleet.request(targets=[PROBE], id=name)
        first = None
        while first is None:
            said = json.loads((await accepted.next_msg(timeout=60)).data)
            first = said["first"] if said.get("id") == name else None
        while json.loads((await subscription.next_msg(timeout=60)).data)["covers"] < first:
            pass
        times.append(time.perf_counter() - began)
    await subscription.unsubscribe()
    await accepted.unsubscribe()
    return times


async def waiting(pipeline: Pipeline, lane: Lane) -> int:
    """Return how many messages of a lane nobody has taken yet."""
    information = await pipeline.fleet.jetstream.consumer_info(CHECK_RUNS, f"{lane}-default")
    return information.num_pending or 0


async def beside(pipeline: Pipeline, checker: "subprocess.Popen[bytes]", lane: Lane, what: str) -> None:
    before, began = await waiting(pipeline, lane), time.monotonic()
    times = await forced_runs(pipeline)
    left, took = await waiting(pipeline, lane), time.monotonic() - began
    percentiles(f"forced run beside {what}", times)
    print(f"    checker: {memory(psutil.Process(checker.pid))}; {machine()}")
    print(f"    of which {before} waited when it began and {left} when it ended: {(before - left) / took:.0f} a second")


async def asked_by_everybody(pipeline: Pipeline, requests: int, *, is_checker_running: bool) -> None:
    """Let many ask for one target, before a checker runs or while it does, and see how many runs answer them."""
    checker = None
    if is_checker_running:
        checker = pipeline.start("checker")
        await forced_runs(pipeline, 10)
    starts = await pipeline.fleet.count("CHECK_EVENTS", subjects.started("postgresql", PROBE, subjects.EVERYTHING))
    began = time.monotonic()
    await in_batches(lambda: pipeline.fleet.request(targets=[PROBE]) for _ in range(requests))
    asked = time.monotonic() - began
    checker = checker or pipeline.start("checker")
    while await _unanswered(pipeline):  # noqa: ASYNC110 (nobody tells when nothing waits)
        await asyncio.sleep(0.2)
    runs = await pipeline.fleet.count("CHECK_EVENTS", subjects.started("postgresql", PROBE, subjects.EVERYTHING))
    when = "while a checker runs" if is_checker_running else "before a checker runs"
    print(
        f"{requests} requests for one target {when}: {runs - starts} runs; asked in {asked:.1f} s, all answered after "
        f"{time.monotonic() - began:.1f} s; checker: {memory(psutil.Process(checker.pid))}; {machine()}"
    )
    kill(checker)


async def _asked(pipeline: Pipeline) -> int:
    """Return how many requests stand at the front door, also those that are being split."""
    return (await pipeline.fleet.jetstream.stream_info(CHECK_REQUESTS)).state.messages


async def _unanswered(pipeline: Pipeline) -> int:
    runs = await pipeline.fleet.jetstream.stream_info(CHECK_RUNS)
    return await _asked(pipeline) + runs.state.messages


async def measure(targets: int, due: int, requests: int, folder: Path) -> None:
    async with pipeline_in(folder) as pipeline:
        with postgresql() as server:
            jetstream = pipeline.fleet.jetstream
            await pipeline.fleet.check("c", PASSES)
            names = [PROBE, *(f"db-{number:05}" for number in range(targets))]
            await in_batches(lambda name=name: pipeline.fleet.target(name, **place(server)) for name in names)
            checker = pipeline.start("checker")
            await forced_runs(pipeline, 10)
            percentiles("forced run while nothing waits", await forced_runs(pipeline))
            kill(checker)

            def ask(number: int) -> Awaitable[object]:
                what = f"what-{number // targets}"
                subject = subjects.run_requested("due", "default", names[1 + number % targets], what)
                return jetstream.publish(subject, b"{}", timeout=60)

            await in_batches(lambda number=number: ask(number) for number in range(due))
            checker = pipeline.start("checker")
            await forced_runs(pipeline, 10)
            await beside(pipeline, checker, "due", f"{due} due requests")
            kill(checker)
            await jetstream.purge_stream(CHECK_RUNS)
            checker = pipeline.start("checker")
            await forced_runs(pipeline, 10)
            began = time.monotonic()
            await pipeline.fleet.request()
            while await waiting(pipeline, "bulk") < targets // 4:  # noqa: ASYNC110 (nobody tells when it was split)
                await asyncio.sleep(0.01)
            await beside(pipeline, checker, "bulk", f"one request for {targets} targets")
            while await _asked(pipeline):  # noqa: ASYNC110 (else it would be split once more below)
                await asyncio.sleep(0.01)
            print(f"    which was split within {time.monotonic() - began:.1f} s, all these forced runs among it")
            kill(checker)
            await jetstream.purge_stream(CHECK_RUNS)
            await asked_by_everybody(pipeline, requests, is_checker_running=False)
            await asked_by_everybody(pipeline, requests, is_checker_running=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--targets", type=int, default=10_000)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--due", type=int, default=100_000)
    arguments = parser.parse_args()
    with TemporaryDirectory(prefix="watchword-bench-") as folder:
        asyncio.run(measure(arguments.targets, arguments.due, arguments.requests, Path(folder)))


if __name__ == "__main__":
    main()
