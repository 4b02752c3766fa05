"""A cluster of three NATS servers with replicated streams, of which one dies, or is cut off: its packets are dropped,
so nobody is refused and nobody is told. Whoever hangs on it finds the others, or waits for it when it is cut off from
the others alone; what was acknowledged is there, and when it comes back it brings no truth of before.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from nats.errors import Error as NatsError

from shared.errors import StreamCutOff
from shared.following import Follower
from shared.publishing import publish
from shared.streams import CHECK_RESULTS, CHECK_RUNS
from tests.conftest import StartAlertmanager
from tests.faults.cluster import ALL_STREAMS, COUNT, Cluster, cluster_in, leader_of, make_leader
from tests.faults.snapshots import put_all_back, save_all
from tests.faults.truth import Truth
from tests.faults.whole import MUTED, STAGES, STEADY, Whole
from tests.faults.whole_on import fleet_on, whole_on
from tests.integration.checker_fleet import eventually

FOUND_SECONDS = 45.0
"""To notice that nobody answers, to find another server, and to elect leaders; a busy machine has time enough."""

LEASE_SECONDS = 8
"""After so long an alert that nobody sends again is gone."""


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    async with cluster_in(tmp_path) as cluster:
        yield cluster


@pytest.fixture
async def whole_cluster(
    cluster: Cluster, start_alertmanager: StartAlertmanager, tmp_path: Path, truth: Truth, place: dict[str, Any]
) -> AsyncIterator[Whole]:
    async with whole_on(cluster.url, start_alertmanager(), tmp_path, truth, place, replicas=COUNT) as whole:
        yield whole


async def begin_all_at(whole: Whole, cluster: Cluster, number: int, **environment: str) -> None:
    """Start every stage so that it is connected to one server, though it knows them all."""
    others = [link for at, link in enumerate(cluster.clients) if at != number]
    for link in others:
        await link.cut()
    await whole.begin(**dict.fromkeys(STAGES, environment))
    for link in others:
        await link.join()


async def stays_as_it_is(whole: Whole, rows: set[int], seconds: float) -> None:
    """See for a while that nothing comes, and nothing ends."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert set(await whole.rows()) == rows, whole.told("something came back, or is gone")


async def test_the_server_that_leads_and_that_all_hang_on_is_cut_off_and_comes_back(
    whole_cluster: Whole, cluster: Cluster
) -> None:
    whole = whole_cluster
    await begin_all_at(whole, cluster, 0)
    await make_leader(whole.pipeline.fleet.client, 0, CHECK_RESULTS, CHECK_RUNS)
    async with whole.steady():
        whole.truth.weaken(3)
        acknowledged = [await whole.check()]
        await whole.until_rows({STEADY, MUTED, 3}, "a weakness before the cut")
        cluster.cut_off(0)
        whole.truth.execute(f"DELETE FROM {whole.truth.name} WHERE id = 3")
        acknowledged.append(await whole.check())
        await whole.until_rows({STEADY, MUTED}, "a repair that is seen while a server is cut off", FOUND_SECONDS)
        await whole.ready()
        await whole.works()
        cluster.mend(0)
        await stays_as_it_is(whole, {STEADY, MUTED}, 5)
        await whole.answered(acknowledged)
        await whole.works()
        await whole.ready()


async def test_whoever_asks_a_leader_that_is_cut_off_from_the_others_alone_does_not_take_the_past_for_the_present(
    cluster: Cluster,
) -> None:
    """It goes on answering for a while, and the others elect another one."""
    read: list[bytes] = []
    everywhere = ",".join(cluster.direct_urls)
    async with fleet_on(everywhere, COUNT) as anywhere:
        number = await leader_of(anywhere.jetstream, CHECK_RESULTS)
        assert number is not None
        others = ",".join(url for at, url in enumerate(cluster.direct_urls) if at != number)
        async with fleet_on(cluster.direct_urls[number], COUNT) as there, fleet_on(others, COUNT) as elsewhere:
            follower = Follower(
                there.jetstream, CHECK_RESULTS, lambda stored: read.append(stored.data), last_per_subject=False
            )
            await follower.start()
            await publish(elsewhere.jetstream, "check.result.verdict.e.t.c", b"before")
            await follower.catch_up()
            assert read == [b"before"]
            cluster.cut_off_from_the_others(number)
            await publish(elsewhere.jetstream, "check.result.verdict.e.t.c", b"meanwhile", retry_seconds=FOUND_SECONDS)
            for _ in range(5):
                with pytest.raises((StreamCutOff, TimeoutError)):
                    await follower.catch_up(1.0)
            cluster.mend(number)

            async def has_caught_up() -> bool:
                with contextlib.suppress(NatsError, TimeoutError):
                    await follower.catch_up()
                    return True
                return False

            await eventually(has_caught_up, "it reads on", FOUND_SECONDS)
            assert (read, follower.problem) == ([b"before", b"meanwhile"], None)
            await follower.stop()


@pytest.mark.slow
async def test_a_stage_that_begins_while_a_member_is_still_behind_reads_all_there_is(cluster: Cluster) -> None:
    """Any member may serve a reader, and one that was cut off has no more than it had then for a moment."""
    async with fleet_on(",".join(cluster.direct_urls), COUNT) as anywhere:
        leader = await leader_of(anywhere.jetstream, CHECK_RESULTS)
        assert leader is not None
    behind = (leader + 1) % COUNT
    others = ",".join(url for at, url in enumerate(cluster.direct_urls) if at != behind)
    async with fleet_on(others, COUNT) as elsewhere:
        cluster.cut_off_from_the_others(behind)
        stored = 0
        for _ in range(10):
            subjects = [f"check.result.verdict.e.t.c{stored + number}" for number in range(100)]
            await asyncio.gather(
                *(publish(elsewhere.jetstream, each, b"x" * 1000, retry_seconds=FOUND_SECONDS) for each in subjects)
            )
            stored += len(subjects)
        cluster.slow_down(behind, 300_000)
        cluster.mend(behind)

        async def is_catching_up() -> bool:
            information = await elsewhere.jetstream.stream_info(CHECK_RESULTS)
            members = (information.cluster and information.cluster.replicas) or []
            return any(one.name == f"n{behind}" and one.active < 1e9 and one.lag for one in members)

        await eventually(is_catching_up, "it hears from the others and is behind", FOUND_SECONDS)

        async def reads_all() -> None:
            read: list[int] = []
            follower = Follower(
                elsewhere.jetstream, CHECK_RESULTS, lambda one: read.append(one.sequence), last_per_subject=True
            )

            async def has_begun() -> bool:
                with contextlib.suppress(NatsError, TimeoutError):  # the slow one was to serve it
                    await follower.start()
                    return True
                return False

            await eventually(has_begun, "it begins", FOUND_SECONDS)
            assert (len(read), follower.applied) == (stored, stored)
            await follower.stop()

        async with asyncio.TaskGroup() as readers:
            for _ in range(12):
                readers.create_task(reads_all())


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_the_server_that_all_hang_on_is_cut_off_from_the_others_but_not_from_them(
    cluster: Cluster, start_alertmanager: StartAlertmanager, tmp_path: Path, truth: Truth, place: dict[str, Any]
) -> None:
    """Nobody leaves it, for it answers. The test itself hangs on the others, which go on."""
    others = ",".join(cluster.direct_urls[1:])
    times = {"WATCHWORD_RESEND_SECONDS": "2", "WATCHWORD_SHORTEST_LEASE_SECONDS": f"{LEASE_SECONDS}"}
    async with whole_on(others, start_alertmanager(), tmp_path, truth, place, replicas=COUNT) as whole:
        await begin_all_at(whole, cluster, 0, WATCHWORD_NATS_URL=cluster.url, **times)
        await make_leader(whole.pipeline.fleet.client, 0, *ALL_STREAMS)
        async with whole.steady():
            cluster.cut_off_from_the_others(0)
            truth.weaken(3)
            acknowledged = [await whole.check()]
            await whole.unready(*STAGES, saying="cut off from the other members")
            await stays_as_it_is(whole, {STEADY, MUTED}, 2 * LEASE_SECONDS)
            acknowledged.append(await whole.check())
            cluster.mend(0)
            await whole.until_rows({STEADY, MUTED, 3}, "a weakness that was asked for meanwhile", FOUND_SECONDS)
            await whole.answered(acknowledged)
            await whole.ready()
            await whole.works()


@pytest.mark.slow
@pytest.mark.parametrize("is_leader", [True, False], ids=["leader", "follower"])
async def test_each_server_in_turn_is_killed_and_comes_back(
    whole_cluster: Whole, cluster: Cluster, is_leader: bool
) -> None:
    whole = whole_cluster
    await whole.begin()
    async with whole.steady():
        acknowledged = []
        for number in range(COUNT):
            await make_leader(whole.pipeline.fleet.client, number if is_leader else (number + 1) % COUNT, *ALL_STREAMS)
            acknowledged.append(await whole.check())
            cluster.servers[number].process.kill()
            acknowledged.append(await whole.check())
            await whole.works()
            await whole.restarted(cluster.servers[number])
            await whole.ready()
        await whole.answered(acknowledged)
        await whole.works()


@pytest.mark.slow
async def test_backups_of_all_streams_are_put_back_while_everybody_works(whole_cluster: Whole) -> None:
    whole, client = whole_cluster, whole_cluster.pipeline.fleet.client
    await whole.begin()
    async with whole.steady():
        snapshots = await save_all(client)
        whole.truth.weaken(3)
        await whole.check()
        await whole.until_rows({STEADY, MUTED, 3}, "what the backup does not know")
        await put_all_back(client, snapshots)
        await whole.ready()
        await stays_as_it_is(whole, {STEADY, MUTED, 3}, 5)
        await whole.check()
        await whole.works()
        await whole.repair(3)
