"""One run: one target, from its lease to its results. The order of the steps is the promise: lease, what it covers, the
configuration, the last verdicts, check.started, looking, conditional writes, check.finished, release. So a run that was
paused and wakes up late overwrites no fresher truth, and whoever asked before it began is answered by it.
"""

import asyncio
import datetime as dt
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import structlog
from nats.aio.client import Client
from nats.js import JetStreamContext

from services.checker import covered, telemetry
from services.checker.engines.protocol import Connect, Limits, Login
from services.checker.examine import AnswersMetrics, EvaluatesScripts, Outcome, examine
from services.checker.results import Previous, after_refusal, previous_of, results_of
from services.checker.signatures import Signatures
from services.checker.turns import Turns
from shared import leases, subjects
from shared.checks import Check, Engine
from shared.cloudevents import headers_of
from shared.configuration import Configuration
from shared.ending import end
from shared.errors import LeaseLost, PublishRefused
from shared.events import CheckFinished, CheckResult, CheckStarted
from shared.following import Stored
from shared.publishing import publish
from shared.reading import last_message, last_messages, message_before
from shared.schedules import enabled_checks
from shared.stage import FollowedConfiguration
from shared.streams import CHECK_EVENTS, CHECK_RESULTS
from shared.targets import Target

log = structlog.get_logger(__name__)

MOST_REWRITES = 10

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Checker:
    """What a run needs of its process."""

    name: str
    client: Client
    jetstream: JetStreamContext
    configuration: FollowedConfiguration
    scripts: EvaluatesScripts
    connects: Mapping[Engine, Connect]
    login: Callable[[Target], Login]
    metrics: AnswersMetrics
    signatures: Signatures
    limits: Limits
    turns: Turns

    def now(self) -> dt.datetime:
        """Return the time for events."""
        return dt.datetime.now(dt.UTC)


@dataclass(frozen=True, slots=True)
class Begun:
    """What a run knows when it begins."""

    lease: leases.Lease
    covers: covered.Covers
    target: Target
    what: str
    checks: Sequence[Check]
    sequence: int
    attempt: int


async def perform(checker: Checker, begun: Begun) -> CheckFinished:
    """Look at the target and publish what was found. Raises ``LeaseLost`` when another run may have taken over."""
    target, lease = begun.target, begun.lease
    began, started_at = time.monotonic(), checker.now()
    stored = await last_messages(checker.client, CHECK_RESULTS, [subjects.verdicts_of(target.engine, target.name)])
    previous = {subjects.parse_result(message.subject).check: await _standing(checker, message) for message in stored}
    started = CheckStarted(
        run=lease.token,
        target=target.name,
        checks=[check.name for check in begun.checks],
        sequence=begun.sequence,
        attempt=begun.attempt,
        checker=checker.name,
        started_at=started_at,
    )
    await _announce(checker, "check.started", subjects.started(target.engine, target.name, begun.what), started)
    with telemetry.RUNNING.track_inprogress():
        examination = await _while_held(
            checker,
            lease,
            examine(
                target,
                begun.checks,
                login=lambda: checker.login(target),
                connect=checker.connects[target.engine],
                scripts=checker.scripts,
                limits=checker.limits,
                configuration=checker.configuration.view,
                metrics=checker.metrics,
                refusal=checker.signatures.refusal,
                remaining_seconds=lambda: lease.remaining_seconds,
            ),
        )
    await asyncio.gather(
        *(
            _write(checker, begun, outcome, previous.get(outcome.check.name, Previous()), started_at)
            for outcome in examination.outcomes
        )
    )
    lease.require()
    finished = finished_of(begun, examination.outcomes, started_at, (time.monotonic() - began) * 1000)
    await announce_finished(checker, begun.target.engine, begun.what, finished)
    telemetry.RUN_SECONDS.labels(target.engine).observe(time.monotonic() - began)
    return finished


def finished_of(
    begun: Begun, outcomes: Sequence[Outcome], started_at: dt.datetime, duration_ms: float
) -> CheckFinished:
    """Return the event that ends a run."""
    counts = Counter(outcome.status for outcome in outcomes)
    return CheckFinished(
        run=begun.lease.token,
        target=begun.target.name,
        checks=[check.name for check in begun.checks],
        covers=begun.covers.runs,
        passed=counts["passed"],
        failed=counts["failed"],
        skipped=counts["skipped"],
        error=counts["error"],
        started_at=started_at,
        duration_ms=round(duration_ms, 3),
        runs_created=begun.covers.runs_created,
        covers_requests=begun.covers.requests,
        requests_created=begun.covers.requests_created,
    )


async def announce_finished(checker: Checker, engine: str, what: str, finished: CheckFinished) -> None:
    """Publish the end of a run under a ``what``."""
    await _announce(checker, "check.finished", subjects.finished(engine, finished.target, what), finished)


async def write_errors(checker: Checker, begun: Begun, reason: str, started_at: dt.datetime) -> list[Outcome]:
    """Publish an error for each check of a run that is not made."""
    outcomes = [Outcome(check, "error", reason=reason) for check in begun.checks]
    await asyncio.gather(*(_write(checker, begun, outcome, Previous(), started_at) for outcome in outcomes))
    return outcomes


async def _announce(checker: Checker, kind: str, subject: str, event: CheckStarted | CheckFinished) -> None:
    identifier = f"{event.run}/{kind}/{subject}"
    headers = headers_of(kind, source=f"/checker/{checker.name}", identifier=identifier, at=checker.now())
    await publish(
        checker.jetstream, subject, event.to_bytes(), headers=headers, message_id=identifier, stream=CHECK_EVENTS
    )


async def _while_held(checker: Checker, lease: leases.Lease, work: Coroutine[Any, Any, Result]) -> Result:
    """Refresh the lease while the work is done; cancel the work and raise ``LeaseLost`` when it can't be held."""
    task = asyncio.create_task(work)
    is_lost = False

    def lost() -> None:
        nonlocal is_lost
        is_lost = True
        task.cancel()

    keeper = asyncio.create_task(leases.keep(checker.jetstream, lease, lost))
    try:
        return await task
    except asyncio.CancelledError:
        if is_lost:
            message = f"the lease on target {lease.target!r} was lost while it was being run"
            raise LeaseLost(message) from None
        raise
    finally:
        await end(keeper)


async def _write(checker: Checker, begun: Begun, outcome: Outcome, previous: Previous, started_at: dt.datetime) -> None:
    """Publish what one check came to: its error to its own subject, its verdict only over what it was compared with."""
    target, check = begun.target, outcome.check
    configuration = checker.configuration.view
    for _ in range(MOST_REWRITES):
        results = results_of(
            outcome,
            target,
            previous,
            configuration,
            run=begun.lease.token,
            checker=checker.name,
            started_at=started_at,
            now=started_at,
        )
        if results.error is not None:
            await _publish_result(checker, subjects.error(target.engine, target.name, check.name), results.error, None)
        if results.verdict is None:
            return
        subject = subjects.verdict(target.engine, target.name, check.name)
        try:
            await _publish_result(checker, subject, results.verdict, previous.sequence)
        except PublishRefused:
            previous = await _standing(checker, await last_message(checker.jetstream, CHECK_RESULTS, subject))
            configuration = await checker.configuration.catch_up()
            is_wanted = _is_wanted(configuration, target.name, check.name)
            holds_lease = begun.lease.remaining_seconds > 0
            if after_refusal(previous, begun.lease.token, is_wanted=is_wanted, holds_lease=holds_lease) == "drop":
                telemetry.LATE_VERDICTS.inc()
                log.info("dropped a late verdict", target=target.name, check=check.name, run=begun.lease.token)
                return
        else:
            telemetry.RESULTS.labels(target.engine, outcome.status).inc()
            return
    message = f"the verdict of {check.name} on {target.name} was overtaken {MOST_REWRITES} times"
    raise LeaseLost(message)


async def _standing(checker: Checker, stored: Stored | None) -> Previous:
    """Return what stands on a subject, in the place of its last message. A broken message lies there only until a
    publisher has removed it, so the verdict before it stands: its findings fail since as long as it says.
    """
    last = before = previous_of(stored)
    while stored is not None and before.result is None:
        stored = await message_before(checker.client, checker.jetstream, CHECK_RESULTS, stored)
        before = previous_of(stored)
    return replace(last, result=before.result)


def _is_wanted(configuration: Configuration, target: str, check: str) -> bool:
    existing = configuration.target(target)
    return existing is not None and any(enabled.name == check for enabled in enabled_checks(configuration, existing))


async def _publish_result(checker: Checker, subject: str, result: CheckResult, expected_last: int | None) -> None:
    identifier = f"{result.run}/{subject}"
    headers = headers_of("check.result", source=f"/checker/{checker.name}", identifier=identifier, at=checker.now())
    # The id has the expected place in it: a second try over another verdict is another message, not a repeated one.
    await publish(
        checker.jetstream,
        subject,
        result.to_bytes(),
        headers=headers,
        message_id=f"{identifier}/{expected_last}" if expected_last is not None else identifier,
        expected_last=expected_last,
        stream=CHECK_RESULTS,
    )
