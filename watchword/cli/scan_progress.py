"""How far a scan is, on a terminal alone: one line that goes away. Nothing is shown of what is over in a moment."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Callable

from shared.ending import end

SILENT_SECONDS = 0.5
STEP_SECONDS = 0.2
_CLEAR_LINE = "\r\x1b[2K"


@contextlib.asynccontextmanager
async def progress(of: int) -> AsyncIterator[Callable[[int, int], None]]:
    """Show how many databases are done while the block runs; it gets the function to tell it."""
    done = 0

    def tell(now_done: int, _of: int) -> None:
        nonlocal done
        done = now_done

    async def show() -> None:
        began = time.monotonic()
        await asyncio.sleep(SILENT_SECONDS)
        while True:
            seconds = time.monotonic() - began
            sys.stderr.write(f"{_CLEAR_LINE}looking: {done} of {of} done, {seconds:.0f} s")
            sys.stderr.flush()
            await asyncio.sleep(STEP_SECONDS)

    if not sys.stderr.isatty():
        yield tell
        return
    task = asyncio.create_task(show())
    try:
        yield tell
    finally:
        await end(task)
        sys.stderr.write(_CLEAR_LINE)
        sys.stderr.flush()
