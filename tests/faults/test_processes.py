"""The least of the faults: stages side by side, killed and paused in the middle of their work."""

import asyncio
import datetime as dt
import signal

import pytest

from shared import leases, subjects
from shared.leases import LEASE_SECONDS
from shared.streams import lane_consumer
from tests.e2e.processes import kill, settled
from tests.faults.nats_steps import Step, stopping_at
from tests.faults.scene import at_rest
from tests.faults.truth import PASSES, SEES
from tests.integration.checker_fleet import eventually

RUNS = lane_consumer("now", "default")


async def test_two_schedulers_and_three_checkers_run_each_due_slot_once(pipeline, place):
    for number in range(6):
        await pipeline.fleet.target(f"t{number}", **place)
    await pipeline.fleet.check("c", PASSES)
    await pipeline.fleet.put(subjects.setting_key("file", "interval", "c"), b'{"schedule": "3s"}')
    for stage in ("scheduler", "scheduler", "checker", "checker", "checker"):
        pipeline.start(stage)

    async def several_slots():
        ends = await pipeline.fleet.all_events("check.finished.>")
        return ends if len(ends) >= 6 * 4 else None

    try:
        ends = await eventually(several_slots, "several slots", 60)
    except TimeoutError:
        pytest.fail(pipeline.logs())
    began = min(dt.datetime.fromisoformat(end["started_at"]) for end in ends)
    ended = max(dt.datetime.fromisoformat(end["started_at"]) for end in ends)
    for number in range(6):
        own = [end for end in ends if end["target"] == f"t{number}"]
        # One first run, then one for each 3 s that passed, give or take the slots cut at both ends.
        assert len(own) <= (ended - began).total_seconds() / 3 + 2
        assert len({end["run"] for end in own}) == len(own)


async def test_checker_killed_in_the_middle_of_a_run_loses_nothing_and_doubles_nothing(pipeline, place, truth):
    await pipeline.fleet.target("one", **place)
    await pipeline.fleet.check("slow", SEES, queries=[truth.query(delay_seconds=2)])
    truth.weaken(1)
    pipeline.start("publisher")
    first = pipeline.start("checker")
    await pipeline.fleet.request()
    await eventually(lambda: pipeline.fleet.all_events("check.started.>"), "the run to begin", 30)
    kill(first)
    assert await pipeline.fleet.result("one", "slow") is None
    pipeline.start("checker")
    alert = await pipeline.alert("slow", "one", timeout_seconds=LEASE_SECONDS + 60)
    assert alert["labels"]["row"] == "1"
    assert len(await pipeline.alerts()) == 1
    starts = await pipeline.fleet.all_events("check.started.>")
    assert [start["attempt"] for start in starts] == [1, 2]


async def test_checker_paused_past_its_lease_overwrites_nothing(pipeline, place, truth):
    """Paused with its verdict already on the way: of all that keeps an old verdict out, the store is the last."""
    await pipeline.fleet.target("one", **place)
    await pipeline.fleet.check("c", SEES, queries=[truth.query()])
    truth.weaken(1)
    async with stopping_at(pipeline.nats_url, Step("check.result.verdict.>")) as link:
        paused = pipeline.start("checker", WATCHWORD_NATS_URL=link.url)
        await pipeline.fleet.request()
        await eventually(link.reached.is_set, "a verdict on its way", 30)
        kill(paused, signal.SIGSTOP)
        truth.repair()
        pipeline.start("checker")
        await pipeline.fleet.request()
        fixed = await eventually(lambda: pipeline.fleet.result("one", "c"), "a verdict", LEASE_SECONDS + 45)
        link.mend()
        kill(paused, signal.SIGCONT)
        await settled(5)
    # Neither the last verdict nor any before it is what the paused checker had seen before the repair.
    verdicts = await pipeline.fleet.all_events("check.result.verdict.>")
    assert fixed.status == "passed"
    assert {verdict["status"] for verdict in verdicts} == {"passed"}


async def test_ten_errors_and_a_restarted_publisher_keep_the_alert(pipeline, place, truth):
    await pipeline.fleet.target("one", **place)
    await pipeline.fleet.check("c", SEES, queries=[truth.query()])
    truth.weaken(1)
    publisher = pipeline.start("publisher")
    pipeline.start("checker")
    await pipeline.fleet.request()
    before = await pipeline.alert("c", "one")
    await pipeline.fleet.target("one", **{**place, "port": 1})
    for _ in range(10):
        seen = await pipeline.fleet.count("CHECK_RESULTS", "check.result.error.>")
        await pipeline.fleet.request()

        async def another_error(seen=seen):
            last = (await pipeline.fleet.jetstream.stream_info("CHECK_RESULTS")).state.last_seq
            return last > seen

        await eventually(another_error, "an error")
    kill(publisher)
    pipeline.start("publisher")
    await settled(5)
    after = await pipeline.alert("c", "one")
    assert (after["fingerprint"], after["startsAt"]) == (before["fingerprint"], before["startsAt"])
    assert len(await pipeline.alerts()) == 1


async def test_stopped_checker_hands_back_what_it_holds_at_once(pipeline, place, truth):
    """Its run takes longer than a stage has for stopping."""
    truth.weaken(1)
    await pipeline.fleet.target("one", **place)
    await pipeline.fleet.check("c", SEES, queries=[truth.query(delay_seconds=30)])
    stopping = pipeline.start("checker")
    await pipeline.fleet.request()
    await eventually(lambda: pipeline.fleet.all_events("check.started.>"), "the run to begin", 30)
    stopping.send_signal(signal.SIGTERM)
    await asyncio.to_thread(stopping.wait, 20)
    assert stopping.returncode == 0
    # The message is there for anybody, and the target is free, before the time of either is over.
    subscription = await pipeline.fleet.jetstream.pull_subscribe_bind(RUNS.name, RUNS.stream)
    (message,) = await subscription.fetch(1, timeout=3)
    await subscription.unsubscribe()
    lease = await leases.take(pipeline.fleet.jetstream, "one", "anybody")
    assert lease is not None
    await leases.release(pipeline.fleet.jetstream, lease)
    await pipeline.fleet.check("c", PASSES)
    await message.nak()
    pipeline.start("checker")
    await at_rest(pipeline, "CHECK_RUNS")
    last = await pipeline.fleet.result("one", "c")
    assert last is not None
    assert last.status == "passed"
