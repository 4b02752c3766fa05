"""Does what somebody waits for go first, and does nobody wait long for it?"""

import asyncio
import contextlib
from collections.abc import Generator

from services.checker.turns import PIECE_SECONDS, Turns, in_pieces

LONG = 3600.0
"""Longer than any test: what happens before it happens for another reason."""


async def is_waiting(task: "asyncio.Task[None]") -> bool:
    """Let the task come as far as it can without time passing."""
    for _ in range(10):
        await asyncio.sleep(0)
    return not task.done()


async def test_who_gives_way_goes_on_at_once_while_nobody_goes_first() -> None:
    assert not await is_waiting(asyncio.create_task(Turns(LONG, LONG).give_way()))


async def test_who_gives_way_waits_for_all_who_go_first() -> None:
    turns = Turns(LONG, LONG)
    async with turns.first():
        async with turns.first():
            waiting = asyncio.create_task(turns.give_way())
            assert await is_waiting(waiting)
        assert await is_waiting(waiting)
    assert not await is_waiting(waiting)


async def test_a_turn_that_ends_with_an_error_holds_nobody_up() -> None:
    turns = Turns(LONG, LONG)
    with contextlib.suppress(ValueError):
        async with turns.first():
            raise ValueError
    assert not await is_waiting(asyncio.create_task(turns.give_way()))


async def test_a_turn_that_lasts_longer_than_a_moment_holds_nobody_up() -> None:
    turns = Turns(0.001, LONG)
    async with turns.first(), asyncio.timeout(20):
        await turns.give_way()
        assert not await is_waiting(asyncio.create_task(turns.give_way()))


async def test_while_turn_follows_turn_those_who_give_way_go_on_one_after_the_other() -> None:
    turns = Turns(LONG, 0.2)
    async with turns.first(), asyncio.timeout(20):
        waiting = [asyncio.create_task(turns.give_way()) for _ in range(3)]
        for left in (2, 1, 0):
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            waiting = [task for task in waiting if not task.done()]
            assert len(waiting) == left


async def test_who_finds_out_that_it_takes_long_gives_way_like_others() -> None:
    turns = Turns(LONG, LONG)
    async with turns.first() as give_way:
        await give_way()  # not to itself
        async with turns.first():
            assert await is_waiting(asyncio.create_task(give_way()))  # type: ignore[arg-type]
        assert not await is_waiting(asyncio.create_task(turns.give_way()))


async def test_work_gives_way_between_its_pieces_when_they_took_some_time_and_returns_its_result() -> None:
    done: list[str] = []
    now = 0.0

    def work() -> Generator[None, None, str]:
        nonlocal now
        for name, took in (
            ("short", 0),
            ("long", PIECE_SECONDS),
            ("short", 0),
            ("more than half", PIECE_SECONDS * 0.6),
        ):
            done.append(name)
            now += took
            yield
        done.append("the other half")
        now += PIECE_SECONDS * 0.6
        yield
        done.append("last")
        now += PIECE_SECONDS
        return "result"

    async def give_way() -> None:
        nonlocal now
        done.append("way")
        now += 100  # that others take long is no reason to give way again

    assert await in_pieces(work(), give_way, lambda: now) == "result"
    assert done == ["short", "long", "way", "short", "more than half", "the other half", "way", "last"]
