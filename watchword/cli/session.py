"""What a command has while it runs: a connection to NATS, JetStream on it, and the configuration as it is now."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from nats.aio.client import Client
from nats.js import JetStreamContext

from shared import connecting
from shared.alertmanager_settings import AlertmanagerSettings
from shared.configuration import Configuration
from shared.ending import end
from watchword.environment import read_environment
from watchword.inventory.bucket import Snapshot, read_bucket

Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Session:
    """One command's connection."""

    settings: AlertmanagerSettings
    client: Client
    jetstream: JetStreamContext

    async def snapshot(self) -> Snapshot:
        """Return the configuration bucket as it is now. Raises ``StreamMissing``."""
        return await read_bucket(self.jetstream)

    async def configuration(self) -> Configuration:
        """Return what the configuration says now. Raises ``StreamMissing``."""
        return (await self.snapshot()).view


def settings_with(nats_url: str | None) -> AlertmanagerSettings:
    """Return the settings of the environment, with what the command line says put over them."""
    return read_environment(AlertmanagerSettings, **({"nats_url": nats_url} if nats_url else {}))


@contextlib.asynccontextmanager
async def session(nats_url: str | None) -> AsyncIterator[Session]:
    """Connect for one command. Raises ``NatsUnavailable`` with what to do."""
    settings = settings_with(nats_url)
    async with connecting.connected(settings, "watchword-cli") as client:
        yield Session(settings, client, client.jetstream(timeout=5))


def asynchronous(function: Callable[Parameters, Coroutine[Any, Any, Answer]]) -> Callable[Parameters, Answer]:
    """Make a command of a coroutine function."""

    @functools.wraps(function)
    def run(*arguments: Parameters.args, **named: Parameters.kwargs) -> Answer:
        return asyncio.run(_to_the_end(function(*arguments, **named)))

    return run


async def _to_the_end(command: Coroutine[Any, Any, Answer]) -> Answer:
    """Await a command, and end whatever it left running: asyncio cancels that once, and a cancellation may be lost."""
    try:
        return await command
    finally:
        await end(*(task for task in asyncio.all_tasks() if task is not asyncio.current_task()))
