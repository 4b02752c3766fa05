"""What somebody with the rights of an operator does to NATS while everything runs: streams, buckets and consumers are
deleted, and made anew by ``watchword init``. What is absent proves nothing, so every alert and every silence stays as
it is; whoever misses something says so with the line that mends it; and afterwards everything works as before.
"""

import asyncio
import time
from collections.abc import Sequence

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
"""Which stages miss a stream; those that only write to it miss it when they have something to write."""


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
    await whole.repair(row)
    await whole.works()


async def test_any_stream_or_bucket_deleted_and_declared_again(whole: Whole) -> None:
    await whole.begin()
    for stream in WHO_SAYS:
        t = time.monotonic()
        async with whole.steady():
            try:
                await lose(whole, stream)
            except Exception as e:
                print("FAILED", stream, str(e)[:300])
                raise
        print("TOOK", stream, time.monotonic() - t)
