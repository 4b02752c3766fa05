"""Asking for runs from the front door, as anybody would, and waiting until each target is answered: by the events
alone. How long each took is what a test compares with the same on a quiet day.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg


@dataclass
class Asked:
    """What was heard of requests and of the ends of runs."""

    client: Client
    first: dict[int, int] = field(default_factory=dict)
    """By the request's place: where its first part was stored."""
    ends: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The last end of each target."""
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def begin(self, *targets: str) -> int:
        """Ask for a run of targets."""
        body = json.dumps({"targets": targets}).encode()
        return (await self.client.jetstream(timeout=30).publish("check.requested", body)).seq

    async def ended(self, request: int, target: str, within_seconds: float = 60.0) -> dict[str, Any]:
        """Wait until a target is answered, and return the end of the run that did."""
        async with asyncio.timeout(within_seconds):
            while self.ends.get(target, {"covers": 0})["covers"] < self.first.get(request, 2**62):
                self.news.clear()
                await self.news.wait()
        return self.ends[target]

    async def timed(self, request: int, target: str) -> tuple[dict[str, Any], float]:
        """Wait until a target is answered, and return the end of that run and the seconds until then."""
        began = time.monotonic()
        return await self.ended(request, target), time.monotonic() - began

    async def run(self, *targets: str) -> dict[str, float]:
        """Ask for a run of targets, and return how long each took until it was answered."""
        request = await self.begin(*targets)
        ends = await asyncio.gather(*(self.timed(request, target) for target in targets))
        return {target: seconds for target, (_, seconds) in zip(targets, ends, strict=True)}


@contextlib.asynccontextmanager
async def asked_on(client: Client) -> AsyncIterator[Asked]:
    """Listen to what becomes of requests, while the block lasts."""
    asked = Asked(client)

    async def accepted(message: Msg) -> None:
        event = json.loads(message.data)
        asked.first[event["sequence"]] = event["first"]
        asked.news.set()

    async def finished(message: Msg) -> None:
        event = json.loads(message.data)
        asked.ends[event["target"]] = event
        asked.news.set()

    subscriptions = [
        await client.subscribe("check.accepted.*", cb=accepted),
        await client.subscribe("check.finished.*.*.all", cb=finished),
    ]
    try:
        yield asked
    finally:
        for subscription in subscriptions:
            await subscription.unsubscribe()
