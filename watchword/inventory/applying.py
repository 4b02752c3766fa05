"""Writing a plan into the configuration bucket, entry by entry in the plan's order, each on condition that nobody
changed it since it was planned. Interrupted at any point it leaves a state that the next ``apply`` completes.
"""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import groupby

from nats.js import JetStreamContext

from shared.errors import PublishRefused, WatchwordError
from watchword.inventory.bucket import as_json, current, put
from watchword.inventory.planning import Plan, Step

AT_A_TIME = 64
"""Entries on their way at once. Entries of one kind don't depend on each other."""


class ChangedMeanwhile(WatchwordError):
    """Somebody else changed an entry after the plan was made."""


async def write_plan(jetstream: JetStreamContext, plan: Plan) -> None:
    """Write all steps. Raises ``ChangedMeanwhile`` when one of them is not what was planned for any more."""
    done = 0
    for batch in _batches(plan.steps):
        outcomes = await asyncio.gather(*(_write(jetstream, step) for step in batch), return_exceptions=True)
        done += sum(outcome is None for outcome in outcomes)
        for outcome in outcomes:
            if isinstance(outcome, ChangedMeanwhile):
                message = (
                    f"{outcome}; {done} of {len(plan.steps)} changes are written. Run it again to see what is left."
                )
                raise ChangedMeanwhile(message) from None
            if isinstance(outcome, BaseException):
                raise outcome


def _batches(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """Yield the steps in their order, in groups that may be written side by side."""
    for _, group in groupby(steps, key=lambda step: (step.value is None, step.kind)):
        same = list(group)
        for begin in range(0, len(same), AT_A_TIME):
            yield same[begin : begin + AT_A_TIME]


async def _write(jetstream: JetStreamContext, step: Step) -> None:
    try:
        await put(jetstream, step.key, step.value, step.expected)
    except PublishRefused:
        now = await current(jetstream, step.key)
        if as_json(now.values.get(step.key)) != as_json(step.value):
            message = f"somebody else changed {step.kind} {'.'.join(step.names)} meanwhile"
            raise ChangedMeanwhile(message) from None
