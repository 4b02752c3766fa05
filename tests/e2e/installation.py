"""``watchword up`` as somebody at a keyboard starts it: a process of its own, on free ports, in a folder of its own."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.integration.command_line import PROGRAM, CommandLine
from watchword.processes import free_port

START_SECONDS = 90.0


@dataclass
class Up:
    """One ``watchword up``; ``start`` may be called again after it has ended."""

    folder: Path
    nats_port: int = field(default_factory=free_port)
    alertmanager_port: int = field(default_factory=free_port)
    environment: dict[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[str] | None" = None
    place: dict[str, Any] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def words(self, *more: str) -> list[str]:
        ports = ["--nats-port", str(self.nats_port), "--alertmanager-port", str(self.alertmanager_port)]
        return ["up", "-o", "json", "--data-dir", str(self.data), *ports, "--http-port", "0", *more]

    def spawn(self, *more: str) -> "subprocess.Popen[str]":
        """Start it without waiting for it."""
        if self.process is not None and self.process.stdout is not None:
            self.process.stdout.close()
        ours = {name: value for name, value in os.environ.items() if not name.startswith("WATCHWORD_")}
        with (self.folder / "up.err").open("ab") as errors:
            self.process = subprocess.Popen(
                [PROGRAM, *self.words(*more)],
                env={**ours, "USER": "ada", "LOGNAME": "ada", **self.environment},
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        return self.process

    def start(self, *more: str) -> dict[str, Any]:
        """Start it, and return where everything is."""
        process = self.spawn(*more)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"it ended with {process.wait()}:\n{self.said}"
        self.place = json.loads(line)
        return self.place

    @property
    def said(self) -> str:
        """What it wrote to standard error, over all its starts."""
        return (self.folder / "up.err").read_text()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Ask it to end, expect a clean end, and return how long that took."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(number)
        assert self.process.wait(20) == 0, self.said
        return time.monotonic() - began

    @property
    def watchword(self) -> CommandLine:
        """The command line of this installation."""
        return CommandLine(self.place["nats_url"])

    def is_ready(self) -> bool:
        """Ask its health."""
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.place['health_url']}/readyz", timeout=5).status_code == 200
        return False


@contextlib.contextmanager
def installation(folder: Path, **environment: str) -> Iterator[Up]:
    """Prepare an installation that is killed at the end, whatever it does."""
    up = Up(folder, environment=environment)
    try:
        yield up
    finally:
        if up.process is not None:
            up.process.kill()
            up.process.wait()
            if up.process.stdout is not None:
                up.process.stdout.close()


def until(look: Any, what: str, timeout_seconds: float = 30.0) -> Any:
    """Look until something is there."""
    deadline = time.monotonic() + timeout_seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, f"{what} did not come within {timeout_seconds:g} s"
        time.sleep(0.05)
    return seen


def children_of(pid: int) -> Sequence[int]:
    """Return the processes that another one has started."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(child) for child in task.read_text().split()]
    return found


def is_alive(pid: int) -> bool:
    """Say whether a process is there and no zombie."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
