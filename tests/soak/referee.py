"""How does a soak go? The house is started around databases that are weak already; then come rounds: some minutes of
actions with faults among them, all harm undone, everything asked for once more, and a comparison of all that can be
seen with the truth. The first disagreement ends the soak, with the story of the alert that it is about.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.soak.actions import Apply, Ask, Fault
from tests.soak.alertmanagers import Alertmanagers
from tests.soak.comparing import Difference
from tests.soak.doing import Hands
from tests.soak.harming import Harm
from tests.soak.house import PROGRAM, House
from tests.soak.journal import EVERYTHING, Journal, lines_about
from tests.soak.plan import Planner
from tests.soak.quiet import Judge
from tests.soak.record import Record
from tests.soak.watching import Watcher

ACTIONS, FAULTS = 24, 6
"""Of one round."""
MORE_ACTIONS = 30
"""In a round in which something is paused for long."""
CONSISTENT_SECONDS = 240.0
"""A machine may be slow; a pipeline that lost something stays wrong for ever."""
_TELL_SECONDS = 30.0
_STORIES = 3
_PROBLEMS = 30


@dataclass
class Soak:
    """One soak, wired."""

    house: House
    planner: Planner
    hands: Hands
    harm: Harm
    watcher: Watcher
    alertmanagers: Alertmanagers
    journal: Journal
    record: Record
    say: Callable[[str], None]

    async def run(self, minutes: float) -> None:
        """Go on until the time is over, or something is wrong; ``record.failures`` tells."""
        watching = asyncio.create_task(self.watcher.run())
        try:
            self._weaken_at_first()
            await self._open()
            self.house.start_stages()
            await self._quiet("at first")
            ends_at = time.monotonic() + minutes * 60
            rounds = 0
            while time.monotonic() < ends_at and not self._has_failed:
                rounds += 1
                await self._round(rounds)
                if not self._has_failed:
                    await self._quiet(f"round {rounds}")
            if watching.done():
                watching.result()
            if not self._has_failed:
                self._stop_stages()
        finally:
            self.harm.cancel()
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
        self._tell_failures()

    @property
    def _has_failed(self) -> bool:
        return bool(self.watcher.seen.failures)

    def _weaken_at_first(self) -> None:
        for weakness in sorted(self.planner.weak):
            change = self.hands.truth.history.begin(weakness, time.time(), becomes=True)
            self.hands.databases.set(weakness, weak=True)
            change.latest = time.time()

    async def _open(self) -> None:
        self.say("the first configuration")
        await self.hands.apply(Apply(self.planner.inventory, "add", frozenset()))

    async def _round(self, number: int) -> None:
        faults = self.record.faults.total()
        for step in self.planner.round(ACTIONS, FAULTS, MORE_ACTIONS):
            if self._has_failed:
                return
            await asyncio.sleep(step.pause_seconds)
            if isinstance(step.action, Fault):
                self.harm.begin(step.action)
            else:
                await self.hands.do(step.action)
        self.say(f"round {number}: waiting for all harm to be undone")
        await self.harm.over()
        seen = self.watcher.seen
        done = self.record.faults.total() - faults
        self.say(f"round {number}: {done} faults, {len(seen.answers.runs)} runs so far, {seen.watch.samples} looks")

    async def _quiet(self, name: str) -> None:
        """Ask for everything once more and compare until nothing differs."""
        await self.hands.ask(Ask(None))
        began = time.monotonic()
        tell_at = began + _TELL_SECONDS
        judge = Judge(self.house, self.hands.truth, self.watcher.seen, self.alertmanagers)
        while not self._has_failed:
            self.watcher.seen.failures += judge.ended()
            differences, counts = await judge.differences()
            if not differences:
                self._note_consistent(name, time.monotonic() - began, counts)
                return
            if time.monotonic() - began > CONSISTENT_SECONDS:
                self.watcher.seen.failures += differences
                return
            if time.monotonic() > tell_at:
                tell_at = time.monotonic() + _TELL_SECONDS
                self.say(f"{name}: {len(differences)} things differ yet, one is: {differences[0]}")
            await asyncio.sleep(1.0)

    def _note_consistent(self, name: str, took_seconds: float, counts: Counter[str]) -> None:
        self.record.consistent_after_seconds.append(took_seconds)
        self.record.compared.update(counts)
        self.journal.add([EVERYTHING], f"{name}: everything agrees after {took_seconds:.1f} s")
        alerts, silences = counts["alerts"] // 2, counts["silences"] // 2
        self.say(f"{name}: agrees after {took_seconds:.1f} s ({alerts} alerts, {silences} silences in each)")

    def _stop_stages(self) -> None:
        self.say("stopping the stages")
        for stage in self.house.stages.values():
            for child in stage:
                code = child.stop()
                if code != 0:
                    text = f"{child.name} did not stop cleanly ({code}); see {child.log_path}"
                    self.watcher.seen.failures.append(Difference(None, text))
        self.record.compared["stages stopped cleanly"] += sum(map(len, self.house.stages.values()))

    def _tell_failures(self) -> None:
        failures = self.watcher.seen.failures
        self.record.failures = [str(one) for one in failures[:_PROBLEMS]]
        told: set[tuple[str, ...]] = set()
        for failure in failures:
            names = tuple(filter(None, failure.about[:1])) if failure.about else ()
            if names in told or len(told) == _STORIES:
                continue
            told.add(names)
            self.say(f"\nWRONG: {failure}\n  what happened, in order:")
            for line in self._story(names):
                self.say(f"  {line}")

    def _story(self, names: Sequence[str]) -> list[str]:
        if not names:
            return [str(entry) for entry in self.journal.story(())[-_PROBLEMS:]]
        place = names[0].partition("-")[0]
        entries = [*self.journal.story({*names, place}), *lines_about(self.house.logs, names)]
        return [str(entry) for entry in sorted(entries, key=lambda entry: entry.at)[-150:]]

    def counts(self) -> Mapping[str, Any]:
        """Return what only the end knows, for the record."""
        seen = self.watcher.seen
        return {
            "requests": self.hands.asked,
            "runs": len(seen.answers.runs),
            "starts_of_runs": seen.answers.starts,
            "results": self.record.seen["verdicts"] + self.record.seen["results that are errors"],
            "verdicts_judged": seen.standing.judged,
            "alerts_fired": sum(1 for _, _, what in seen.standing.transitions if what == "firing"),
            "alerts_resolved": sum(1 for _, _, what in seen.standing.transitions if what == "resolved"),
            "mutes": self.record.actions["mute"],
            "dead_letters": len(seen.dead_letters),
            "looks_at_the_alertmanagers": seen.watch.samples,
            "alerts_that_had_to_stay_looked_at": seen.watch.compared,
        }


def declare(house: House, run: Callable[[Sequence[str], Mapping[str, str]], tuple[int, str]]) -> None:
    """Make the streams; a cluster needs some seconds before it can."""
    deadline = time.monotonic() + 120.0
    while True:
        code, said = run([PROGRAM, "init", "--replicas", str(house.replicas)], house.environment)
        if code == 0:
            return
        if time.monotonic() > deadline:
            message = f"`watchword init` was refused: {said}"
            raise RuntimeError(message)
        time.sleep(1.0)
