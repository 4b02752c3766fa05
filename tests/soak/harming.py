"""How is harm done? Each fault is a task of its own beside the actions, and undone at its end: what was killed is
started again, what was frozen goes on. One process has one fault at a time; of the Alertmanagers and of the members of
NATS only one is harmed at a time, for the promises say so.
"""

import asyncio
import contextlib
import json
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.soak.actions import STAGES, Fault
from tests.soak.children import Child
from tests.soak.databases import Databases
from tests.soak.doors import SLOW_SECONDS, Door
from tests.soak.house import House
from tests.soak.journal import EVERYTHING, Journal
from tests.soak.record import Record
from tests.soak.watching import Seen
from tests.soak.wire import Wire

TRIGGER_SECONDS = 15.0
"""How long a fault waits for the message that sets it off; then it happens anyhow."""
AWAY_SECONDS = 1.5
"""How long a killed process stays away."""
DATABASE_AWAY_SECONDS = 4.0
"""How long a restarted database stays away: long enough for runs that come to nothing."""
STREAMS_WITH_CONSUMERS = ("CHECK_REQUESTS", "CHECK_RUNS", "CHECK_RESULTS")
WHOLE_SECONDS = 90.0
"""How long is waited for both Alertmanagers to be whole before one is harmed."""


@dataclass
class Harm:
    """What doing harm needs."""

    house: House
    doors: Sequence[Door]
    """Before the Alertmanagers."""
    databases: Databases
    wire: Wire
    seen: Seen
    journal: Journal
    record: Record
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)
    _locks: dict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    def begin(self, fault: Fault) -> None:
        """Begin a fault; it ends by itself."""
        self._tasks.add(asyncio.create_task(self._do(fault)))

    async def over(self) -> None:
        """Wait until all harm is undone. Raises what went wrong with it."""
        while self._tasks:
            done, self._tasks = await asyncio.wait(self._tasks)
            for task in done:
                task.result()

    def cancel(self) -> None:
        """End all faults as they are."""
        for task in self._tasks:
            task.cancel()

    async def _do(self, fault: Fault) -> None:
        whole = fault.what in {"nats", "alertmanager", "postgresql", "mysql"}
        child = None if whole else self.house.stages[fault.what][fault.index]
        async with self._locks[fault.what if child is None else child.name]:
            if child is not None and fault.on is not None:
                child = await self._set_off(fault, child)
            self.journal.add([EVERYTHING], f"fault begins: {fault.name} ({child.name if child else fault.index})")
            if child is not None:
                await self._harm(fault, child)
            elif fault.what == "nats":
                await self._harm_nats(fault)
            elif fault.what == "alertmanager":
                await self._harm_alertmanager(fault)
            else:
                await self._harm_database(fault)
            self.journal.add([EVERYTHING], f"fault is undone: {fault.name}")

    async def _set_off(self, fault: Fault, child: Child) -> Child:
        """Wait for the message that sets a fault off, and return whom it hits: the checker that it speaks of."""
        assert fault.on is not None
        body = await self.wire.on_next(fault.on, TRIGGER_SECONDS)
        if body is None:
            self.record.skipped[f"{fault.name}: nothing came, done at once"] += 1
            return child
        if fault.what != "checker":
            return child
        name = None
        with contextlib.suppress(ValueError, AttributeError):
            name = json.loads(body).get("checker")
        stages = [one for stage in STAGES for one in self.house.stages[stage]]
        return next((one for one in stages if one.name == name), child)

    async def _harm(self, fault: Fault, child: Child) -> None:
        if not child.is_running or child.is_paused:  # another fault has it already
            self.record.skipped[f"{fault.name}: it is harmed already"] += 1
            return
        self.record.faults[fault.name] += 1
        if fault.kind == "pause":
            child.pause()
            await asyncio.sleep(fault.seconds)
            child.resume()
        else:
            child.kill()
            await asyncio.sleep(AWAY_SECONDS)
            child.start()

    async def _harm_nats(self, fault: Fault) -> None:
        if fault.kind == "forget":
            await self._forget_consumer(fault)
            return
        index = fault.index % len(self.house.nats)
        if fault.index == 0 and self.house.is_cluster:
            index = await self.wire.leader_of("CHECK_RESULTS", default=0)
            self.record.seen["faults that hit the leader of CHECK_RESULTS"] += 1
        child = self.house.links[index] if fault.kind == "cut" else self.house.nats[index]
        self.record.faults[fault.name] += 1
        if fault.kind in {"pause", "cut"}:
            child.pause()
            await asyncio.sleep(fault.seconds)
            child.resume()
            return
        child.kill()
        await asyncio.sleep(AWAY_SECONDS)
        child.start()
        await self._until(lambda: self.house.takes_connections(index), f"{child.name} is back")

    async def _harm_alertmanager(self, fault: Fault) -> None:
        deadline = time.monotonic() + WHOLE_SECONDS
        watch, member = self.seen.watch, self.house.member(fault.index)
        while watch.excused:
            if time.monotonic() > deadline:
                self.record.skipped[f"{fault.name}: the other one is not whole"] += 1
                return
            await asyncio.sleep(0.2)
        self.record.faults[fault.name] += 1
        child, door = self.house.alertmanagers[fault.index], self.doors[fault.index]
        if fault.kind in {"slow", "refuse", "lose"}:  # its alerts have leases that are longer, so nothing is excused
            await self._unwell(door, fault)
            return
        watch.harm(member)
        if fault.kind == "late":  # it hears two publishers, one perhaps later than the other
            await self._unwell(door, fault)
            await asyncio.sleep(SLOW_SECONDS)  # what is under way comes late, too
        elif fault.kind == "pause":
            child.pause()
            await asyncio.sleep(fault.seconds)
            child.resume()
        else:
            child.kill()
            await door.shut()
            await asyncio.sleep(AWAY_SECONDS)
            child.start()
            await self._until(lambda: self.house.alertmanager_answers(fault.index), f"{child.name} answers")
            await door.open()
        watch.mended(member, time.time())

    async def _unwell(self, door: Door, fault: Fault) -> None:
        door.unwell(fault.kind, fault.status)
        await asyncio.sleep(fault.seconds)
        door.well()

    async def _forget_consumer(self, fault: Fault) -> None:
        """Delete a consumer, as an operator may by mistake: whose it is makes it again."""
        stream = STREAMS_WITH_CONSUMERS[fault.index]
        name = await self.wire.delete_consumer(stream)
        if name is None:
            self.record.skipped[f"{fault.name}: {stream} has none, or NATS is away"] += 1
            return
        self.record.faults[f"{fault.name} of {stream}"] += 1
        self.journal.add([EVERYTHING], f"consumer {name} of {stream} was deleted")

    async def _harm_database(self, fault: Fault) -> None:
        self.record.faults[fault.name] += 1
        if fault.kind == "pause":
            self.databases.pause(fault.what)
            await asyncio.sleep(fault.seconds)
            self.databases.resume(fault.what)
        elif fault.kind == "sessions":
            await asyncio.to_thread(self.databases.end_sessions)
        else:
            await self.databases.restart(fault.what, DATABASE_AWAY_SECONDS)

    async def _until(self, look: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + 120.0
        while not await asyncio.to_thread(look):
            if time.monotonic() > deadline:
                message = f"{what}: not within 120 s"
                raise TimeoutError(message)
            await asyncio.sleep(0.1)
