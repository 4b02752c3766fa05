"""Messages that nobody meant, thousands on each subject that others write to, while all four stages run as processes.
Each ends as a dead letter with a reason, as a refusal, or as work; nothing stays behind, nothing is handled for ever,
no stage fails at anything, what stood stands, memory stays flat, and the good work among it is done as soon as ever.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import pytest

from services.publisher.errors import ResultBroken
from shared.streams import FRONT_DOOR, MUTE_REQUESTS, TRANSITIONS, Consumer, lane_consumer
from shared.subjects import LANES
from tests.faults.bad_messages import a_mute, a_part, a_request, a_result, an_entry, an_event, an_unmute
from tests.faults.bad_messages_ended import entries_end, events_end, mutes_end, parts_end, requests_end, results_end
from tests.faults.disturbed_house import House, a_house
from tests.faults.fuzz import Fuzz
from tests.faults.outcomes import is_settled
from tests.faults.raw_nats import Answer, Message
from tests.integration.checker_fleet import eventually

SEED = 20261129
BATCH = 100
"""One piece of good work goes among so many."""
SLOWEST_EACH_SECOND = 25
"""So many bad messages come to their end in a second at the least; 100 do while two soaks share the machine."""
QUIET_LOOKS = 5
SLOWER, AT_LEAST_SECONDS = 20, 10.0
"""How much longer good work may take, and what is never too long on a busy machine."""
MORE_MEMORY, AND_MIB = 1.5, 96


@dataclass(frozen=True, slots=True)
class Door:
    """Where bad messages come in, and what must have become of them."""

    makes: tuple[Callable[[Fuzz, int], Message], ...]
    ended: Callable[[House, Sequence[Answer]], Awaitable[None]]
    consumers: tuple[Consumer, ...] = ()


DOORS = {
    "requests": Door((a_request,), requests_end, (FRONT_DOOR,)),
    "parts": Door((a_part,), parts_end, tuple(lane_consumer(lane, "default") for lane in LANES)),
    "results": Door((a_result,), results_end, (TRANSITIONS,)),
    "mutes": Door((a_mute, an_unmute), mutes_end, (MUTE_REQUESTS,)),
    "events": Door((an_event,), events_end),
    "entries": Door((an_entry,), entries_end),
}


async def withstands(house: House, door: Door, count: int) -> None:
    """Let bad messages in, and see what becomes of them."""
    fuzz = Fuzz(SEED + count)
    quiet = statistics.median([await house.good_run() for _ in range(QUIET_LOOKS)])
    memory: dict[str, float] = {}
    answers: list[Answer] = []
    took: list[float] = []
    for begin in range(0, count, BATCH):
        messages = [make(fuzz, number) for number in range(begin, begin + BATCH) for make in door.makes]
        said, seconds = await asyncio.gather(house.raw.store(messages), house.good_run())
        answers += said
        took.append(seconds)
        memory = memory or house.memory()  # once what is needed for any message is there
    stored = [answer for answer in answers if answer.sequence and not answer.is_duplicate]
    assert len(stored) > 0.8 * len(answers), {answer.refused for answer in answers}
    work_seconds = len(stored) / SLOWEST_EACH_SECOND
    await eventually(lambda: have_ended(house, door), "everything to have ended", 120 + work_seconds)
    give_up_at = time.monotonic() + 30 + work_seconds
    while True:
        try:
            await door.ended(house, stored)
            break
        except (AssertionError, KeyError, ResultBroken):
            # The last ones may be on their way to where they end: what was broken is settled one after the other.
            if time.monotonic() > give_up_at:
                raise
            await asyncio.sleep(0.5)
    took.append(await house.good_run())
    assert house.failures() == []
    assert [stage for stage, process in house.stages.items() if process.poll() is not None] == []
    assert statistics.median(took) < max(AT_LEAST_SECONDS, SLOWER * quiet), (quiet, took)
    for stage, mib in house.memory().items():
        assert mib < MORE_MEMORY * memory[stage] + AND_MIB, (stage, memory[stage], mib)
    alerts = [one for one in await house.pipeline.alerts() if one["labels"].get("service_name") == "good"]
    assert [(one["fingerprint"], one["startsAt"]) for one in alerts] == [
        (house.alert["fingerprint"], house.alert["startsAt"])
    ]


async def have_ended(house: House, door: Door) -> bool:
    jetstream = house.client.jetstream()
    return all([await is_settled(jetstream, one.stream, one.name) for one in door.consumers])


@pytest.mark.parametrize("door", DOORS)
async def test_bad_messages_end_with_a_reason_and_spoil_nothing(pipeline, place, truth, door):
    async with a_house(pipeline, place, truth) as house:
        await withstands(house, DOORS[door], 500)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("door", DOORS)
async def test_ten_thousand_bad_messages_end_with_a_reason_and_spoil_nothing(pipeline, place, truth, door):
    async with a_house(pipeline, place, truth) as house:
        await withstands(house, DOORS[door], 10_000)
