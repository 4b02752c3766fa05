"""All stages as processes, with one target that is looked at again and again while others do harm: is good work done as
soon as before, does its alert stand, does any stage fail or grow?
"""

import asyncio
import contextlib
import json
import subprocess
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from nats.aio.msg import Msg

from shared import subjects
from shared.careful_client import CarefulClient
from tests.e2e.processes import Pipeline
from tests.faults.outcomes import careful_client, memory_mib
from tests.faults.raw_nats import RawNats, raw_nats
from tests.faults.truth import SEES, Truth


@dataclass
class House:
    """All stages as processes, one target with a weakness, and its alert."""

    pipeline: Pipeline
    client: CarefulClient
    raw: RawNats
    stages: dict[str, "subprocess.Popen[bytes]"]
    alert: dict[str, Any]
    accepted: dict[int, int] = field(default_factory=dict)
    """By the request's place: where its first part was stored."""
    covered: int = 0
    """How far runs of the good target reach."""
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def hear(self) -> None:
        """Note what becomes of requests, and the ends of runs on the good target."""

        async def accepted(message: Msg) -> None:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                event = json.loads(message.data)
                self.accepted[event["sequence"]] = event["first"]
                self.news.set()

        async def finished(message: Msg) -> None:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                self.covered = max(self.covered, json.loads(message.data)["covers"])
                self.news.set()

        await self.client.subscribe("check.accepted.*", cb=accepted)
        await self.client.subscribe("check.finished.postgresql.good.all", cb=finished)

    async def good_run(self) -> float:
        """Force a run of the good target, and return how long it took until it was answered."""
        began = time.monotonic()
        stored = await self.client.jetstream(timeout=30).publish("check.requested", b'{"targets": ["good"]}')
        async with asyncio.timeout(60):
            while self.covered < self.accepted.get(stored.seq, self.covered + 1):
                self.news.clear()
                await self.news.wait()
        return time.monotonic() - began

    def memory(self) -> dict[str, float]:
        return {stage: memory_mib(process) for stage, process in self.stages.items()}

    def failures(self) -> list[str]:
        """What a stage said of an exception that nobody had thought of."""
        said = (path.read_text(errors="replace").splitlines() for path in self.pipeline.folder.glob("*-?.log"))
        signs = ("Traceback", "failed to handle", "Exception in callback", "was never retrieved", "NATS complains")
        return [line[:500] for lines in said for line in lines if any(sign in line for sign in signs)]


@contextlib.asynccontextmanager
async def a_house(pipeline: Pipeline, place: dict[str, Any], truth: Truth) -> AsyncIterator[House]:
    await pipeline.fleet.target("good", **place)
    await pipeline.fleet.target("gone", **place)
    await pipeline.fleet.check("c", SEES, queries=[truth.query()])
    await pipeline.fleet.remove(subjects.target_key("gone"))
    truth.weaken(1)
    stages = {stage: pipeline.start(stage) for stage in ("scheduler", "checker", "publisher", "silencer")}
    alert = await pipeline.alert("c", "good", timeout_seconds=60)
    async with careful_client(pipeline.nats_url) as client, raw_nats(pipeline.nats_url) as raw:
        house = House(pipeline, client, raw, stages, alert)
        await house.hear()
        yield house
