"""How do several stages run in one process? Each in a task of its own, started together and stopped together; a stage
that does not stop in time is cut off, so that the whole ends within seconds. What a stage is stands in
``shared/stage.py``.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Any

import structlog
from faststream import FastStream

from shared.errors import WatchwordError
from shared.stage import Stage, started

START_SECONDS = 60.0
STOP_SECONDS = 8.0
"""For what the stages have begun. ``watchword up`` promises to end in ten seconds, and its servers stop after it."""

log = structlog.get_logger(__name__)


class StageTooSlow(WatchwordError):
    """A stage did not start in time."""


@contextlib.asynccontextmanager
async def side_by_side(applications: Sequence[tuple[FastStream, Stage]]) -> AsyncIterator[None]:
    """Run stages while the block lasts, each in a task of its own.

    Raises what keeps one of them from starting, ``StageTooSlow`` when one takes too long.
    """
    stopping = asyncio.Event()
    tasks: list[asyncio.Task[None]] = []
    try:
        deadline = asyncio.timeout(START_SECONDS)
        try:
            async with deadline:
                await asyncio.gather(*(_start(*one, stopping, tasks) for one in applications))
        except TimeoutError:
            if not deadline.expired():
                raise
            slow = [stage.name for _, stage in applications if stage.problems()]
            message = f"not started within {START_SECONDS:g} s: {', '.join(slow)}"
            raise StageTooSlow(message) from None
        yield
    finally:
        stopping.set()
        await _ended(tasks)


async def _start(
    application: FastStream, stage: Stage, stopping: asyncio.Event, tasks: list[asyncio.Task[None]]
) -> None:
    is_up = asyncio.Event()

    async def run() -> None:
        async with started(application):
            is_up.set()
            await stopping.wait()

    task = asyncio.create_task(run(), name=stage.name)
    tasks.append(task)
    await _first(task, is_up.wait())
    if task.done():
        task.result()  # raises what kept it from starting


async def _first(task: asyncio.Task[None], awaited: Awaitable[Any]) -> None:
    """Wait for one of two things."""
    other = asyncio.ensure_future(awaited)
    try:
        await asyncio.wait({task, other}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        other.cancel()


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Wait until the stages have stopped; those that take too long are cut off."""
    if not tasks:
        return
    _, slow = await asyncio.wait(tasks, timeout=STOP_SECONDS)
    for task in slow:
        log.warning("a stage did not stop in time", stage=task.get_name(), seconds=STOP_SECONDS)
        task.cancel()
    if slow:
        await asyncio.wait(slow, timeout=1.0)
    for task in tasks:
        if task.done() and not task.cancelled() and task.exception() is not None:
            log.warning("a stage stopped with a failure", stage=task.get_name(), error=str(task.exception()))
