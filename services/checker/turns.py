"""Who goes first in this process? What somebody waits for: a run of the lane ``now``, and a request until it shows that
it is a long one. Who has much to do gives way to them before each next piece of it: a slot of the other lanes before it
takes a message, a long request between its parts. A place in a lane does not help alone, for all of them share one
processor. Nobody waits long: a turn lasts a moment at most, whatever its run waits for, and while turn follows turn,
those who give way go on one after the other.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from typing import TypeVar

LONGEST_SECONDS = 0.1
"""A run on a database nearby takes a fifth of it. One that takes longer mostly waits for its database, and others may
work meanwhile.
"""
PATIENCE_SECONDS = 0.025
"""After so long one of those who give way goes on, although somebody goes first. If all of them did so together, what
goes first would be held up by all of them.
"""
PIECE_SECONDS = 0.005
"""How long work may hold up everything else here."""

Result = TypeVar("Result")
GiveWay = Callable[[], Awaitable[None]]


class Turns:
    """The turns of one process."""

    def __init__(self, longest_seconds: float = LONGEST_SECONDS, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._longest_seconds = longest_seconds
        self._patience_seconds = patience_seconds
        self._under_way: set[object] = set()
        self._free = asyncio.Event()
        self._free.set()
        self._is_next = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def first(self) -> AsyncIterator[GiveWay]:
        """Go first while the block lasts, for a moment at most. What it gives ends the turn, and then gives way to
        others: for who finds out that it takes long.
        """
        turn = object()
        self._under_way.add(turn)
        self._free.clear()
        timer = asyncio.get_running_loop().call_later(self._longest_seconds, self._end, turn)

        async def give_way() -> None:
            self._end(turn)
            await self.give_way()

        try:
            yield give_way
        finally:
            timer.cancel()
            self._end(turn)

    async def give_way(self) -> None:
        """Let whatever is ready go on, and wait until nobody goes first, or until it is one's turn all the same."""
        await asyncio.sleep(0)
        if self._free.is_set():
            return
        async with self._is_next:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._patience_seconds):
                    await self._free.wait()

    def _end(self, turn: object) -> None:
        self._under_way.discard(turn)
        if not self._under_way:
            self._free.set()


async def in_pieces(
    work: Generator[None, None, Result], give_way: GiveWay, clock: Callable[[], float] = time.monotonic
) -> Result:
    """Do work that stops after each small piece, give way whenever it has gone on for some time, and return what it
    returns.
    """
    began = clock()
    while True:
        try:
            next(work)
        except StopIteration as ended:
            result: Result = ended.value
            return result
        if clock() - began >= PIECE_SECONDS:
            await give_way()
            began = clock()
