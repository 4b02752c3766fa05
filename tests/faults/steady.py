"""What must hold all the time: alerts that nobody touched are shown with their start, five times a second, until the
block ends; and alerts that may not come are not shown. A look that the Alertmanager does not answer says nothing.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx

from shared.ending import end

LOOK_SECONDS = 0.2

Alerts = list[dict[str, Any]]


def starts(alerts: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Return since when each alert fires, by its fingerprint."""
    return {alert["fingerprint"]: alert["startsAt"] for alert in alerts}


@dataclass
class Seen:
    """What was seen that may not be."""

    looks: int = 0
    faults: list[str] = field(default_factory=list)

    def see(self, stay: dict[str, str], alerts: Alerts) -> None:
        """Compare one look with what must stay."""
        self.looks += 1
        shown = starts(alerts)
        self.faults += [f"look {self.looks}: {key} is gone" for key in stay.keys() - shown.keys()]
        self.faults += [
            f"look {self.looks}: {key} began {shown[key]} instead of {start}"
            for key, start in stay.items()
            if key in shown and shown[key] != start
        ]


@contextlib.asynccontextmanager
async def staying(look: Callable[[], Awaitable[Alerts]], alerts: Iterable[dict[str, Any]]) -> AsyncIterator[Seen]:
    """Watch that these alerts stay and keep their start, while the block lasts; complain at its end."""
    stay, seen = starts(alerts), Seen()
    assert stay, "there is something that must stay"
    async with _watching(lambda: _looked(look, lambda shown: seen.see(stay, shown))):
        yield seen
    assert seen.looks
    assert not seen.faults, seen.faults[:10]


@contextlib.asynccontextmanager
async def not_coming(
    look: Callable[[], Awaitable[Alerts]], is_meant: Callable[[dict[str, Any]], bool] = lambda _: True
) -> AsyncIterator[None]:
    """Watch that no such alert comes, while the block lasts; complain at its end."""
    found: Alerts = []
    looks = 0

    def see(shown: Alerts) -> None:
        nonlocal looks
        looks += 1
        found.extend(filter(is_meant, shown))

    async with _watching(lambda: _looked(look, see)):
        yield
    assert looks
    assert not found, found[:3]


async def _looked(look: Callable[[], Awaitable[Alerts]], see: Callable[[Alerts], None]) -> None:
    with contextlib.suppress(httpx.HTTPError):
        see(await look())


@contextlib.asynccontextmanager
async def _watching(look: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    async def watch() -> None:
        while True:
            await look()
            await asyncio.sleep(LOOK_SECONDS)

    await look()
    task = asyncio.create_task(watch())
    try:
        yield
        await look()
        if task.done():
            task.result()
    finally:
        await end(task)
