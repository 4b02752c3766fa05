"""What must hold all the time: alerts that nobody touched are shown with their start, ten times a second, until the
block ends; and alerts that may not come are not shown. A look that the Alertmanager does not answer says nothing.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx

from shared.ending import end

LOOK_SECONDS = 0.1

Alerts = list[dict[str, Any]]


def start(alert: dict[str, Any]) -> str:
    """Return since when an alert fires."""
    return str(alert["startsAt"])


def start_and_silences(alert: dict[str, Any]) -> str:
    """Return since when an alert fires, and what keeps it quiet."""
    return f"{start(alert)}, silenced by {alert['status']['silencedBy']}"


@dataclass
class Seen:
    """What was seen that may not be."""

    looks: int = 0
    faults: list[str] = field(default_factory=list)

    def see(self, stay: dict[str, str], shown: dict[str, str]) -> None:
        """Compare one look with what must stay."""
        self.looks += 1
        for key, begin in stay.items():
            if key not in shown:
                self.faults.append(f"look {self.looks}: {key} is gone")
            elif shown[key] != begin:
                self.faults.append(f"look {self.looks}: {key} began {shown[key]} instead of {begin}")


@contextlib.asynccontextmanager
async def staying(
    look: Callable[[], Awaitable[Alerts]],
    alerts: Iterable[dict[str, Any]],
    keeping: Callable[[dict[str, Any]], str] = start,
) -> AsyncIterator[Seen]:
    """Watch that these alerts stay and keep their start, while the block lasts; complain at its end."""

    def kept(alerts: Iterable[dict[str, Any]]) -> dict[str, str]:
        return {alert["fingerprint"]: keeping(alert) for alert in alerts}

    stay, seen = kept(alerts), Seen()
    assert stay, "there is something that must stay"
    async with _watching(lambda: _looked(look, lambda shown: seen.see(stay, kept(shown)))):
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
