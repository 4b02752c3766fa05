"""A publisher is killed, or paused, at each step of its work: in the middle of a batch of posts, between a verdict and
its post, when a post got in and nobody heard of it, while it withdraws, and between an event and its acknowledgement.
A proxy before Alertmanager and a link to NATS stop it exactly there; another publisher takes over.
"""

import asyncio
import contextlib
import datetime as dt
import signal
import subprocess
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from shared import subjects
from tests.e2e.processes import Pipeline, kill, settled
from tests.faults.http_faults import LOST_ANSWER, RESET, Fault, Proxy, Request, proxy_to
from tests.faults.nats_steps import Step, StepLink, acknowledging, stopping_at
from tests.faults.scene import at_rest, finding, no_dead_letters, rows, shown, told, verdict
from tests.faults.steady import not_coming, staying
from tests.integration.checker_fleet import eventually

BEGAN = (dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)).replace(microsecond=0)
"""Since when the findings of these tests fail: every alert must have this start, whoever posts it."""
NEVER = Step("nobody.publishes.this")


@dataclass
class Scene:
    """One publisher that will be harmed, behind a proxy and a link of its own."""

    pipeline: Pipeline
    proxy: Proxy
    link: StepLink
    process: "subprocess.Popen[bytes]"

    def another(self) -> None:
        """Start the publisher that takes over."""
        self.pipeline.start("publisher")


@contextlib.asynccontextmanager
async def harmed(pipeline: Pipeline, step: Step = NEVER) -> AsyncIterator[Scene]:
    """A publisher that a test stops at a step."""
    async with proxy_to(pipeline.alertmanager_url) as proxy, stopping_at(pipeline.nats_url, step) as link:
        urls = {"WATCHWORD_NATS_URL": link.url, "WATCHWORD_ALERTMANAGER_URL": proxy.url}
        yield Scene(pipeline, proxy, link, pipeline.start("publisher", **urls))


def weak(count: int = 1) -> list[dict]:
    return [{**one, "failing_since": BEGAN.isoformat()} for one in rows(count)]


async def told_of(pipeline: Pipeline, target: str, count: int) -> None:
    """Wait until all transitions of a target were told, for this is not about them."""

    async def look() -> bool:
        return sum(about == target for _, about, _, _ in await told(pipeline)) == count

    await eventually(look, f"{count} events", 30)


def posts(scene: Scene) -> list[Request]:
    """Return the posts of alerts that came so far."""
    return scene.proxy.asked("POST", "alerts")


async def in_the_middle_of_a_batch(pipeline: Pipeline, target: str) -> None:
    """The first post of many alerts got in, the second not yet."""
    await verdict(pipeline, "c", *weak(200), target=target)
    await verdict(pipeline, "d", *weak(200), target=target)
    never = asyncio.Event()
    async with harmed(pipeline) as scene:
        scene.proxy.rule = lambda one: Fault(until=never) if one.is_to("POST", "alerts") and posts(scene) else None
        await scene.proxy.saw("POST", "alerts", times=2)
        await told_of(pipeline, target, 400)
        kill(scene.process)
        assert [len(one.content) > 100 for one in posts(scene)] == [True, True]


async def before_its_post(pipeline: Pipeline, target: str) -> None:
    """A verdict was read, and its post did not get in."""
    async with harmed(pipeline) as scene:
        scene.proxy.rule = lambda one: RESET if one.is_to("POST", "alerts") else None
        await verdict(pipeline, "c", *weak(), target=target)
        await scene.proxy.saw("POST", "alerts")
        await told_of(pipeline, target, 1)
        kill(scene.process)


async def after_its_post(pipeline: Pipeline, target: str) -> None:
    """The post got in, and nobody heard of it."""
    async with harmed(pipeline) as scene:
        scene.proxy.rule = lambda one: LOST_ANSWER if one.is_to("POST", "alerts") else None
        await verdict(pipeline, "c", *weak(), target=target)
        await scene.proxy.saw("POST", "alerts", is_answered=True)
        await told_of(pipeline, target, 1)
        kill(scene.process)


async def before_it_withdraws(pipeline: Pipeline, target: str, *, is_after: bool = False) -> None:
    """The alert is resolved, and the withdrawn verdict not stored."""
    async with harmed(pipeline, Step(f"check.result.verdict.*.{target}.*", is_after=is_after)) as scene:
        await verdict(pipeline, "c", *weak(), target=target)
        await pipeline.alert("c", target)
        await pipeline.fleet.remove(subjects.target_key(target))
        await eventually(scene.link.reached.is_set, "the withdrawal", 30)
        kill(scene.process)
        await eventually_of(pipeline, target, ["failed", "withdrawn"][: 1 + is_after])


async def after_it_withdrew(pipeline: Pipeline, target: str) -> None:
    """The withdrawn verdict is stored, and nothing else that follows is done."""
    await before_it_withdraws(pipeline, target, is_after=True)


async def before_it_acknowledges(pipeline: Pipeline, target: str) -> None:
    """The event of a verdict is stored, and the verdict will be handled once more."""
    async with harmed(pipeline, acknowledging("CHECK_RESULTS")) as scene:
        await verdict(pipeline, "c", *weak(3), target=target)
        await eventually(scene.link.reached.is_set, "the acknowledgement", 30)
        kill(scene.process)
        assert len(await told(pipeline)) == 3


STEPS = {
    before_it_acknowledges: 3,
    after_it_withdrew: 0,
    before_it_withdraws: 0,
    in_the_middle_of_a_batch: 400,
    before_its_post: 1,
    after_its_post: 1,
}
"""With the alerts that each must have at the end. First those that take a message with them when they die."""


async def eventually_of(pipeline: Pipeline, target: str, statuses: list[str]) -> None:
    """Wait until these are all results of a target."""

    async def look() -> bool:
        results = await pipeline.fleet.all_events("check.result.>")
        return [one["status"] for one in results if one["target"] == target] == statuses

    await eventually(look, f"{target}: {statuses}", 30)


async def test_killed_at_any_step_another_brings_it_to_the_same_end(pipeline):
    """Each that dies is followed by the next victim, which finishes what it left; the last one by one that lives."""
    expected = Counter()
    for step, count in STEPS.items():
        target = step.__name__
        await pipeline.fleet.target(target)
        await step(pipeline, target)
        transitions = ["firing"] if count else ["firing", "resolved"]
        expected.update({(one, target): count or 1 for one in transitions})
    pipeline.start("publisher")
    alerts = await shown(pipeline, sum(STEPS.values()))
    assert Counter(one["labels"]["service_name"] for one in alerts) == {
        step.__name__: count for step, count in STEPS.items() if count
    }
    assert {dt.datetime.fromisoformat(one["startsAt"]) for one in alerts} == {BEGAN}
    async with staying(pipeline.alerts, alerts):
        await at_rest(pipeline, "CHECK_RESULTS")
    for step in (before_it_withdraws, after_it_withdrew):
        await eventually_of(pipeline, step.__name__, ["failed", "withdrawn"])
    transitions = await told(pipeline)
    assert set(transitions.values()) == {1}
    assert Counter((what, target) for what, target, _, _ in transitions) == expected
    await no_dead_letters(pipeline)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seconds", [10, 90])
@pytest.mark.parametrize("what", ["post", "withdraw", "event"])
async def test_paused_at_a_step_and_awake_again_it_undoes_nothing(pipeline, what, seconds):
    """Meanwhile the other publisher has resolved what this one was about to post, and let fire something else. Of this
    one that posts hears nothing when it is awake again, until it could have posted what it knew before for long.
    """
    await pipeline.fleet.target("one")
    released = asyncio.Event()
    held = Fault(until=released, is_passed_on=False)
    steps = {"post": NEVER, "withdraw": Step("check.result.verdict.>"), "event": acknowledging("CHECK_RESULTS")}
    async with harmed(pipeline, steps[what]) as scene:
        if what == "post":
            scene.proxy.rule = lambda one: held if one.is_to("POST", "alerts") else None
        await verdict(pipeline, "c", *weak())
        if what == "post":
            await scene.proxy.saw("POST", "alerts")
        if what == "withdraw":
            await pipeline.alert("c", "one")
            await pipeline.fleet.remove(subjects.target_key("one"))
        if what != "post":
            await eventually(scene.link.reached.is_set, "the step", 30)
        kill(scene.process, signal.SIGSTOP)
        if what == "post":
            scene.link.hold()
        scene.another()
        if what == "withdraw":
            await pipeline.no_alert("c", "one")
            await pipeline.fleet.target("one")
        await verdict(pipeline, "c")
        await pipeline.no_alert("c", "one")
        await verdict(pipeline, "d", finding("new", failing_since=BEGAN.isoformat()))
        new = await pipeline.alert("d", "one")
        async with (
            staying(pipeline.alerts, [new]),
            not_coming(pipeline.alerts, lambda one: one["labels"]["alertname"] == "c"),
        ):
            await settled(seconds)
            scene.proxy.rule = lambda _: None
            released.set()
            if what != "post":
                scene.link.mend()
            kill(scene.process, signal.SIGCONT)
            await settled(10)
            scene.link.mend()
            if what == "post":  # it could have posted for 10 s without a word of what happened since
                await settled(5)
        last = await pipeline.fleet.result("one", "c")
        assert last is not None
        assert last.status == "passed"
    await at_rest(pipeline, "CHECK_RESULTS")
    assert set((await told(pipeline)).values()) == {1}
    await no_dead_letters(pipeline)
