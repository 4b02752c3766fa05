"""What the publisher's benchmarks have in common: last results by the hundred thousand, each as a checker would store
it, and the floor that reading them is measured against, the same stream read in order and thrown away.
"""

import asyncio
import datetime as dt
import time

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import api

from shared import subjects
from shared.addressed import EXPECTED_STREAM
from shared.cloudevents import headers_of
from shared.events import CheckResult, Finding
from shared.severity import Severity
from shared.streams import CHECK_RESULTS

CHECKS = 30
_DESCRIPTION = "A superuser may do anything in every database of this server. " * 3


def result(number: int, *, is_failed: bool, target: str | None = None) -> CheckResult:
    """Return the last result of the check with this number among all checks of all targets."""
    now = dt.datetime.now(dt.UTC)
    weakness = Finding(
        summary=f"role app_{number} is a superuser",
        description=_DESCRIPTION,
        severity=Severity.CRITICAL,
        labels={"role": f"app_{number}"},
        read_more_url="https://docs.example/superusers",
        remediation=f'ALTER ROLE "app_{number}" NOSUPERUSER;',
        failing_since=now,
    )
    return CheckResult(
        status="failed" if is_failed else "passed",
        engine="postgresql",
        target=target or f"db-{number // CHECKS:05}",
        check=f"check_{number % CHECKS:02}",
        check_digest="0123456789abcdef",
        run=f"1795176000000000-{number + 1}",
        findings=[weakness] if is_failed else [],
        started_at=now,
        duration_ms=1.5,
        checker="bench",
    )


def subject_of(made: CheckResult) -> str:
    """Return where a result is stored."""
    return subjects.verdict(made.engine, made.target, made.check)


def headers(made: CheckResult) -> dict[str, str]:
    """Return the headers that a checker gives a verdict."""
    identifier = f"{made.run}/{made.check}"
    named = headers_of("check.result", source="/checker/bench", identifier=identifier, at=dt.datetime.now(dt.UTC))
    return {**named, EXPECTED_STREAM: CHECK_RESULTS}


async def fill(client: Client, verdicts: int, firing: int) -> float:
    """Store so many verdicts, of which so many failed, spread evenly; return how long it took."""
    began = time.perf_counter()
    before = (await client.jetstream().stream_info(CHECK_RESULTS)).state.messages
    each = verdicts / firing if firing else 0.0
    failed = {int(number * each) for number in range(firing)}
    for number in range(verdicts):
        made = result(number, is_failed=number in failed)
        await client.publish(subject_of(made), made.to_bytes(), headers=headers(made))
        if number % 2_000 == 0:  # the server is not to drop us for being too fast
            await client.flush(60)
    await client.flush(60)
    stored = 0
    while stored - before < verdicts:
        await asyncio.sleep(0.2)
        stored = (await client.jetstream().stream_info(CHECK_RESULTS)).state.messages
    return time.perf_counter() - began


async def raw_replay(url: str) -> tuple[float, float]:
    """Return how long it takes nats-py to read the last verdict of each subject in order, and to do nothing with it: by
    the clock, and of a core.
    """
    client = await nats.connect(url)
    jetstream = client.jetstream()
    last = (await jetstream.stream_info(CHECK_RESULTS)).state.last_seq
    is_read = asyncio.Event()

    async def receive(message: Msg) -> None:
        if message.metadata.sequence.stream >= last:
            is_read.set()

    began, used = time.perf_counter(), time.process_time()
    await jetstream.subscribe(
        ">",
        stream=CHECK_RESULTS,
        cb=receive,
        ordered_consumer=True,
        config=api.ConsumerConfig(deliver_policy=api.DeliverPolicy.LAST_PER_SUBJECT),
        pending_msgs_limit=2_000_000,
        pending_bytes_limit=1024**3,
    )
    await is_read.wait()
    took = time.perf_counter() - began, time.process_time() - used
    await client.close()
    return took
