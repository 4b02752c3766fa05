"""Connections to a NATS server that a test may kill or stop, and waiting for what will be so."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from nats.aio.client import Client
from nats.js import JetStreamContext

from shared.connecting import SafeClient, close
from shared.declaring import declare
from watchword.embedded import EmbeddedServer


async def until(look: Callable[[], Any], what: str, seconds: float = 60.0) -> None:
    """Look again and again until it is so."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                seen = look()
                if isinstance(seen, Awaitable):
                    seen = await seen
                if seen:
                    return
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {seconds:g} s: {what}") from None


@contextlib.asynccontextmanager
async def connected(
    server: EmbeddedServer,
    *,
    url: str | None = None,
    is_declared: bool = False,
    kind: type[Client] = SafeClient,
    **options: Any,
) -> AsyncIterator[tuple[Client, JetStreamContext]]:
    """A connection that comes back when the server does; by another way (``url``) and with our streams when asked."""
    patient = {"max_reconnect_attempts": -1, "reconnect_time_wait": 0.1, "error_cb": _ignore}
    client = kind()
    await client.connect(url or server.url, **{**patient, **options})
    jetstream = client.jetstream(timeout=10)  # the machine may be busy
    try:
        if is_declared:
            await declare(client, jetstream)
        yield client, jetstream
    finally:
        await close(client)


@contextlib.asynccontextmanager
async def stopped(server: EmbeddedServer, *clients: Client, is_killed: bool = False) -> AsyncIterator[Path]:
    """Stop a server while the block lasts, and return where its store is. Who was connected notices, and comes back."""
    connected_ones = [client for client in clients if client.is_connected]
    if is_killed:
        server.process.kill()
    else:
        server.process.stop()
    await until(lambda: not any(client.is_connected for client in connected_ones), "all notice that it is away")
    yield server.process.plan.log_path.parent / "jetstream"
    server.process.start()
    await until(lambda: all(client.is_connected for client in connected_ones), "all are connected again")


async def _ignore(_: Exception) -> None:
    """What the client complains about while a server is away is no question of these tests."""
