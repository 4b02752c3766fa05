"""NATS dies and comes back on its data while everything works; and its store is full: nothing is lost, nothing
flickers, and whoever waits for room says so.
"""

import asyncio

from shared.streams import CHECK_RESULTS
from tests.faults.whole import MUTED, STEADY, Whole
from tests.integration.checker_fleet import eventually
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
            await asyncio.sleep(0.05)

    async with whole.steady() as seen:
        asking = [asyncio.create_task(keep_asking()) for _ in range(4)]  # so that some requests are being split
        for _ in range(2):
            before, looks = await whole.verdicts(), seen.looks
            # First it is deaf: what is sent to it now is lost, and whoever sent it waits for an answer.
            nats.process.pause()
            await eventually(lambda looks=looks: seen.looks > looks + 5, "a while", 60)
            nats.process.kill()
            nats.process.restart()

            async def is_going_on(before: int = before) -> bool:
                return await whole.verdicts() > before + 2

            await whole.until(is_going_on, "runs go on after NATS was killed")
        is_over.set()
        await asyncio.gather(*asking)
        await whole.answered(acknowledged)
        await whole.ready()
        await whole.works()
    assert len(acknowledged) > 10


async def test_a_full_store_of_results_is_said_and_when_there_is_room_again_the_work_goes_through(whole: Whole) -> None:
    await whole.begin()
    jetstream = whole.pipeline.fleet.jetstream
    information = await jetstream.stream_info(CHECK_RESULTS)
    full = information.state.bytes + 10
    async with whole.steady():
        await jetstream.update_stream(information.config, max_bytes=full)
        ends = len(await whole.pipeline.fleet.all_events("check.finished.>"))
        whole.truth.weaken(3)
        asked = await whole.check()
        await whole.unready("checker", saying="maximum bytes exceeded")

        async def is_tried_again() -> bool:
            starts = await whole.pipeline.fleet.all_events("check.started.>")
            return len(starts) >= ends + 5

        await whole.until(is_tried_again, "more tries than a request has that kills its checker", 120)
        # Nobody was told that the run ended, nothing was given up, and the request still waits for it.
        assert len([one for one in await whole.pipeline.fleet.all_events("check.finished.>") if one["covers"]]) == ends
        assert await whole.pipeline.fleet.count("DEAD_LETTERS") == 0
        assert await whole.pipeline.fleet.count("CHECK_RUNS") == 1
        await jetstream.update_stream(information.config, max_bytes=information.config.max_bytes)
        asked_again = await whole.check()  # takes the place of the one that waits for its next try
        await whole.until_rows({STEADY, MUTED, 3}, "what waited for room")
        await whole.answered([asked, asked_again])
        await whole.ready()
    assert await whole.pipeline.fleet.count("DEAD_LETTERS") == 0
