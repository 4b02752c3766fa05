"""The disk of NATS is full: not a stream at its limit, which is said, but a disk without a byte. NATS 2.15 then answers
nothing to whoever wants to store something, and stores nothing any more when there is room, until it is started anew.
"""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import StartAlertmanager
from tests.faults.cluster import ALL_STREAMS, COUNT, cluster_in, make_leader
from tests.faults.small_disk import SmallDisk, nats_on, small_disk
from tests.faults.truth import Truth
from tests.faults.whole import MUTED, STEADY, Whole
from tests.faults.whole_on import whole_on
from watchword.embedded import EmbeddedServer, NatsSettings


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "nats-0" / "jetstream", "48m") as disk:
        yield disk


@pytest.fixture
def nats(disk: SmallDisk, tmp_path: Path) -> Iterator[EmbeddedServer]:
    server = nats_on(disk, NatsSettings(tmp_path / "nats-0", port=0))
    with server.process:
        yield server


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
        told_until = time.monotonic() + 20  # it is tried for 30 s, and said after the first 5
        while time.monotonic() < told_until:
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


@pytest.mark.slow
@pytest.mark.parametrize("leads", [True, False], ids=["leader", "follower"])
async def test_a_member_of_a_cluster_whose_disk_is_full_is_done_without_and_is_one_of_them_again(
    disk: SmallDisk,
    start_alertmanager: StartAlertmanager,
    tmp_path: Path,
    truth: Truth,
    place: dict[str, Any],
    *,
    leads: bool,
) -> None:
    async with (
        cluster_in(tmp_path, disk) as cluster,
        whole_on(cluster.url, start_alertmanager(), tmp_path, truth, place, replicas=COUNT) as whole,
    ):
        await whole.begin()
        await make_leader(whole.pipeline.fleet.client, 0 if leads else 1, *ALL_STREAMS)
        async with whole.steady():
            disk.fill()
            acknowledged = []
            for row in (3, 4):
                whole.truth.weaken(row)
                acknowledged.append(await whole.check())
                await whole.until_rows({STEADY, MUTED, *range(3, row + 1)}, "what the other members store")
            await whole.answered(acknowledged)
            await whole.ready()
            disk.make_room()
            cluster.servers[0].process.kill()
            await whole.restarted(cluster.servers[0])
            await make_leader(whole.pipeline.fleet.client, 0, *ALL_STREAMS)
            await whole.works()
            await whole.ready()
        assert await whole.pipeline.fleet.count("DEAD_LETTERS") == 0
