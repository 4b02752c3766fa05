"""The parts of a request are stored: a few together, for one after the other would take minutes for 10,000 targets, and
all at once would be a second's work in which nothing else gets its turn. What somebody waits for goes first after each
few. The subject coalesces, so a part that was stored before by a checker that died waits once.
"""

import asyncio

from nats.js import JetStreamContext

from services.checker import telemetry
from services.checker.split import Split
from services.checker.turns import GiveWay
from shared.publishing import publish
from shared.streams import CHECK_RUNS

PARTS_AT_A_TIME = 64
"""A few milliseconds' work."""


async def publish_parts(jetstream: JetStreamContext, split: Split, give_way: GiveWay) -> int:
    """Store the parts of a request, and return the sequence of the first."""
    first = 0
    body = split.body.to_bytes()
    for at in range(0, len(split.targets), PARTS_AT_A_TIME):
        if at:
            await give_way()
        acknowledged = await asyncio.gather(
            *(
                publish(jetstream, split.subject(target), body, stream=CHECK_RUNS)
                for target in split.targets[at : at + PARTS_AT_A_TIME]
            )
        )
        first = first or min(one.seq for one in acknowledged)
    telemetry.PARTS.labels(split.lane).inc(len(split.targets))
    return first
