"""Stages as processes of their own, around servers of the test's own: what is killed here is really killed."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.integration.checker_fleet import Fleet, eventually, fleet_on
from watchword.embedded import AlertmanagerSettings, EmbeddedServer, NatsSettings, embedded_alertmanager, embedded_nats

PROGRAM = str(Path(sys.executable).parent / "watchword")
QUICK = {
    "WATCHWORD_RESEND_SECONDS": "2",
    "WATCHWORD_LOG_FORMAT": "text",
    "WATCHWORD_SCRIPT_WORKERS": "1",
}
"""Shorter times than in production, so that a test sees them pass."""


@dataclass
class Pipeline:
    """Servers and stages of one test."""

    fleet: Fleet
    nats_url: str
    alertmanager_url: str
    folder: Path
    running: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    count: int = 0
    alertmanager: EmbeddedServer | None = None

    @contextlib.contextmanager
    def paused_alertmanager(self) -> Iterator[None]:
        """An Alertmanager that takes connections and answers nobody, while the block lasts."""
        assert self.alertmanager is not None
        self.alertmanager.process.pause()
        try:
            yield
        finally:
            self.alertmanager.process.resume()

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            **QUICK,
            "WATCHWORD_NATS_URL": self.nats_url,
            "WATCHWORD_ALERTMANAGER_URL": self.alertmanager_url,
        }

    def start(self, stage: str, **environment: str) -> "subprocess.Popen[bytes]":
        """Start a stage; it is killed at the end of the test."""
        self.count += 1
        log = self.folder / f"{stage}-{self.count}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [PROGRAM, "serve", stage],
                env={**self.environment(), "WATCHWORD_INSTANCE": f"{stage}-{self.count}", **environment},
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        self.running.append(process)
        return process

    def run(self, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        return subprocess.run(
            [PROGRAM, *words],
            env={**self.environment(), "COLUMNS": "160", **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    async def alerts(self, **parameters: str) -> list[dict[str, Any]]:
        """Ask Alertmanager as anybody would."""
        async with httpx.AsyncClient() as client:
            response = await client.get(f"{self.alertmanager_url}/api/v2/alerts", params=parameters)
            response.raise_for_status()
            return list(response.json())

    async def alert(self, check: str, target: str, *, timeout_seconds: float = 20.0) -> dict[str, Any]:
        """Wait until an alert stands."""

        async def look() -> dict[str, Any] | None:
            for alert in await self.alerts(silenced="false"):
                if (alert["labels"]["alertname"], alert["labels"]["service_name"]) == (check, target):
                    return alert
            return None

        return await eventually(look, f"alert of {check} on {target}", timeout_seconds)

    async def no_alert(self, check: str, target: str, *, timeout_seconds: float = 20.0) -> None:
        """Wait until an alert is gone from the list of active ones."""

        async def look() -> bool:
            return not any(
                (alert["labels"]["alertname"], alert["labels"]["service_name"]) == (check, target)
                for alert in await self.alerts(silenced="false")
            )

        await eventually(look, f"no alert of {check} on {target}", timeout_seconds)

    def logs(self) -> str:
        """Return what all stages wrote, for a failure's message."""
        return "\n".join(f"== {path.name}\n{path.read_text()[-4000:]}" for path in sorted(self.folder.glob("*.log")))


def kill(process: "subprocess.Popen[bytes]", how: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to a process and, when it is to die, wait until it is dead."""
    process.send_signal(how)
    if how in {signal.SIGKILL, signal.SIGTERM}:
        process.wait(20)


@contextlib.asynccontextmanager
async def pipeline_in(folder: Path) -> AsyncIterator[Pipeline]:
    """Start NATS and Alertmanager, and stop everything at the end."""
    nats_server = embedded_nats(NatsSettings(folder / "nats", port=0))
    alertmanager = embedded_alertmanager(AlertmanagerSettings(folder / "alertmanager", port=0))
    with nats_server.process, alertmanager.process:
        async with fleet_on(nats_server.url) as fleet:
            url = alertmanager.url.rstrip("/")
            pipeline = Pipeline(fleet, nats_server.url, url, folder, alertmanager=alertmanager)
            try:
                yield pipeline
            finally:
                for process in pipeline.running:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
                    process.wait(10)


async def settled(seconds: float) -> None:
    """Let time pass in which nothing may happen; the assertion stands behind it."""
    await asyncio.sleep(seconds)


def events_of(output: str) -> Iterator[dict[str, Any]]:
    """Read a command's JSON lines."""
    for line in output.splitlines():
        yield json.loads(line)
