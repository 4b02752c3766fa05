"""A command ends when it is through, whatever it left running."""

import asyncio
import contextlib
import threading

from watchword.cli.session import asynchronous


def test_a_task_that_loses_its_first_cancellation_keeps_no_command_from_ending() -> None:
    async def stubborn() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)
        await asyncio.sleep(3600)

    kept: set[asyncio.Task[None]] = set()

    async def command() -> int:
        kept.add(asyncio.create_task(stubborn()))
        await asyncio.sleep(0)
        return 7

    answers: list[int] = []
    running = threading.Thread(target=lambda: answers.append(asynchronous(command)()), daemon=True)
    running.start()
    running.join(20)
    assert answers == [7]
