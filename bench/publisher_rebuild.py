"""How long does a publisher take to know everything, what does it hold, and what does sending it again cost?

    python -m bench.publisher_rebuild --verdicts 60000 --firing 10000

It fills a NATS server of its own with verdicts, starts a publisher and an Alertmanager beside it, and says how long the
rebuild, the first filling and one round of re-sends take, and how much memory the process has then.
"""

import argparse
import asyncio
import contextlib
import datetime as dt
import resource
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import nats
from nats.js import JetStreamContext

from services.publisher.app import make_publisher
from services.publisher.settings import PublisherSettings
from shared import subjects, telemetry
from shared.alertmanager import AlertmanagerClient
from shared.declaring import declare
from shared.events import CheckResult, Finding
from shared.severity import Severity
from shared.stage import started
from shared.streams import TRANSITIONS
from watchword.embedded import AlertmanagerSettings, NatsSettings, embedded_alertmanager, embedded_nats

CHECKS = 30


def result(number: int, *, is_failed: bool) -> CheckResult:
    target, check = f"db-{number // CHECKS:05}", f"check_{number % CHECKS:02}"
    weakness = Finding(
        summary=f"role app_{number} is a superuser",
        description="A superuser may do anything in every database of this server. " * 3,
        severity=Severity.CRITICAL,
        labels={"role": f"app_{number}"},
        read_more_url="https://docs.example/superusers",
        remediation=f'ALTER ROLE "app_{number}" NOSUPERUSER;',
        failing_since=dt.datetime.now(dt.UTC),
    )
    return CheckResult(
        status="failed" if is_failed else "passed",
        engine="postgresql",
        target=target,
        check=check,
        check_digest="0123456789abcdef",
        run=f"1795176000000000-{number}",
        findings=[weakness] if is_failed else [],
        started_at=dt.datetime.now(dt.UTC),
        duration_ms=1.5,
        checker="bench",
    )


async def fill(jetstream: JetStreamContext, verdicts: int, firing: int) -> None:
    each = max(1, verdicts // firing) if firing else verdicts + 1

    async def put(number: int) -> None:
        made = result(number, is_failed=number % each == 0)
        await jetstream.publish(subjects.verdict(made.engine, made.target, made.check), made.to_bytes(), timeout=60)

    for begin in range(0, verdicts, 500):
        batch = range(begin, min(begin + 500, verdicts))
        await asyncio.gather(*(put(number) for number in batch))


class Watch:
    """The time since it was made, and what of it this process was at work."""

    def __init__(self) -> None:
        self.began, self.used = time.perf_counter(), time.process_time()

    def __str__(self) -> str:
        return f"{time.perf_counter() - self.began:.1f} s ({time.process_time() - self.used:.1f} s of a core)"


async def all_stand(alertmanager: AlertmanagerClient, firing: int) -> bool:
    return len(await alertmanager.get_alerts()) >= firing


async def all_compared(jetstream: JetStreamContext) -> bool:
    information = await jetstream.consumer_info(TRANSITIONS.stream, TRANSITIONS.name)
    return not information.num_pending and not information.num_ack_pending


async def until(look: Callable[[], Awaitable[bool]]) -> None:
    is_so = False
    while not is_so:
        await asyncio.sleep(0.5)
        is_so = await look()


async def first_alert(alertmanager: AlertmanagerClient) -> float:
    """Return how long it takes until any alert stands."""
    began = time.perf_counter()
    await until(lambda: all_stand(alertmanager, 1))
    return time.perf_counter() - began


def memory_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def measure(verdicts: int, firing: int, folder: Path) -> None:
    telemetry.configure_logging("text", "warning")
    nats_server = embedded_nats(NatsSettings(folder / "nats", port=0))
    alertmanager = embedded_alertmanager(AlertmanagerSettings(folder / "alertmanager", port=0))
    async with nats_server, alertmanager, contextlib.AsyncExitStack() as stack:
        client = await nats.connect(nats_server.url)
        await declare(client, client.jetstream())
        began = time.perf_counter()
        await fill(client.jetstream(), verdicts, firing)
        print(f"{verdicts} verdicts stored in {time.perf_counter() - began:.1f} s")
        before = memory_mib()
        settings = PublisherSettings(nats_url=nats_server.url, alertmanager_url=alertmanager.url, resend_seconds=20)
        application, stage = make_publisher(settings)
        stage.is_health_served_elsewhere = True
        watch = Watch()
        reader = await stack.enter_async_context(AlertmanagerClient(alertmanager.url))
        first = asyncio.create_task(first_alert(reader))
        async with started(application):
            print(f"rebuilt in {watch}, {memory_mib() - before:.0f} MiB more memory")
            print(f"the first alert stands {await first:.1f} s after its start")
            watch = Watch()
            await until(lambda: all_stand(reader, firing))
            print(f"{firing} alerts stand in Alertmanager after {watch} more")
            await until(lambda: all_compared(client.jetstream()))
            print(f"every verdict was compared with the one before it after {watch}")
            watch = Watch()
            await asyncio.sleep(60)
            print(f"{len(await reader.get_alerts())} of {firing} alerts stand after three rounds of re-sends")
            print(f"which took {watch}; at most {memory_mib() - before:.0f} MiB more memory")
        await client.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--verdicts", type=int, default=30_000)
    parser.add_argument("--firing", type=int, default=5_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(arguments.verdicts, arguments.firing, Path(folder)))


if __name__ == "__main__":
    main()
