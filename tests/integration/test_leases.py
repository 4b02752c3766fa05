"""Is there never more than one holder of a target, whoever dies, sleeps or comes back late?"""

import asyncio
import time
from collections.abc import Callable

import pytest
from nats.js import JetStreamContext

from shared import leases, subjects
from shared.errors import LeaseLost
from shared.leases import Lease, keep, refresh, release, take
from shared.streams import LEASES, bucket_stream
from tests.conftest import StartNats
from tests.integration.nats_clients import connected, until


async def taken(jetstream: JetStreamContext, holder: str, clock: Callable[[], float] = time.monotonic) -> Lease:
    lease = await take(jetstream, "t", holder, clock=clock)
    assert lease is not None, f"{holder} gets the lease"
    return lease


class Clock:
    """A monotonic clock that jumps when the test says so, as it does for a process that was stopped."""

    def __init__(self) -> None:
        self.slept = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.slept


@pytest.fixture
def short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases of one second, for what happens when they run out."""
    monkeypatch.setattr(leases, "LEASE_SECONDS", 1)


async def test_a_target_that_is_held_is_not_given_to_another(start_nats: StartNats) -> None:
    async with connected(start_nats(), is_declared=True) as (_, jetstream):
        await taken(jetstream, "one")
        assert await take(jetstream, "t", "other") is None
        assert await take(jetstream, "another target", "other") is not None


async def test_a_released_target_is_free_at_once(start_nats: StartNats) -> None:
    async with connected(start_nats(), is_declared=True) as (_, jetstream):
        await release(jetstream, await taken(jetstream, "one"))
        began = time.monotonic()
        await taken(jetstream, "other")
        assert time.monotonic() - began < 8


async def test_many_races_have_one_winner_each(start_nats: StartNats) -> None:
    async with connected(start_nats(), is_declared=True) as (_, jetstream):
        for race in range(30):
            takers = (take(jetstream, "t", f"holder-{race}-{number}") for number in range(12))
            winners = [lease for lease in await asyncio.gather(*takers) if lease is not None]
            assert len(winners) == 1
            await release(jetstream, winners[0])


async def test_the_target_of_a_dead_holder_is_free_when_its_lease_runs_out(
    start_nats: StartNats, short_leases: None
) -> None:
    async with connected(start_nats(), is_declared=True) as (_, jetstream):
        await taken(jetstream, "dead")
        began = time.monotonic()
        assert await take(jetstream, "t", "other") is None

        async def look() -> bool:
            return await take(jetstream, "t", "other") is not None

        await until(look, "the lease runs out")
        assert time.monotonic() - began >= 0.9


async def test_a_refreshed_lease_does_not_run_out_and_keeps_its_token(
    start_nats: StartNats, short_leases: None
) -> None:
    async with connected(start_nats(), is_declared=True) as (_, jetstream):
        lease = await taken(jetstream, "one")
        token, revision = lease.token, lease.revision
        ends_at = time.monotonic() + 3
        while time.monotonic() < ends_at:
            await refresh(jetstream, lease)
            assert await take(jetstream, "t", "other") is None
            await asyncio.sleep(0.2)
        assert lease.token == token
        assert lease.revision > revision


async def test_a_kept_lease_does_not_run_out_and_ends_with_its_keeper(
    start_nats: StartNats, short_leases: None
) -> None:
    async with connected(start_nats(), is_declared=True) as (_, jetstream):
        lease = await taken(jetstream, "one")
        keeper = asyncio.create_task(keep(jetstream, lease, lambda: pytest.fail("the lease was lost")))
        ends_at = time.monotonic() + 3
        while time.monotonic() < ends_at:
            lease.require()
            assert await take(jetstream, "t", "other") is None
            await asyncio.sleep(0.1)
        keeper.cancel()

        async def look() -> bool:
            return await take(jetstream, "t", "other") is not None

        await until(look, "the lease runs out")


async def test_later_holders_have_higher_tokens(start_nats: StartNats) -> None:
    async with connected(start_nats(), is_declared=True) as (_, jetstream):
        tokens = []
        for number in range(12):
            lease = await taken(jetstream, f"holder-{number}")
            tokens.append(subjects.parse_sequence_id(lease.token))
            await refresh(jetstream, lease)
            await release(jetstream, lease)
        assert tokens == sorted(set(tokens))


async def test_a_holder_that_slept_past_its_lease_knows_before_it_asks_anybody(start_nats: StartNats) -> None:
    clock = Clock()
    async with connected(start_nats(), is_declared=True) as (_, jetstream):
        lease = await taken(jetstream, "sleeper", clock)
        lease.require()
        clock.slept = leases.LEASE_SECONDS
        assert lease.remaining_seconds <= 0
        with pytest.raises(LeaseLost, match="'t' ran out"):
            lease.require()
        with pytest.raises(LeaseLost):
            await refresh(jetstream, lease)


async def test_a_holder_that_slept_can_neither_refresh_nor_release_what_is_anothers_by_now(
    start_nats: StartNats, short_leases: None
) -> None:
    clock = Clock()
    async with connected(start_nats(), is_declared=True) as (_, jetstream):
        sleeper = await taken(jetstream, "sleeper", clock)
        winner: list[Lease] = []

        async def look() -> bool:
            lease = await take(jetstream, "t", "other")
            winner.extend([lease] if lease else [])
            return bool(winner)

        await until(look, "the sleeper's lease runs out")
        clock.slept = -60  # its clock stood still while it slept: it believes that the lease holds
        sleeper.require()
        with pytest.raises(LeaseLost, match="was lost"):
            await refresh(jetstream, sleeper)
        await release(jetstream, sleeper)
        await refresh(jetstream, winner[0])
        assert await take(jetstream, "t", "third") is None


async def test_the_keeper_of_a_lost_lease_says_so_once(start_nats: StartNats, short_leases: None) -> None:
    async with connected(start_nats(), is_declared=True) as (_, jetstream):
        lease = await taken(jetstream, "one")
        lost: list[str] = []
        lease.revision -= 1  # as if another had taken it over
        await asyncio.wait_for(keep(jetstream, lease, lambda: lost.append("lost")), 30)
        assert lost == ["lost"]


async def test_a_lease_that_cant_be_refreshed_is_lost_when_it_runs_out(
    start_nats: StartNats, short_leases: None
) -> None:
    server = start_nats()
    async with connected(server, is_declared=True) as (_, jetstream):
        lease = await taken(jetstream, "one")
        server.process.kill()
        began = time.monotonic()
        with pytest.raises(LeaseLost):
            await refresh(jetstream, lease)
        assert time.monotonic() - began < 15


async def test_the_deadline_counts_from_before_the_write_was_sent(start_nats: StartNats) -> None:
    moments = iter([100.0, 107.0, 107.0])  # the write's answer took seven seconds
    async with connected(start_nats(), is_declared=True) as (_, jetstream):
        lease = await taken(jetstream, "slow", lambda: next(moments))
        assert lease.deadline == 100.0 + leases.LEASE_SECONDS
        assert lease.remaining_seconds == leases.LEASE_SECONDS - 7


async def test_a_restarted_server_forgets_no_lease(start_nats: StartNats) -> None:
    server = start_nats()
    async with connected(server, is_declared=True) as (_, jetstream):
        lease = await taken(jetstream, "one")
        server.process.stop()
        server.process.start()
        await refresh(jetstream, lease)
        assert await take(jetstream, "t", "other") is None


async def test_leases_leave_nothing_behind_but_one_marker_for_each_target(start_nats: StartNats) -> None:
    async with connected(start_nats(), is_declared=True) as (_, jetstream):
        for number in range(20):
            await release(jetstream, await taken(jetstream, f"holder-{number}"))
        assert (await jetstream.stream_info(bucket_stream(LEASES))).state.messages == 1


@pytest.mark.parametrize("target", ["ü ber/alles.>", "*", "x" * 120])
async def test_any_target_can_be_held(start_nats: StartNats, target: str) -> None:
    async with connected(start_nats(), is_declared=True) as (_, jetstream):
        lease = await take(jetstream, target, "one")
        assert lease is not None
        assert await take(jetstream, target, "other") is None
        await release(jetstream, lease)
