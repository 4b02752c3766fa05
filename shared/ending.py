"""Ending tasks for sure. Until Python 3.12 a cancellation that arrives in the same moment as the answer that a task
waits for is lost (``asyncio.wait_for``, python/cpython#86296), and nats-py waits that way for every answer: a task that
was cancelled once may go on for ever, and who waits for its end with it. So here it is cancelled until it has ended.
"""

import asyncio
from typing import Any

AGAIN_SECONDS = 0.2


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and wait until each has ended, however it did; what they raised is theirs to have told."""
    running = {task for task in tasks if not task.done()}
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=AGAIN_SECONDS)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # looked at, or asyncio complains that nobody did
