"""What somebody with the rights of an operator does to NATS while everything runs: streams, buckets and consumers are
deleted, and made anew by ``watchword init``. What is absent proves nothing, so every alert and every silence stays as
it is; whoever misses something says so with the line that mends it; and afterwards everything works as before.
"""

import asyncio

import pytest

from shared import subjects
from shared.streams import (
    ALERT_EVENTS,
    CHECK_EVENTS,
    CHECK_REQUESTS,
    CHECK_RESULTS,
    CHECK_RUNS,
    CONFIGURATION,
    DEAD_LETTERS,
    LEASES,
    MUTES,
    SLOTS,
    bucket_stream,
)
from tests.faults.whole import STAGES, Whole
from tests.integration.checker_fleet import eventually

WHO_SAYS = {
    CHECK_REQUESTS: ("checker",),
    CHECK_RUNS: ("checker", "scheduler"),
    CHECK_RESULTS: ("checker", "publisher", "scheduler"),
    CHECK_EVENTS: ("checker",),
    MUTES: ("silencer",),
    ALERT_EVENTS: ("publisher",),
    DEAD_LETTERS: ("checker",),
    bucket_stream(CONFIGURATION): STAGES,
    bucket_stream(SLOTS): ("scheduler",),
    bucket_stream(LEASES): ("checker", "silencer"),
}
"""Which stages miss a stream. Those that only write to it try for 30 s once they have something to write."""


async def lose(whole: Whole, stream: str) -> None:
    """Delete a stream while there is work, see who says so, declare it again, and see the work done."""
    jetstream = whole.pipeline.fleet.jetstream
    await jetstream.delete_stream(stream)
    row, standing = whole.new_row(), set(await whole.rows())
    whole.truth.weaken(row)
    if stream == DEAD_LETTERS:
        await jetstream.publish(subjects.CHECK_REQUESTED, b"no request")
    elif stream != CHECK_REQUESTS:
        await whole.check()
    await whole.unready(*WHO_SAYS[stream], saying="watchword init")
    declared = await asyncio.to_thread(whole.pipeline.run, "init")
    assert declared.returncode == 0, declared.stdout + declared.stderr
    if stream == bucket_stream(CONFIGURATION):
        await whole.configure()
    await whole.ready()
    if stream in {CHECK_REQUESTS, DEAD_LETTERS, CHECK_RESULTS}:
        await whole.check()
    await whole.until_rows(standing | {row}, f"what was asked for while {stream} was gone")
    if stream in {ALERT_EVENTS, DEAD_LETTERS}:

        async def is_stored() -> bool:
            return await whole.pipeline.fleet.count(stream) == 1

        await whole.until(is_stored, f"what there was to write into {stream} while it was gone")
    await whole.repair(row)
    await whole.works()


@pytest.mark.slow
@pytest.mark.parametrize("stream", WHO_SAYS)
async def test_a_stream_or_bucket_deleted_and_declared_again(whole: Whole, stream: str) -> None:
    await whole.begin()
    async with whole.steady():
        await lose(whole, stream)


async def test_all_deleted_at_once_and_declared_again(whole: Whole) -> None:
    await whole.begin()
    async with whole.steady() as seen:
        for stream in WHO_SAYS:
            await whole.pipeline.fleet.jetstream.delete_stream(stream)
        await whole.unready(*STAGES, saying="watchword init")
        whole.stop("checker")  # it knows its targets still, and would bring the verdicts back at once
        declared = await asyncio.to_thread(whole.pipeline.run, "init")
        assert declared.returncode == 0, declared.stdout + declared.stderr
        await whole.ready()
        looks = seen.looks
        await eventually(lambda: seen.looks > looks + 10, "a while in which everybody reads empty streams", 60)
        whole.start("checker")
        await whole.configure()
        await whole.ready()
        await whole.works()


async def test_every_consumer_deleted_is_made_again_and_nothing_is_done_twice(whole: Whole) -> None:
    await whole.begin()
    fleet = whole.pipeline.fleet
    transitions = await fleet.count(ALERT_EVENTS)
    async with whole.steady():
        row, standing = whole.new_row(), set(await whole.rows())
        whole.truth.weaken(row)
        for stream in WHO_SAYS:
            for consumer in await fleet.jetstream.consumers_info(stream):
                await fleet.jetstream.delete_consumer(stream, consumer.name)
        asked = await whole.check()
        await whole.until_rows(standing | {row}, "what was asked for while there were no consumers")
        await whole.answered([asked])
        await whole.works()
        await whole.ready()
    # All verdicts came again, and what they tell was known: three weaknesses began and one ended.
    assert await fleet.count(ALERT_EVENTS) == transitions + 3
