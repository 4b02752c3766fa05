"""Ending tasks, also those that lose a cancellation."""

import asyncio
import contextlib

import pytest

from shared.ending import end


async def until_cancelled(times: int) -> None:
    for _ in range(times):
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()


@pytest.mark.parametrize("times", [1, 3], ids=["at once", "after two that were lost"])
async def test_a_task_is_cancelled_until_it_has_ended(times: int) -> None:
    task = asyncio.create_task(until_cancelled(times))
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await end(task)
    assert task.done()


async def test_tasks_that_have_ended_or_failed_are_nothing_to_wait_for() -> None:
    async def fail() -> None:
        raise ValueError

    done, failed = asyncio.create_task(until_cancelled(0)), asyncio.create_task(fail())
    await asyncio.wait([done, failed])
    await end(done, failed)
    await end()
