"""The scheduler's promises on a real NATS server."""

import asyncio
import contextlib
import datetime as dt
import json
import os
import signal
from collections.abc import AsyncIterator

import pytest
from prometheus_client import REGISTRY

from services.scheduler.loop import Scheduler
from services.scheduler.plan import Plan, Present, Slot
from services.scheduler.units import UnitKey
from shared import subjects
from shared.configuration import Muting
from shared.declaring import declare
from shared.errors import PublishRefused
from shared.stage import FollowedConfiguration
from shared.streams import CHECK_RESULTS, CHECK_RUNS, SLOTS, bucket_stream
from tests.conftest import StartNats
from tests.integration.nats_clients import until
from tests.integration.scheduling import Site, site
from tests.unit.shared.inventory import a_check, a_target

DAY = dt.timedelta(days=1)


async def asked_for(here: Site, requests: int) -> None:
    async def look() -> bool:
        return await here.stored() >= requests

    await until(look, f"{requests} requests are stored")


async def test_a_new_target_is_asked_for_at_once_on_the_lane_for_bulk(start_nats: StartNats) -> None:
    async with site(start_nats()) as here, here.scheduler():
        await here.put(a_check("c"), a_check("f", interval="frequent"))
        await here.put(a_target("db/1", pool="site b"))
        await asked_for(here, 2)
        assert {asked.subject for asked in here.asked} == {
            subjects.RunSubject("bulk", "site b", "db/1", "standard"),
            subjects.RunSubject("bulk", "site b", "db/1", "frequent"),
        }
        request = here.asked[0]
        assert request.event.schedule == request.subject.what
        assert request.event.due_at is None
        assert request.message_id.startswith(f"changed/db=2F1/{request.subject.what}/4/")
        assert request.headers["ce-type"] == "watchword.check.requested"


async def test_each_slot_is_asked_for_when_it_is_due(start_nats: StartNats) -> None:
    async with site(start_nats()) as here:
        await here.put(a_check("c"), a_target("t"))
        await here.schedule("1s", "c")
        async with here.scheduler():
            await until(lambda: len([a for a in here.asked if a.subject.lane == "due"]) >= 3, "three slots")
    due = [asked for asked in here.asked if asked.subject.lane == "due"]
    slots = [asked.event.due_at for asked in due]
    assert slots[0] is not None
    assert slots == [slots[0] + dt.timedelta(seconds=number) for number in range(len(slots))]
    assert due[0].subject == subjects.RunSubject("due", "default", "t", "1s")
    assert due[0].message_id == f"due/t/1s/{slots[0]:%Y%m%dT%H%M%SZ}"
    assert due[0].event.schedule == "1s"


async def test_a_restart_repeats_nothing(start_nats: StartNats) -> None:
    async with site(start_nats()) as here:
        await here.put(a_check("c"), *(a_target(f"t{number}") for number in range(20)))
        async with here.scheduler():
            await asked_for(here, 20)
        async with here.scheduler():
            pass
        assert len(here.asked) == 20


async def test_a_change_while_no_scheduler_runs_is_seen(start_nats: StartNats) -> None:
    async with site(start_nats()) as here:
        await here.put(a_check("c"), a_target("t1"), a_target("t2"))
        async with here.scheduler():
            await asked_for(here, 2)
        await here.put(a_target("t1", labels={"team": "payments"}))
        async with here.scheduler():
            await asked_for(here, 3)
        assert [asked.subject.target for asked in here.asked[2:]] == ["t1"]
        assert here.asked[2].subject.lane == "bulk"


async def test_a_changed_check_runs_at_once_and_others_do_not(start_nats: StartNats) -> None:
    async with site(start_nats()) as here:
        await here.put(a_check("p"), a_check("m", engine="mongodb"), a_target("t1"), a_target("m1", engine="mongodb"))
        async with here.scheduler():
            await asked_for(here, 2)
            await here.put(a_check("m", engine="mongodb", script="changed"))
            await asked_for(here, 3)
            assert here.asked[2].subject.target == "m1"
            await here.disable("p", "t1")
            await here.disable("p", "t1", disabled=False)
            await asked_for(here, 4)
            assert here.asked[3].subject.target == "t1"


async def test_after_an_outage_of_the_scheduler_only_the_newest_slot_is_caught_up(start_nats: StartNats) -> None:
    async with site(start_nats()) as here:
        await here.put(a_check("c", interval="frequent"), a_target("t"))
        async with here.scheduler():
            await asked_for(here, 1)
        written = json.loads(await here.slot("t", "frequent"))
        long_ago = dt.datetime.fromisoformat(written["due_at"]) - 30 * DAY
        await here.write_slot("t", "frequent", Slot(long_ago, written["revision"], written["generation"]))
        async with here.scheduler():
            await asked_for(here, 2)
        assert len(here.asked) == 2
        assert here.asked[1].subject.lane == "due"
        assert here.asked[1].event.due_at == dt.datetime.fromisoformat(written["due_at"])


async def test_after_an_outage_of_all_checkers_only_the_newest_slot_of_each_target_waits(
    start_nats: StartNats,
) -> None:
    async with site(start_nats()) as here:
        await here.put(a_check("c"), *(a_target(f"t{number}") for number in range(5)))
        await here.schedule("1s", "c")
        async with here.scheduler():
            await until(lambda: len([a for a in here.asked if a.subject.lane == "due"]) >= 20, "four slots of each")
        waiting = {(run.lane, run.target): event.due_at for run, event in await here.waiting()}
        assert len(waiting) == 10
        for number in range(5):
            asked = [a.event.due_at for a in here.asked if a.subject.lane == "due" and a.subject.target == f"t{number}"]
            assert waiting["due", f"t{number}"] == asked[-1]


async def test_two_schedulers_ask_for_each_slot_once(start_nats: StartNats) -> None:
    async with site(start_nats()) as here:
        await here.put(a_check("c"), *(a_target(f"t{number}") for number in range(10)))
        await here.schedule("1s", "c")
        async with here.scheduler(), here.scheduler():
            await until(lambda: len(here.ids()) >= 60, "ten first runs and five slots of each")
        stored = await here.stored()
    assert stored == len(here.ids())
    slots = {(asked.subject.target, asked.event.due_at) for asked in here.asked if asked.subject.lane == "due"}
    assert stored == 10 + len(slots)


async def test_killed_in_the_middle_of_first_runs_it_loses_none_and_repeats_none(start_nats: StartNats) -> None:
    async with site(start_nats()) as here:
        await here.put(a_check("c"))
        await asyncio.gather(*(here.put(a_target(f"t{number}")) for number in range(1000)))
        async with here.scheduler_process() as process:
            await asked_for(here, 50)
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        killed_after = await here.stored()
        assert killed_after < 1000, "it was killed too late to prove anything"
        async with here.scheduler():
            await asked_for(here, 1000)
            await until(lambda: len({a.subject.target for a in here.asked}) == 1000, "every target is asked for")
        assert await here.stored() == 1000


async def test_it_stops_cleanly_when_asked_to(start_nats: StartNats) -> None:
    async with site(start_nats()) as here:
        await here.put(a_check("c"), a_target("t"))
        async with here.scheduler_process() as process:
            await asked_for(here, 1)
            os.killpg(process.pid, signal.SIGTERM)
            async with asyncio.timeout(30):
                assert await process.wait() in {0, -signal.SIGTERM}


async def test_results_made_anew_are_asked_for_at_once_although_all_was_asked_just_before(
    start_nats: StartNats,
) -> None:
    async with site(start_nats()) as here:
        await here.put(a_check("c"), a_target("t1"), a_target("t2"))
        async with here.scheduler() as stage:
            await asked_for(here, 2)
            await here.jetstream.delete_stream(CHECK_RESULTS)
            await until(lambda: any("watchword init" in line for line in stage.problems()), "it says what to do")
            await declare(here.client, here.jetstream)
            await asked_for(here, 4)
            await until(lambda: not stage.problems(), "it is ready again")
        assert {asked.subject.target for asked in here.asked[2:]} == {"t1", "t2"}


async def test_slots_deleted_and_made_anew_are_read_again(start_nats: StartNats) -> None:
    async with site(start_nats()) as here:
        await here.put(a_check("c"), a_target("t"))
        await here.schedule("2s", "c")
        async with here.scheduler() as stage:
            await asked_for(here, 1)
            await here.jetstream.delete_stream(bucket_stream(SLOTS))
            await until(lambda: any("watchword init" in line for line in stage.problems()), "it says what to do")
            await declare(here.client, here.jetstream)
            await until(lambda: not stage.problems(), "it is ready again")
            before = await here.stored()
            await asked_for(here, before + 2)
            await until(here.slots, "the slot is written")


async def test_a_slot_that_cant_be_read_or_was_removed_is_asked_for_and_written_over(start_nats: StartNats) -> None:
    async with site(start_nats()) as here:
        await here.put(a_check("c"), a_target("t1"), a_target("t2"))
        await here.write_slot("t1", "standard", b'{"due_at": "soon"}')
        subject = subjects.bucket_subject(SLOTS, subjects.slot_key("t2", "standard"))
        await here.jetstream.publish(subject, b"", headers={"KV-Operation": "PURGE"})
        async with here.scheduler():
            await asked_for(here, 2)
            await until(lambda: here.slot("t1", "standard"), "a slot")
        assert json.loads(await here.slot("t1", "standard"))["revision"] == 3
        assert json.loads(await here.slot("t2", "standard"))["revision"] == 4


async def test_a_scheduler_may_start_before_the_streams_are_declared(start_nats: StartNats) -> None:
    async with site(start_nats(), is_declared=False) as here:
        application_is_ready = asyncio.create_task(_until_ready(here))
        await asyncio.sleep(0)
        await declare(here.client, here.jetstream)
        await here.put(a_check("c"), a_target("t"))
        await asked_for(here, 1)
        application_is_ready.cancel()
        with pytest.raises(asyncio.CancelledError):
            await application_is_ready


async def _until_ready(here: Site) -> None:
    async with here.scheduler():
        await asyncio.Event().wait()


async def test_it_goes_on_after_a_restart_of_nats(start_nats: StartNats) -> None:
    server = start_nats()
    async with site(server) as here:
        await here.put(a_check("c"), a_target("t"))
        await here.schedule("1s", "c")
        async with here.scheduler() as stage:
            await asked_for(here, 2)
            server.process.kill()
            await until(stage.problems, "it says that NATS is away")
            server.process.start()
            await until(lambda: here.client.is_connected, "the test is connected again")
            before = await here.stored()
            await asked_for(here, before + 2)
            await until(lambda: not stage.problems(), "it is ready again")


async def test_a_schedule_of_a_newer_version_stops_no_other(start_nats: StartNats) -> None:
    async with site(start_nats()) as here:
        await here.put(a_check("a"), a_check("b"), a_target("t"))
        await here.schedule("every full moon", "a")
        async with here.scheduler():
            await asked_for(here, 1)
            assert REGISTRY.get_sample_value("watchword_scheduler_units_refused") == 1
            assert REGISTRY.get_sample_value("watchword_scheduler_units") == 1
        assert [asked.subject.what for asked in here.asked] == ["standard"]


async def test_many_changes_at_once_are_gathered(start_nats: StartNats) -> None:
    async with site(start_nats()) as here:
        await here.put(a_check("c"), a_target("t"))
        async with here.scheduler():
            await asked_for(here, 1)
            for number in range(100):
                await here.put(a_target("t", labels={"n": str(number)}))
            await until(lambda: here.asked[-1].message_id.split("/")[3] == "103", "the last change is asked for")
        assert len(here.asked) < 10


async def test_a_target_that_moved_is_asked_for_in_its_new_pool(start_nats: StartNats) -> None:
    async with site(start_nats()) as here:
        await here.put(a_check("c"), a_target("t"))
        async with here.scheduler():
            await asked_for(here, 1)
            await here.put(a_target("t", pool="berlin"))
            await asked_for(here, 2)
        assert [asked.subject.pool for asked in here.asked] == ["default", "berlin"]


async def test_a_deleted_stream_of_requests_makes_it_unready_and_what_was_lost_is_asked_again(
    start_nats: StartNats,
) -> None:
    async with site(start_nats()) as here:
        await here.put(a_check("c"), a_target("t"))
        async with here.scheduler() as stage:
            await asked_for(here, 1)
            await here.jetstream.delete_stream(CHECK_RUNS)
            await until(lambda: any("watchword init" in line for line in stage.problems()), "it says what to do")
            await declare(here.client, here.jetstream)
            await asked_for(here, 1)
            await until(lambda: not stage.problems(), "it is ready again")


class Clocks:
    """Two clocks that a test can set. They always begin at the same time, so that the same slots come due."""

    def __init__(self) -> None:
        self.wall = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
        self.steady = 0.0

    def go_on(self, by: dt.timedelta, *, stepped: dt.timedelta = dt.timedelta(0)) -> None:
        self.wall += by + stepped
        self.steady += by.total_seconds()


@contextlib.asynccontextmanager
async def by_hand(here: Site, clocks: Clocks) -> AsyncIterator[Scheduler]:
    """A scheduler that looks only when the test says so, with clocks of the test's own."""
    schedulers: list[Scheduler] = []
    configuration = FollowedConfiguration(
        here.jetstream, lambda change: [scheduler.note_change(change) for scheduler in schedulers]
    )
    await configuration.start()
    scheduler = Scheduler(
        here.jetstream, configuration, "by-hand", 10, now=lambda: clocks.wall, monotonic=lambda: clocks.steady
    )
    schedulers.append(scheduler)
    await scheduler.bucket.start()
    try:
        yield scheduler
    finally:
        await scheduler.bucket.stop()
        await configuration.stop()


async def test_a_clock_put_back_by_days_keeps_no_target_from_being_checked(start_nats: StartNats) -> None:
    clocks = Clocks()
    async with site(start_nats()) as here, by_hand(here, clocks) as scheduler:
        await here.put(a_check("c"), a_target("t"))
        await scheduler.look()
        clocks.go_on(dt.timedelta(seconds=2), stepped=-400 * DAY)
        await scheduler.look()
        assert await here.stored() == 1, "the slot is put right without a run"
        clocks.go_on(DAY)
        await scheduler.look()
        assert await here.stored() == 2
        assert here.asked[-1].subject.lane == "due"


async def test_a_clock_put_back_a_little_repeats_nothing(start_nats: StartNats) -> None:
    clocks = Clocks()
    async with site(start_nats()) as here, by_hand(here, clocks) as scheduler:
        await here.put(a_check("c"), a_target("t"))
        await here.schedule("1m", "c")
        await scheduler.look()
        clocks.go_on(dt.timedelta(seconds=2), stepped=-dt.timedelta(minutes=5))
        for _ in range(5):
            await scheduler.look()
            clocks.go_on(dt.timedelta(seconds=50))
        assert await here.stored() == 1
        clocks.go_on(dt.timedelta(minutes=3))
        await scheduler.look()
        assert await here.stored() == 2


async def test_a_machine_that_slept_for_a_week_asks_once_for_each_unit(start_nats: StartNats) -> None:
    clocks = Clocks()
    async with site(start_nats()) as here, by_hand(here, clocks) as scheduler:
        await here.put(a_check("c"), a_target("t1"), a_target("t2"))
        await here.schedule("10m", "c")
        await scheduler.look()
        clocks.go_on(dt.timedelta(0), stepped=7 * DAY)
        await scheduler.look()
        await scheduler.look()
        assert await here.stored() == 4


async def test_a_process_that_slept_in_the_middle_plans_again(start_nats: StartNats) -> None:
    clocks = Clocks()
    async with site(start_nats()) as here, by_hand(here, clocks) as scheduler:
        await here.put(a_check("c"), *(a_target(f"t{number:02}") for number in range(30)))
        await scheduler.look()
        clocks.go_on(DAY)
        write, written = scheduler.bucket.write, []

        async def fall_asleep(key: UnitKey, slot: Slot, replaces: int) -> None:
            await write(key, slot, replaces)
            written.append(key)
            if len(written) == 10:
                clocks.go_on(dt.timedelta(minutes=2))

        scheduler.bucket.write = fall_asleep  # type: ignore[method-assign]
        await scheduler.look()
        assert len(written) == 10, "what was planned long ago is not done"
        await scheduler.look()
        assert len(written) == 30


async def test_of_two_schedulers_the_loser_reads_again(start_nats: StartNats) -> None:
    async with site(start_nats()) as here, by_hand(here, Clocks()) as scheduler:
        await here.put(a_check("c"), a_target("t"))
        await scheduler.look()
        key, mine = ("t", "standard"), scheduler.plan.slots["t", "standard"]
        await here.write_slot(*key, Slot(mine.due_at + DAY, mine.revision, mine.generation))
        with pytest.raises(PublishRefused):
            await scheduler.bucket.write(key, mine, mine.sequence)
        await scheduler.bucket.read_again(key)
        assert scheduler.plan.slots[key].due_at == mine.due_at + DAY


async def test_a_step_that_lost_its_race_is_looked_at_again_and_moves_nothing_back(start_nats: StartNats) -> None:
    clocks = Clocks()
    async with site(start_nats()) as here, by_hand(here, clocks) as scheduler:
        await here.put(a_check("c"), a_target("t"))
        await scheduler.look()
        known = scheduler.plan.slots["t", "standard"]
        clocks.go_on(2 * DAY)
        (step,) = scheduler.plan.steps(clocks.wall, Present(known.generation, 99))
        faster = Slot(step.slot.due_at + DAY, known.revision, known.generation)
        await here.write_slot("t", "standard", faster)
        again, failure = await scheduler._asker.do([step])
        assert (again, failure) == ({("t", "standard")}, None)
        assert json.loads(await here.slot("t", "standard"))["due_at"] == f"{faster.due_at:%Y-%m-%dT%H:%M:%SZ}"


async def test_a_look_costs_what_is_due(start_nats: StartNats, monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = Clocks()
    async with site(start_nats()) as here, by_hand(here, clocks) as scheduler:
        await here.put(a_check("c"), *(a_target(f"t{number}") for number in range(50)))
        await scheduler.look()
        monkeypatch.setattr(Plan, "steps", None)  # a look with nothing due makes no plan at all
        await scheduler.look()


async def test_a_change_that_is_no_question_of_time_is_looked_at_once(start_nats: StartNats) -> None:
    async with site(start_nats()) as here, by_hand(here, Clocks()) as scheduler:
        await here.put(a_check("c"), a_target("t"))
        await scheduler.look()
        await here.write(subjects.setting_key("person", "muting"), Muting())
        await scheduler.configuration.catch_up()
        assert scheduler._changed.is_set()
        await scheduler.look()
        assert not scheduler._changed.is_set(), "or it would look again and again"
