"""Doing the steps of the plan: each request is stored first, then its slot. So whatever dies between the two, nothing
is lost, and JetStream knows the message's id when it is asked for again. Steps that are too old are not done: a process
that slept would repeat what others have asked for since.
"""

import asyncio
import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from nats.js import JetStreamContext

from services.scheduler.plan import Step
from services.scheduler.slot_bucket import SlotBucket
from services.scheduler.telemetry import LAG_SECONDS, REQUESTS
from services.scheduler.units import UnitKey
from shared import subjects
from shared.cloudevents import headers_of
from shared.errors import PublishRefused
from shared.events import RunRequested
from shared.handling import AWAY, reason_of
from shared.publishing import publish
from shared.streams import CHECK_RUNS

log = structlog.get_logger(__name__)

OLDEST_PLAN = dt.timedelta(seconds=60)
"""Well below the ten minutes for which JetStream remembers a message's id."""
_MOST_LINES = 50
"""Of a larger batch only the sum is logged, and each line for whoever debugs."""


@dataclass(slots=True)
class Asker:
    """Stores requests and writes slots, a bounded number at a time."""

    jetstream: JetStreamContext
    bucket: SlotBucket
    instance: str
    at_once: int
    now: Callable[[], dt.datetime]

    async def do(self, steps: Sequence[Step]) -> tuple[set[UnitKey], str | None]:
        """Do the steps. Returns the units to look at again, and why when NATS would not take them."""
        again: set[UnitKey] = set()
        planned_at = self.now()
        is_long = len(steps) > _MOST_LINES
        if is_long:
            log.info("asking for many runs", requests=len(steps))
        for begin in range(0, len(steps), self.at_once):
            age = self.now() - planned_at
            if not dt.timedelta(0) <= age <= OLDEST_PLAN:
                again.update(step.unit.key for step in steps[begin:])
                log.info("planning again", reason="the clock went on since the last look", left=len(steps) - begin)
                return again, None
            batch = steps[begin : begin + self.at_once]
            outcomes = await asyncio.gather(*(self._step(step, is_quiet=is_long) for step in batch))
            again.update(step.unit.key for step, outcome in zip(batch, outcomes, strict=True) if outcome is not None)
            failures = [outcome for outcome in outcomes if outcome]
            if failures:
                again.update(step.unit.key for step in steps[begin + self.at_once :])
                return again, failures[0]
        return again, None

    async def _step(self, step: Step, *, is_quiet: bool) -> str | None:
        """Do one step. Returns None when it is done, "" when the slot must be looked at again, else what failed."""
        try:
            if step.lane is not None:
                await self._request(step, is_quiet=is_quiet)
            else:
                log.warning(
                    "putting a slot right", target=step.unit.target, schedule=step.unit.schedule, why=step.reason
                )
            try:
                await self.bucket.write(step.unit.key, step.slot, step.replaces)
            except PublishRefused:  # another scheduler was faster, or the bucket is another one
                await self.bucket.read_again(step.unit.key)
                return ""
        except AWAY as failed:
            return f"can't ask for runs: {reason_of(failed)}"
        return None

    async def _request(self, step: Step, *, is_quiet: bool) -> None:
        assert step.lane is not None
        unit, now = step.unit, self.now()
        event = RunRequested(
            schedule=unit.schedule,
            due_at=step.slot.due_at if step.lane == "due" else None,
            requested_by="scheduler",
            reason=step.reason,
        )
        stored = await publish(
            self.jetstream,
            subjects.run_requested(step.lane, unit.pool, unit.target, unit.schedule),
            event.to_bytes(),
            headers=headers_of("check.requested", source=self.instance, identifier=step.message_id, at=now),
            message_id=step.message_id,
            stream=CHECK_RUNS,
        )
        REQUESTS.labels(step.lane, "duplicate" if stored.duplicate else "stored").inc()
        if step.lane == "due" and not stored.duplicate:
            LAG_SECONDS.observe(max(0.0, (now - step.slot.due_at).total_seconds()))
        (log.debug if is_quiet else log.info)(
            "asked for a run",
            target=unit.target,
            schedule=unit.schedule,
            lane=step.lane,
            why=step.reason,
            due_at=step.slot.due_at.isoformat(),
            sequence=stored.seq,
            by_another=bool(stored.duplicate),
        )
