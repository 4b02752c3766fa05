"""A silencer is killed, or paused, in the middle of its work in three Alertmanagers at once: in the first its matchers
are fixed and no silence is made, in the second a silence with new matchers is made and the old one not ended, in the
third an unmute is half done. Another silencer takes over, and each mute is one silence, or none, everywhere.
"""

import asyncio
import contextlib
import json
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from shared import subjects
from shared.configuration import Alertmanager, Alertmanagers
from tests.conftest import StartAlertmanager
from tests.e2e.processes import Pipeline, kill, settled
from tests.faults.http_faults import Fault, Proxy, Request, proxy_to
from tests.faults.scene import ask, becomes, finding, no_dead_letters, verdict
from tests.integration.checker_fleet import eventually

ROUNDS = {"WATCHWORD_ROUND_SECONDS": "1", "WATCHWORD_OVERLAP_SECONDS": "0", "WATCHWORD_WAITING_SECONDS": "0.5"}
PLAIN = {"role": "app"}
RENAMED = {"finding_role": "app"}
"""What the label is called once the target has one of that name."""


@dataclass
class Scene:
    """Mutes, and the silencer that does them."""

    pipeline: Pipeline
    proxies: dict[str, Proxy]
    mutes: dict[str, str] = field(default_factory=dict)

    async def silences(self, alertmanager: str, mute: str, *, is_living: bool = True) -> list[dict[str, Any]]:
        """Return a mute's silences in one Alertmanager."""
        async with httpx.AsyncClient() as client:
            shown = (await client.get(f"{self.proxies[alertmanager].target}/api/v2/silences")).json()
        mine = [one for one in shown if f"[watchword:{self.mutes[mute]}]" in one["comment"]]
        return [one for one in mine if not is_living or one["status"]["state"] != "expired"]

    async def living(self, mute: str) -> dict[str, list[str]]:
        """Return for each Alertmanager the label of the finding in each living silence of a mute."""
        return {
            name: [
                matcher["name"]
                for silence in await self.silences(name, mute)
                for matcher in silence["matchers"]
                if matcher["name"] not in {"alertname", "service_name", "severity"}
            ]
            for name in self.proxies
        }

    async def is_right(self) -> bool:
        everywhere = list(self.proxies)
        counts = {mute: [len(await self.silences(name, mute)) for name in everywhere] for mute in self.mutes}
        renamed = await self.living("finding")
        return counts == {"new": [1, 1, 1], "finding": [1, 1, 1], "ended": [0, 0, 0]} and all(
            labels == ["finding_role"] for labels in renamed.values()
        )


@contextlib.asynccontextmanager
async def at_three_steps(pipeline: Pipeline, start_alertmanager: StartAlertmanager) -> AsyncIterator[tuple[Scene, Any]]:
    """A silencer that stands at a step of its work in each of three Alertmanagers, held until the event is set."""
    async with contextlib.AsyncExitStack() as stack:
        names = ("making", "replacing", "ending")
        urls = {name: start_alertmanager().url.rstrip("/") for name in names}
        proxies = {name: await stack.enter_async_context(proxy_to(url)) for name, url in urls.items()}
        await name_alertmanagers(pipeline, {name: proxy.url for name, proxy in proxies.items()})
        scene = Scene(pipeline, proxies)
        await pipeline.fleet.target("one")
        await verdict(pipeline, "c", finding(labels=PLAIN))
        victim = pipeline.start("silencer", **ROUNDS)
        alert = {"alertname": "c", "check": "c", "service_name": "one", "service_type": "postgresql"}
        for url in urls.values():
            shown = [{"labels": {**alert, "severity": "warning", **PLAIN}}]
            async with httpx.AsyncClient() as client:
                (await client.post(f"{url}/api/v2/alerts", json=shown)).raise_for_status()
        async with httpx.AsyncClient() as client:
            (muted,) = (await client.get(f"{urls['making']}/api/v2/alerts")).json()
        scene.mutes["finding"] = await ask(pipeline, subjects.MUTE_REQUESTED, fingerprint=muted["fingerprint"])
        scene.mutes["ended"] = await ask(pipeline, subjects.MUTE_REQUESTED, target="two", check="c", severity="warning")
        for mute_id in scene.mutes.values():
            await becomes(pipeline, mute_id, "active")
        released = asyncio.Event()
        hold = Fault(until=released)
        (old,) = await scene.silences("replacing", "finding")
        (unmuted,) = await scene.silences("ending", "ended")
        held: dict[str, Request] = {}

        def rule(name: str, method: str, words: str) -> None:
            def choose(one: Request) -> Fault | None:
                if one.method == method and words in one.path and not released.is_set():
                    held[name] = one
                    return hold
                return None

            proxies[name].rule = choose

        rule("making", "POST", "/silences")
        rule("replacing", "DELETE", old["id"])
        rule("ending", "DELETE", unmuted["id"])
        await ask(pipeline, subjects.UNMUTE_REQUESTED, id=scene.mutes["ended"])
        await eventually(lambda: "ending" in held, "the unmute in the third", 30)
        await pipeline.fleet.target("one", labels={"role": "db"})
        await eventually(lambda: "replacing" in held, "the old silence in the second", 60)
        scene.mutes["new"] = await ask(pipeline, subjects.MUTE_REQUESTED, target="three", check="c", severity="warning")
        await eventually(lambda: "making" in held, "a silence in the first", 30)
        assert len(await scene.silences("replacing", "finding")) == 2
        yield scene, (victim, released)


async def name_alertmanagers(pipeline: Pipeline, urls: dict[str, str]) -> None:
    named = Alertmanagers(alertmanagers=tuple(Alertmanager(name=name, urls=(url,)) for name, url in urls.items()))
    await pipeline.fleet.put(subjects.setting_key("file", "alertmanagers"), named.model_dump_json().encode())


async def all_right(scene: Scene, seconds: float = 90) -> None:
    await eventually(scene.is_right, "each mute is one silence, and none that is over", seconds)
    await becomes(scene.pipeline, scene.mutes["ended"], "ended")
    for mute in ("new", "finding"):
        await becomes(scene.pipeline, scene.mutes[mute], "active")
        result = (await scene.pipeline.fleet.all_events(subjects.mute_result(scene.mutes[mute])))[-1]
        for one in result["silences"]:
            (silence,) = await scene.silences(one["alertmanager"], mute)
            assert one["silence_id"] == silence["id"], json.dumps(result)
    await no_dead_letters(scene.pipeline)


async def test_killed_at_three_steps_another_brings_it_to_the_same_end(pipeline, start_alertmanager):
    async with at_three_steps(pipeline, start_alertmanager) as (scene, (victim, _)):
        kill(victim)
        for proxy in scene.proxies.values():
            proxy.rule = lambda _: None
        pipeline.start("silencer", **ROUNDS)
        await all_right(scene)
        # Nothing was made that had to be ended again: one silence, and the two that had former matchers.
        for name in scene.proxies:
            counts = [len(await scene.silences(name, mute, is_living=False)) for mute in ("new", "finding", "ended")]
            assert counts == [1, 2, 1], name


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seconds", [10, 90])
async def test_paused_at_three_steps_and_awake_again_it_doubles_nothing_for_long(pipeline, start_alertmanager, seconds):
    """What it had sent before it was paused may arrive when another has done it: the double ends in the next round."""
    async with at_three_steps(pipeline, start_alertmanager) as (scene, (victim, released)):
        kill(victim, signal.SIGSTOP)
        for proxy in scene.proxies.values():
            proxy.rule = lambda _: None
        pipeline.start("silencer", **ROUNDS)
        await settled(seconds)
        if seconds > 60:
            await all_right(scene)
        released.set()
        kill(victim, signal.SIGCONT)
        await settled(5)
        await all_right(scene)
