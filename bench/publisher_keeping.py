"""What does it cost one publisher to keep 100,000 alerts alive, does any of them lapse, and does a new one wait behind
them?

    python -m bench.publisher_keeping --firing 100000 --seconds 180

A witness looks at Alertmanager from another process all the time. Transitions are timed on their way to Alertmanager,
from before their verdict is stored, first while nothing else fires, then between the re-sends of all others.
"""

import asyncio
import time
from pathlib import Path

import psutil

from bench import verdicts as stored
from bench.pipeline import percentiles
from bench.publisher_house import (
    Wire,
    all_shown,
    house_in,
    machine,
    measured,
    memory,
    publisher_in,
    server_processes,
    shown,
    used_seconds,
    witness,
)
from shared.streams import TRANSITIONS
from tests.e2e.processes import Pipeline

PROBES = 50
PAUSE_SECONDS = 0.25
FIRST_PROBE = 10_000_000


async def transition(pipeline: Pipeline, wire: Wire, number: int, *, is_failed: bool) -> float:
    """Store one verdict and return how long it took until its alert was posted."""
    made = stored.result(number, is_failed=is_failed, target="probe")
    posted = asyncio.create_task(wire.until(f'"app_{number}"'.encode()))
    await asyncio.sleep(0)
    began = time.perf_counter()
    await pipeline.fleet.jetstream.publish(stored.subject_of(made), made.to_bytes(), headers=stored.headers(made))
    return await posted - began


async def transitions(pipeline: Pipeline, wire: Wire, until: float, most: int = 1_000_000) -> list[float]:
    """Let one alert after the other fire, and end, and return how long each took."""
    times: list[float] = []
    while time.perf_counter() < until and len(times) < most:
        for is_failed in (True, False):
            # The same number again, so that the alert ends that has just begun.
            number = FIRST_PROBE + len(times) // 2 * stored.CHECKS
            times.append(await transition(pipeline, wire, number, is_failed=is_failed))
            await asyncio.sleep(PAUSE_SECONDS)
    return times


async def settled(pipeline: Pipeline) -> float:
    """Wait until every verdict was compared with the one before it, and return how long it took."""
    began = time.perf_counter()
    while True:
        information = await pipeline.fleet.jetstream.consumer_info(TRANSITIONS.stream, TRANSITIONS.name)
        if not information.num_pending and not information.num_ack_pending:
            return time.perf_counter() - began
        await asyncio.sleep(0.5)


async def kept(pipeline: Pipeline, wire: Wire, publisher: psutil.Process, seconds: float) -> None:
    """Measure while everything is sent again and again."""
    alertmanager = server_processes(pipeline)["alertmanager"]
    before = used_seconds(publisher), used_seconds(alertmanager), time.perf_counter()
    times = await transitions(pipeline, wire, time.perf_counter() + seconds)
    took = time.perf_counter() - before[2]
    share = (used_seconds(publisher) - before[0]) / took
    theirs = (used_seconds(alertmanager) - before[1]) / took
    percentiles("a transition posted between all re-sends", times)
    print(f"publisher {share:.0%} of a core, Alertmanager {theirs:.0%}; {machine()}")


async def measure(firing: int, seconds: float, compare_seconds: float, folder: Path) -> None:
    async with house_in(folder) as (pipeline, wire):
        publisher = publisher_in(pipeline, wire, WATCHWORD_COMPARE_SECONDS=str(compare_seconds))
        await transitions(pipeline, wire, time.perf_counter() + 60, 4)
        times = await transitions(pipeline, wire, time.perf_counter() + 60, PROBES)
        percentiles("a transition posted while nothing fires", times)
        print(f"publisher: {memory(publisher)}; {machine()}")
        began = time.perf_counter()
        await stored.fill(pipeline.fleet.client, firing, firing)
        await all_shown(pipeline.alertmanager_url, firing)
        print(f"{firing} alerts stand {time.perf_counter() - began:.1f} s after the first of their verdicts was stored")
        print(f"and every verdict was compared with the one before it after {await settled(pipeline):.1f} s more")
        # The probes come and go: the witness counts them as what came besides.
        with witness(pipeline.alertmanager_url) as said:
            await kept(pipeline, wire, publisher, seconds)
        print(said[0])
        print(f"{len(shown(pipeline.alertmanager_url))} alerts stand; publisher: {memory(publisher)}")
        for name, process in server_processes(pipeline).items():
            print(f"{name}: {memory(process)}")


if __name__ == "__main__":
    measured(measure, __doc__, firing=5_000, seconds=90.0, compare_seconds=300.0)
