"""A connection for a command, on a real NATS server."""

import asyncio

import pytest

from shared import connecting
from shared.settings import ProcessSettings
from watchword.embedded import EmbeddedServer


async def test_a_command_ends_although_its_connection_never_closes(
    nats_server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "CLOSE_SECONDS", 0.1)
    cancelled = asyncio.Event()
    async with connecting.connected(ProcessSettings(nats_url=nats_server.url), "a command") as client:
        really_close = client.close

        async def close() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()

        monkeypatch.setattr(client, "close", close)
    assert cancelled.is_set()
    await really_close()
