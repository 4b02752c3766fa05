"""A checker is killed, or paused, at each step of its work: exactly there, for its link to NATS stops at the message
that makes the step. Each step has a checker, a target and a pool of its own, and all are harmed at once; another
checker, which serves all pools, must bring everything to the same end as if nothing had happened.
"""

import contextlib
import datetime as dt
import signal
import subprocess
from typing import Any

import pytest

from shared import subjects
from shared.leases import LEASE_SECONDS
from tests.e2e.processes import Pipeline, kill, settled
from tests.faults.nats_steps import Step, StepLink, acknowledging, stopping_at
from tests.faults.scene import at_rest, no_dead_letters, told
from tests.faults.steady import not_coming
from tests.faults.truth import SEES
from tests.integration.checker_fleet import eventually

STEPS = {
    "taken": Step("$KV.watchword_leases.>"),
    "leased": Step("check.started.>"),
    "looked": Step("check.result.>"),
    "stored": Step("check.finished.>"),
    "finished": Step("$KV.watchword_leases.>", times=2),  # the release, for a run this short refreshes nothing
    "released": acknowledging("CHECK_RUNS"),
}
"""The last thing that happened, and the message by which the next would."""
SPLITTING = [Step("check.accepted.>"), acknowledging("CHECK_REQUESTS")]
"""Its parts are stored; it is accepted."""
TAKEN_OVER_SECONDS = 2 * LEASE_SECONDS + 60
BEGAN = {"taken": 1, "leased": 1, "looked": 2, "stored": 2, "finished": 1, "released": 1}
"""How many runs begin in the end: a second one where the first had begun and not ended."""


class Harmed:
    """Checkers that stand at their steps."""

    def __init__(self, pipeline: Pipeline, stack: contextlib.AsyncExitStack) -> None:
        self._pipeline = pipeline
        self._stack = stack
        self.processes: list[subprocess.Popen[bytes]] = []
        self.links: list[StepLink] = []

    async def at(self, step: Step, pool: str) -> StepLink:
        """Start a checker that will stop at a step."""
        link = await self._stack.enter_async_context(stopping_at(self._pipeline.nats_url, step))
        settings = {"WATCHWORD_POOLS": pool, "WATCHWORD_SLOTS_REQUESTS": "1"}
        self.processes.append(self._pipeline.start("checker", WATCHWORD_NATS_URL=link.url, **settings))
        self.links.append(link)
        return link

    async def reached(self) -> None:
        for link in self.links:
            await eventually(link.reached.is_set, "the step", 60)

    def kill(self) -> None:
        for process in self.processes:
            if process.returncode is None:
                kill(process)

    def pause(self) -> None:
        for process in self.processes:
            kill(process, signal.SIGSTOP)

    def wake(self) -> None:
        for process, link in zip(self.processes, self.links, strict=True):
            link.mend()
            kill(process, signal.SIGCONT)


async def everyone_at_a_step(pipeline: Pipeline, harmed: Harmed, place: dict[str, Any]) -> list[str]:
    """Let a checker stand at each step of a run, each with a target of its own."""
    for step in STEPS:
        await pipeline.fleet.target(step, **place, pool=step)
    for step, moment in STEPS.items():
        await harmed.at(moment, step)
    await pipeline.fleet.request(targets=list(STEPS))
    await harmed.reached()
    return list(STEPS)


async def starts_of(pipeline: Pipeline) -> dict[str, dt.datetime]:
    """Return when the first run of each target began that stored a verdict."""
    verdicts = await pipeline.fleet.all_events("check.result.verdict.>")
    return {one["target"]: dt.datetime.fromisoformat(one["started_at"]) for one in reversed(verdicts)}


async def all_answered(pipeline: Pipeline, targets: list[str], requests: int) -> None:
    """Wait until each request has its check.accepted, and each target the end of a run that covers all of it."""

    async def look() -> bool:
        accepted = await pipeline.fleet.all_events("check.accepted.>")
        covered: dict[str, int] = {}
        for one in await pipeline.fleet.all_events("check.finished.>"):
            # What a paused one had said before it was paused may come late: it answers no less and no more.
            covered[one["target"]] = max(one["covers"], covered.get(one["target"], 0))
        are_accepted = len({one["request_id"] for one in accepted}) == requests
        return are_accepted and all(
            covered.get(target, 0) >= max(one["first"] for one in accepted if target in one["targets"])
            for target in targets
        )

    await eventually(look, "an answer to each request", TAKEN_OVER_SECONDS)


async def killed_while_splitting(pipeline: Pipeline, harmed: Harmed, targets: list[str]) -> None:
    """Let two die over requests of their own, for targets that nobody serves yet."""
    for moment in SPLITTING:
        link = await harmed.at(moment, "nobody's")
        await pipeline.fleet.request(targets=targets)
        await eventually(link.reached.is_set, "the step", 60)
        harmed.kill()


async def test_killed_at_any_step_another_brings_it_to_the_same_end(pipeline, place, truth):
    await pipeline.fleet.check("c", SEES, queries=[truth.query()])
    truth.weaken(1)
    split = [f"t{number}" for number in range(5)]
    for target in split:
        await pipeline.fleet.target(target, **place, pool="split")
    async with contextlib.AsyncExitStack() as stack:
        await killed_while_splitting(pipeline, Harmed(pipeline, stack), split)
        harmed = Harmed(pipeline, stack)
        targets = [*await everyone_at_a_step(pipeline, harmed, place), *split]
        harmed.kill()
        pipeline.start("publisher")
        pipeline.start("checker", WATCHWORD_POOLS=",".join([*STEPS, "split"]))
        await all_answered(pipeline, targets, requests=1 + len(SPLITTING))
        await at_rest(pipeline, "CHECK_REQUESTS", "CHECK_RUNS", "CHECK_RESULTS", seconds=TAKEN_OVER_SECONDS)
    began = await pipeline.fleet.all_events("check.started.>")
    assert {target: sum(one["target"] == target for one in began) for target in STEPS} == BEGAN
    accepted = await pipeline.fleet.all_events("check.accepted.>")
    assert [one["targets"] for one in accepted if one["sequence"] < 3] == [split, split]
    alerts = {target: await pipeline.alert("c", target) for target in targets}
    first = await starts_of(pipeline)
    for target, alert in alerts.items():
        assert abs(dt.datetime.fromisoformat(alert["startsAt"]) - first[target]) < dt.timedelta(milliseconds=2), target
    assert len(await pipeline.alerts()) == len(targets)
    assert await told(pipeline) == {("firing", target, "c", "1"): 1 for target in targets}
    await no_dead_letters(pipeline)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seconds", [10, 90])
async def test_paused_at_any_step_of_a_run_and_awake_again_it_undoes_nothing(pipeline, place, truth, seconds):
    await pipeline.fleet.check("c", SEES, queries=[truth.query()])
    truth.weaken(1)
    pipeline.start("publisher")
    async with contextlib.AsyncExitStack() as stack:
        harmed = Harmed(pipeline, stack)
        targets = await everyone_at_a_step(pipeline, harmed, place)
        harmed.pause()
        truth.repair()
        pipeline.start("checker", WATCHWORD_POOLS=",".join(targets))
        await pipeline.fleet.request()
        await settled(seconds)
        is_over = seconds > TAKEN_OVER_SECONDS / 2
        if is_over:  # the other checker has taken everything over
            await all_answered(pipeline, targets, requests=2)
        harmed.wake()
        if is_over:
            async with not_coming(pipeline.alerts):
                await settled(10)
        await all_answered(pipeline, targets, requests=2)
        await at_rest(pipeline, "CHECK_REQUESTS", "CHECK_RUNS", "CHECK_RESULTS", seconds=TAKEN_OVER_SECONDS)
    for target in targets:
        last = await pipeline.fleet.result(target, "c")
        assert last is not None
        assert last.status == "passed", target
        runs = [
            subjects.parse_sequence_id(one["run"])
            for one in await pipeline.fleet.all_events(f"check.result.verdict.postgresql.{target}.c")
        ]
        assert runs == sorted(runs)
    for target in targets:
        await pipeline.no_alert("c", target)
    transitions = await told(pipeline)
    assert set(transitions.values()) <= {1}
    fired = {target for kind, target, _, _ in transitions if kind == "firing"}
    assert {target for kind, target, _, _ in transitions if kind == "resolved"} == fired
    await no_dead_letters(pipeline)
