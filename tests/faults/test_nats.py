"""NATS dies and comes back on its data while everything works; and its store is full: nothing is lost, nothing flickers,
and whoever waits for room says so.
"""

import asyncio

from tests.faults.whole import Whole
from watchword.embedded import EmbeddedServer


async def test_nats_killed_and_restarted_again_and_again_loses_no_request_and_moves_no_alert(
    whole: Whole, nats: EmbeddedServer
) -> None:
    await whole.begin()
    acknowledged: list[int] = []
    is_over = asyncio.Event()

    async def keep_asking() -> None:
        while not is_over.is_set():
            acknowledged.append(await whole.check())
            await asyncio.sleep(0.1)

    async with whole.steady():
        asking = asyncio.create_task(keep_asking())
        for _ in range(2):
            before = await whole.verdicts()
            nats.process.kill()
            nats.process.restart()

            async def is_going_on(before: int = before) -> bool:
                return await whole.verdicts() > before + 2

            await whole.until(is_going_on, "runs go on after NATS was killed")
        is_over.set()
        await asking
        await whole.answered(acknowledged)
        await whole.ready()
        await whole.works()
    assert len(acknowledged) > 10
