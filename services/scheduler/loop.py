"""The scheduler's clock: it sleeps until the next slot is due or the configuration changes, catches up with everything
that others wrote, and does what the plan says is owed. Changes are gathered for a moment, for ``watchword apply``
writes many keys. The wall clock may be put forward or back and the machine may sleep: at each look the slots decide, so
nothing is left out for long and nothing floods. While NATS is away it waits, and readiness says so.
"""

import asyncio
import contextlib
import datetime as dt
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from nats.js import JetStreamContext

from services.scheduler.asking import Asker
from services.scheduler.plan import Plan, Present
from services.scheduler.slot_bucket import SlotBucket
from services.scheduler.telemetry import NEXT_WAKE_UP, REFUSED, TARGETS, UNITS
from shared import subjects
from shared.configuration import Change
from shared.handling import AWAY, reason_of
from shared.reading import last_sequence
from shared.stage import FollowedConfiguration
from shared.streams import CHECK_RESULTS, CHECK_RUNS
from shared.telemetry import CONFIGURATION_REVISION

log = structlog.get_logger(__name__)

GATHER_SECONDS = 0.2
"""How long changes of the configuration are gathered."""
LONGEST_SLEEP_SECONDS = 2.0
"""How often the clock and the streams are looked at when nothing is due."""
SHORTEST_SLEEP_SECONDS = 0.002
WAIT_SECONDS = 1.0
"""After NATS would not answer or take a request."""
NOTICED_STEP_SECONDS = 2.0


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@dataclass(slots=True)
class Scheduler:
    """One scheduler; any number of them may run side by side."""

    jetstream: JetStreamContext
    configuration: FollowedConfiguration
    instance: str
    requests_at_once: int = 100
    now: Callable[[], dt.datetime] = _utc_now
    monotonic: Callable[[], float] = time.monotonic
    plan: Plan = field(init=False)
    bucket: SlotBucket = field(init=False)
    _asker: Asker = field(init=False)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _problem: str | None = "has not looked yet"
    _clocks: tuple[dt.datetime, float] | None = None
    _told_refused: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.plan = Plan(self.configuration.view)
        self.bucket = SlotBucket(self.jetstream, self.plan.note_slot, self.plan.note_other_bucket)
        self._asker = Asker(self.jetstream, self.bucket, self.instance, self.requests_at_once, self.now)

    def note_change(self, change: Change) -> None:
        """Take in an entry of the configuration, and wake up."""
        self.plan.note_change(change)
        self._changed.set()

    def problems(self) -> list[str]:
        """Return what keeps the schedule from being kept, for people."""
        return [problem for problem in dict.fromkeys((self._problem, self.bucket.problem)) if problem]

    async def run(self) -> None:
        """Schedule until cancelled."""
        try:
            await self._begin()
            while True:
                try:
                    await self.look()
                except AWAY as away:
                    self._fail(str(away) or f"NATS does not answer ({type(away).__name__})")
                await self._sleep()
        finally:
            await self.bucket.stop()

    async def look(self) -> None:
        """Do what is owed now. Raises ``StreamMissing``, ``NatsError`` or ``TimeoutError`` when NATS is away."""
        self._changed.clear()  # the plan remembers what changed
        self._see_clocks()
        present = await self._present()
        now = self.now()
        if not self.plan.has_work(now, present):
            self._problem = None
            return
        # The slots first: then none of them can be of a newer configuration than the one we have.
        await self.bucket.catch_up()
        await self.configuration.catch_up()
        present = await self._present()
        are_units_new = not self.plan.units.is_current
        steps = self.plan.steps(self.now(), present)
        self._report(present)
        if are_units_new:
            self._tell_refused()
        again, failure = await self._asker.do(steps)
        if again:
            self.plan.look_again(again)
            self._changed.set()
        if failure:
            self._fail(failure)
        else:
            self._problem = None

    async def _begin(self) -> None:
        """Read the slots; they may not be declared yet."""
        while True:
            try:
                return await self.bucket.start()
            except AWAY as away:
                self._fail(reason_of(away))
                await asyncio.sleep(WAIT_SECONDS)

    async def _present(self) -> Present:
        runs, _ = await last_sequence(self.jetstream, CHECK_RUNS)
        results, _ = await last_sequence(self.jetstream, CHECK_RESULTS)
        configuration = self.configuration.created
        assert configuration is not None, "the configuration is read before the scheduler begins"
        return Present(subjects.generation_of((configuration, runs, results)), self.configuration.applied)

    async def _sleep(self) -> None:
        if self._problem:
            await asyncio.sleep(WAIT_SECONDS)
            return
        wake_up = self.plan.next_wake_up
        seconds = LONGEST_SLEEP_SECONDS
        if wake_up is not None:
            seconds = min(seconds, max(SHORTEST_SLEEP_SECONDS, (wake_up - self.now()).total_seconds()))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        if self._changed.is_set():
            await asyncio.sleep(GATHER_SECONDS)

    def _see_clocks(self) -> None:
        wall, steady = self.now(), self.monotonic()
        if self._clocks is not None:
            stepped = (wall - self._clocks[0]).total_seconds() - (steady - self._clocks[1])
            if abs(stepped) > NOTICED_STEP_SECONDS:
                log.warning("the clock was put forward or back, or the machine slept", seconds=round(stepped, 1))
            if stepped < -NOTICED_STEP_SECONDS:
                self.plan.look_at_everything()
        self._clocks = (wall, steady)

    def _fail(self, problem: str) -> None:
        if problem != self._problem:
            log.warning("the schedule waits", reason=problem)
        self._problem = problem

    def _report(self, present: Present) -> None:
        units = self.plan.units
        TARGETS.set(units.targets)
        UNITS.set(len(units))
        CONFIGURATION_REVISION.labels("scheduler").set(present.revision)
        wake_up = self.plan.next_wake_up
        NEXT_WAKE_UP.set(wake_up.timestamp() if wake_up else 0)

    def _tell_refused(self) -> None:
        refused = self.plan.units.refused
        REFUSED.set(len(refused))
        counted = Counter((schedule, reason) for (_, schedule), reason in refused.items())
        for (schedule, reason), targets in counted.items():
            if (schedule, reason) not in self._told_refused:
                log.warning("a schedule can't be kept", schedule=schedule, reason=reason, targets=targets)
        self._told_refused = set(counted)
