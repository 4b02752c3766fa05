"""The disk of NATS is full: not a stream at its limit, which is said, but a disk without a byte. NATS 2.15 then answers
nothing to whoever wants to store something, and stores nothing any more when there is room, until it is started anew.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.small_disk import SmallDisk, small_disk
from tests.faults.whole import MUTED, STEADY, Whole
from watchword.embedded import EmbeddedServer, NatsSettings, nats_process
from watchword.processes import ServerProcess


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "nats" / "jetstream", "48m") as disk:
        yield disk


@pytest.fixture
def nats(disk: SmallDisk, tmp_path: Path) -> Iterator[EmbeddedServer]:
    plan = nats_process(NatsSettings(tmp_path / "nats", port=0)).plan
    process = ServerProcess(replace(plan, command=lambda port: disk.within(plan.command(port))))
    with process:
        yield EmbeddedServer(process, "nats://127.0.0.1:{port}")


@pytest.mark.slow
async def test_a_disk_without_a_byte_is_said_loses_nothing_and_moves_no_alert(
    whole: Whole, nats: EmbeddedServer, disk: SmallDisk
) -> None:
    await whole.begin()
    async with whole.steady():
        whole.truth.weaken(3)
        acknowledged = [await whole.check() for _ in range(3)]
        disk.fill()
        asking = asyncio.create_task(whole.publish("check.requested", {"targets": ["one"]}, timeout_seconds=240))
        await whole.unready("checker", saying="is NATS frozen, or its disk full?")
        for _ in range(80):  # through the end of a try, and the begin of the next
            assert (await whole.problems())["checker"], whole.told("the checker says that all is well")
            await asyncio.sleep(0.5)
        disk.make_room()
        nats.process.kill()
        nats.process.restart()
        acknowledged.append(await asking)
        await whole.until_rows({STEADY, MUTED, 3}, "what was asked for while there was no room")
        await whole.answered(acknowledged)
        await whole.ready()
        await whole.works()
    assert await whole.pipeline.fleet.count("DEAD_LETTERS") == 0
