"""All stages around servers of a test's own, which are harmed on purpose: a connection that comes back soon, streams
that are declared as soon as somebody leads them, and every process killed at the end.
"""

import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
from nats.errors import Error as NatsError

from shared.connecting import SafeClient
from shared.declaring import declare
from tests.e2e.processes import Pipeline
from tests.faults.truth import Truth
from tests.faults.whole import AGAIN_SECONDS, Whole
from tests.integration.checker_fleet import Fleet
from watchword.embedded import EmbeddedServer


@contextlib.asynccontextmanager
async def fleet_on(nats_url: str, replicas: int) -> AsyncIterator[Fleet]:
    """Connect, for a test that soon finds out when a server does not answer, and declare the streams."""
    client = SafeClient()
    await client.connect(
        nats_url.split(","), reconnect_time_wait=0.1, max_reconnect_attempts=-1, ping_interval=1, error_cb=_ignore
    )
    try:
        jetstream = client.jetstream()
        give_up_at = time.monotonic() + AGAIN_SECONDS
        while True:
            try:
                await declare(client, jetstream, replicas=replicas)
                break
            except (NatsError, TimeoutError):  # a new cluster has no leaders yet
                if time.monotonic() > give_up_at:
                    raise
        yield Fleet(client, jetstream, nats_url)
    finally:
        await client.close()


async def _ignore(_: Exception) -> None:
    """The servers are harmed on purpose."""


@contextlib.asynccontextmanager
async def whole_on(
    nats_url: str, alertmanager: EmbeddedServer, folder: Path, truth: Truth, place: dict[str, Any], replicas: int = 1
) -> AsyncIterator[Whole]:
    """Put the stages around servers; they are killed at the end."""
    async with fleet_on(nats_url, replicas) as fleet, httpx.AsyncClient(timeout=10) as http:
        pipeline = Pipeline(fleet, nats_url, alertmanager.url.rstrip("/"), folder, alertmanager=alertmanager)
        try:
            yield Whole(pipeline, truth, place, http)
        finally:
            print(pipeline.logs())  # shown when the test failed
            for process in pipeline.running:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)
