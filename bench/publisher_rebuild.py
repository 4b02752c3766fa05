"""How long does a publisher that was restarted take to post its first alert, and does anything flap meanwhile?

    python -m bench.publisher_rebuild --verdicts 600000 --firing 20000

It stores last results in a NATS server of its own, reads them once without a publisher (the floor), lets a publisher
fill an Alertmanager, and then kills and starts it anew several times while a witness looks at Alertmanager.
"""

import asyncio
import time
from pathlib import Path

from bench import verdicts as stored
from bench.publisher_house import (
    POST,
    all_shown,
    house_in,
    machine,
    measured,
    memory,
    publisher_in,
    server_processes,
    used_seconds,
    witness,
)
from shared.declaring import ensure_consumer
from shared.streams import TRANSITIONS
from tests.e2e.processes import Pipeline


async def note_as_compared(pipeline: Pipeline, verdicts: int) -> None:
    """Take every verdict from the consumer that tells of transitions: a publisher that is restarted has done so."""
    jetstream = pipeline.fleet.jetstream
    await ensure_consumer(jetstream, TRANSITIONS)
    subscription = await jetstream.pull_subscribe_bind(TRANSITIONS.name, TRANSITIONS.stream)
    while verdicts > 0:
        for message in await subscription.fetch(min(verdicts, 500), timeout=10):
            await message.ack()
            verdicts -= 1
    await subscription.unsubscribe()


async def measure(verdicts: int, firing: int, times: int, folder: Path) -> None:
    async with house_in(folder) as (pipeline, wire):
        fleet, url = pipeline.fleet, pipeline.alertmanager_url
        print(f"{verdicts} verdicts stored in {await stored.fill(fleet.client, verdicts, firing):.1f} s")
        await note_as_compared(pipeline, verdicts)
        floors = [await stored.raw_replay(pipeline.nats_url) for _ in range(2)]
        least, least_used = min(floors)
        print(f"floor: read without a publisher in {least:.1f} s ({least_used:.1f} s of a core); {machine()}")
        for number in range(times):
            kind = "restart" if number else "first start"
            posted = asyncio.create_task(wire.until(POST))
            began = time.perf_counter()
            publisher = publisher_in(pipeline, wire)
            if number:
                with witness(url) as said:
                    first = await posted - began
                    used = used_seconds(publisher)
                    await asyncio.sleep(20)
            else:
                first, said = await posted - began, []
                used = used_seconds(publisher)
                await all_shown(url, firing)
                said.append(f"all {firing} stand {time.perf_counter() - began - first:.1f} s after it")
            floors.append(await stored.raw_replay(pipeline.nats_url))
            least, least_used = min(floors)
            print(
                f"{kind}: first alert posted after {first:.1f} s ({used:.1f} s of a core), {first / least:.2f} times "
                f"the floor of {least:.1f} s ({used / least_used:.2f} of its {least_used:.1f} s of a core); "
                f"{memory(publisher)}; {machine()}"
            )
            print(f"    {said[0]}", flush=True)
            for name, process in server_processes(pipeline).items():
                print(f"    {name}: {memory(process)}")
            publisher.kill()
            publisher.wait(10)


if __name__ == "__main__":
    measured(measure, __doc__, verdicts=30_000, firing=5_000, times=3)
