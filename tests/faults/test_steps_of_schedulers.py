"""A scheduler is killed, or paused, between a request and its slot, and in the middle of many first runs: another one
goes on, and every target was asked for exactly once.
"""

import signal

import pytest

from shared.streams import SLOTS, bucket_stream
from tests.e2e.processes import Pipeline, kill, settled
from tests.faults.nats_steps import Step, stopping_at
from tests.faults.scene import no_dead_letters
from tests.faults.truth import PASSES
from tests.integration.checker_fleet import eventually

TARGETS = 30
STEPS = [
    pytest.param(Step("$KV.watchword_slots.>"), id="request stored, slot not"),
    pytest.param(Step("$KV.watchword_slots.>", is_after=True), id="slot stored, and nobody heard of it"),
    pytest.param(Step("check.requested.bulk.>", times=TARGETS // 3), id="in the middle of first runs"),
]


async def targets_to_run(pipeline: Pipeline) -> None:
    await pipeline.fleet.check("c", PASSES)
    for number in range(TARGETS):
        await pipeline.fleet.target(f"t{number}")


async def messages_ever(pipeline: Pipeline, stream: str) -> int:
    return (await pipeline.fleet.jetstream.stream_info(stream)).state.last_seq


async def all_asked_for(pipeline: Pipeline) -> None:
    """Wait until each target has a slot, and see that each was asked for and noted once: nobody takes requests out.
    One whose time comes meanwhile is asked for, and noted, once more.
    """
    fleet = pipeline.fleet

    async def are_noted() -> bool:
        due = len(await fleet.all_events("check.requested.due.>"))
        slots = (await fleet.jetstream.stream_info(bucket_stream(SLOTS))).state
        runs = await messages_ever(pipeline, "CHECK_RUNS")
        return (slots.messages, slots.last_seq, runs) == (TARGETS, TARGETS + due, TARGETS + due)

    await eventually(are_noted, "each target was asked for, and has a slot", 60)
    assert len(await fleet.all_events("check.requested.bulk.>")) == TARGETS


@pytest.mark.parametrize("step", STEPS)
async def test_killed_at_a_step_another_asks_for_the_rest_and_repeats_nothing(pipeline, step):
    await targets_to_run(pipeline)
    async with stopping_at(pipeline.nats_url, step) as link:
        victim = pipeline.start("scheduler", WATCHWORD_NATS_URL=link.url)
        await eventually(link.reached.is_set, "the step", 30)
        kill(victim)
        assert await messages_ever(pipeline, bucket_stream(SLOTS)) <= TARGETS
        pipeline.start("scheduler")
        await all_asked_for(pipeline)
    await no_dead_letters(pipeline)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seconds", [10, 90])
@pytest.mark.parametrize("step", STEPS)
async def test_paused_at_a_step_and_awake_again_it_repeats_nothing(pipeline, step, seconds):
    await targets_to_run(pipeline)
    async with stopping_at(pipeline.nats_url, step) as link:
        paused = pipeline.start("scheduler", WATCHWORD_NATS_URL=link.url)
        await eventually(link.reached.is_set, "the step", 30)
        kill(paused, signal.SIGSTOP)
        pipeline.start("scheduler")
        await all_asked_for(pipeline)
        await settled(seconds)
        link.mend()
        kill(paused, signal.SIGCONT)
        await settled(10)
        await all_asked_for(pipeline)
    await no_dead_letters(pipeline)
