"""Where the publisher's benchmarks take place: NATS, Alertmanager and publishers as processes of their own, a wire to
Alertmanager that tells when something was first posted, and a witness that looks at Alertmanager from another process,
again and again, and says what vanished or changed its start. The numbers of a measurement come from the command line.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pydantic_core

from tests.e2e.processes import Pipeline, pipeline_in

POST = b"POST /api/v2/alerts"


@dataclasses.dataclass
class Wire:
    """Between a publisher and Alertmanager: passes everything on, and notes when it first saw a text on its way."""

    port: int = 0
    seen: dict[bytes, float] = dataclasses.field(default_factory=dict)
    wanted: set[bytes] = dataclasses.field(default_factory=set)

    async def until(self, text: bytes) -> float:
        """Wait until a text was posted, and return when. Ask for it before it can be."""
        self.wanted.add(text)
        while text not in self.seen:  # noqa: ASYNC110 (looking is what is measured, at a thousandth of a second)
            await asyncio.sleep(0.001)
        return self.seen.pop(text)

    def look(self, piece: bytes) -> None:
        """Look for what is wanted."""
        for text in [text for text in self.wanted if text in piece]:
            self.wanted.discard(text)
            self.seen[text] = time.perf_counter()


@contextlib.asynccontextmanager
async def wire_to(url: str) -> AsyncIterator[Wire]:
    """Listen on a new port for a publisher."""
    wire = Wire()
    there = urlsplit(url)

    async def passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_looked_at: bool) -> None:
        tail = b""
        with contextlib.suppress(ConnectionError):
            while piece := await reader.read(256 * 1024):
                if is_looked_at and wire.wanted:
                    wire.look(tail + piece)
                    tail = piece[-64:]
                writer.write(piece)
                await writer.drain()
        writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(there.hostname, there.port)
        to, back = passed_on(reader, far_writer, is_looked_at=True), passed_on(far_reader, writer, is_looked_at=False)
        with contextlib.suppress(asyncio.CancelledError):  # the bench ends
            await asyncio.gather(to, back)

    server = await asyncio.start_server(connected, "127.0.0.1", 0, limit=1024 * 1024)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        server.close()


def measured(measure: Callable[..., Awaitable[None]], description: str | None, **usual: float) -> None:
    """Measure with the numbers of the command line, or the usual ones, in a folder that goes away."""
    parser = argparse.ArgumentParser(description=description)
    for name, number in usual.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(number), default=number)
    numbers = vars(parser.parse_args())

    async def main() -> None:
        with tempfile.TemporaryDirectory() as folder:
            await measure(folder=Path(folder), **numbers)

    asyncio.run(main())


@contextlib.asynccontextmanager
async def house_in(folder: Path) -> AsyncIterator[tuple[Pipeline, Wire]]:
    """Start the servers, and a wire that publishers talk to Alertmanager through."""
    async with pipeline_in(folder) as pipeline, wire_to(pipeline.alertmanager_url) as wire:
        yield pipeline, wire


def publisher_in(pipeline: Pipeline, wire: Wire, **environment: str) -> psutil.Process:
    """Start a publisher with the times of production."""
    process = pipeline.start(
        "publisher",
        **{
            "WATCHWORD_ALERTMANAGER_URL": f"http://127.0.0.1:{wire.port}",
            "WATCHWORD_RESEND_SECONDS": "60",
            "WATCHWORD_LOG_LEVEL": "warning",
            **environment,
        },
    )
    return psutil.Process(process.pid)


def shown(url: str) -> dict[str, str]:
    """Return what Alertmanager shows: since when by fingerprint."""
    with urllib.request.urlopen(f"{url}/api/v2/alerts", timeout=60) as answer:
        alerts = pydantic_core.from_json(answer.read())
    return {alert["fingerprint"]: alert["startsAt"] for alert in alerts}


async def all_shown(url: str, number: int) -> None:
    """Wait until Alertmanager shows so many."""
    while len(await asyncio.to_thread(shown, url)) < number:  # noqa: ASYNC110 (nobody tells)
        await asyncio.sleep(0.5)


@contextlib.contextmanager
def witness(url: str) -> Iterator[list[str]]:
    """Let another process watch for as long as the block lasts; afterwards the list says what it saw."""
    process = subprocess.Popen([sys.executable, "-m", __name__, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    said: list[str] = []
    assert process.stdout is not None
    process.stdout.readline()  # it has looked for the first time
    try:
        yield said
    finally:
        saw = json.loads(process.communicate(b"\n")[0])
        said.append(
            f"looked {saw['looks']} times, at most {saw['longest_gap']:.1f} s apart: of {saw['alerts']} alerts "
            f"{saw['vanished']} vanished, {saw['restarted']} changed their start, {saw['left_over']} came besides"
        )


def _watch(url: str) -> None:
    import select  # noqa: PLC0415 (only this process needs it)

    before = shown(url)
    print("begun", flush=True)
    vanished: set[str] = set()
    restarted: set[str] = set()
    besides: set[str] = set()
    looks, longest, looked_at = 1, 0.0, time.perf_counter()
    while True:
        took = time.perf_counter() - looked_at
        # It is to leave the machine to what is measured.
        if select.select([sys.stdin], [], [], max(0.2, min(3 * took, 2.0)))[0]:
            break
        now = shown(url)
        looks, longest = looks + 1, max(longest, time.perf_counter() - looked_at)
        looked_at = time.perf_counter()
        vanished |= before.keys() - now.keys()
        besides |= now.keys() - before.keys()
        restarted |= {key for key, since in now.items() if before.get(key, since) != since}
    counts = {"vanished": len(vanished), "restarted": len(restarted), "left_over": len(besides)}
    print(json.dumps({"looks": looks, "longest_gap": longest, "alerts": len(before), **counts}))


def memory(process: psutil.Process) -> str:
    """Return what a process has in memory, now."""
    return f"{process.memory_info().rss / 1024**2:.0f} MiB"


def machine() -> str:
    """Return how busy the machine is: whoever else is on it takes his part of each figure."""
    return f"load average {os.getloadavg()[0]:.1f}"


def used_seconds(process: psutil.Process) -> float:
    """Return how long a process was at work."""
    times = process.cpu_times()
    return float(times.user + times.system)


def server_processes(pipeline: Pipeline) -> dict[str, psutil.Process]:
    """Return the processes of the servers by their names."""
    found: dict[str, psutil.Process] = {}
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            for name in ("nats-server", "alertmanager"):
                if name in child.name() or name in " ".join(child.cmdline()[:1]):
                    found[name] = child
    del pipeline
    return found


if __name__ == "__main__":
    _watch(sys.argv[1])
