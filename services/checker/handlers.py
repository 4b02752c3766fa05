"""What a checker does with one message: a request from the front door is split, a message for one target becomes a run,
or is acknowledged because a run has answered it already, or is handed back because the target is busy.
"""

import asyncio
import contextlib

import structlog
from nats.errors import Error as NatsError
from pydantic import ValidationError

from services.checker import covered, telemetry
from services.checker import split as splitting
from services.checker.ends import covers_now, ends_of, events_of
from services.checker.parts import publish_parts
from services.checker.run import Begun, Checker, announce_finished, finished_of, perform, write_errors
from services.checker.turns import GiveWay, in_pieces
from shared import cloudevents, leases, subjects
from shared.checks import Check
from shared.cloudevents import headers_of
from shared.configuration import Configuration
from shared.dead_letters import DeadLetter, bury
from shared.errors import LeaseLost, MessageRefused, NameRefused, PublishUnconfirmed
from shared.events import CheckAccepted, CheckFinished, CheckRequested, RunRequested
from shared.following import Stored
from shared.handling import AWAY, HandBack
from shared.publishing import publish
from shared.reading import last_message, last_sequence
from shared.schedules import enabled_checks
from shared.streams import CHECK_EVENTS, CHECK_REQUESTS, CHECK_RUNS
from shared.subjects import RunSubject
from shared.targets import Target

log = structlog.get_logger(__name__)

LONGEST_END_SECONDS = 3.0
"""For saying that a run could not store its results: the target waits for its lease meanwhile."""
NO_ENGINE = "none"
"""The engine in the check.finished of a target that is gone: nobody knows it any more."""


async def on_request(checker: Checker, stored: Stored, deliveries: int) -> None:
    """Split a request: all parts first, then check.accepted, then (by returning) the acknowledgement. One whose targets
    were all run after it was stored needs no parts. It goes first here, until it turns out to be for many.

    Raises ``MessageRefused`` when it can't be read or nothing matches.
    """
    async with checker.turns.first() as give_way:
        await _split(checker, stored, deliveries, give_way)


async def _split(checker: Checker, stored: Stored, deliveries: int, give_way: GiveWay) -> None:
    request = cloudevents.read(CheckRequested, stored.data, stored.headers)
    created, _ = await last_sequence(checker.jetstream, CHECK_REQUESTS)
    request_id = subjects.sequence_id(created, stored.sequence)
    if deliveries > 1 and await _is_accepted(checker, request_id):
        log.info("request was accepted before", request=request_id)
        return
    configuration = await checker.configuration.catch_up()
    result = await in_pieces(splitting.split(request, configuration, request_id), give_way)
    first = await _answered_already(checker, stored, subjects.created_token(created), configuration, result)
    is_answered = first is not None
    if first is None:
        first = await publish_parts(checker.jetstream, result, give_way)
    for event in splitting.accepted(result, request, request_id, stored.sequence, first):
        identifier = f"{request_id}/accepted/{event.part}"
        headers = headers_of(
            "check.accepted", source=f"/checker/{checker.name}", identifier=identifier, at=checker.now()
        )
        subject = subjects.accepted(request_id)
        await publish(checker.jetstream, subject, event.to_bytes(), headers=headers, stream=CHECK_EVENTS)
    log.info(
        "a request was answered already" if is_answered else "split a request",
        request=request_id,
        targets=len(result.targets),
        what=result.what,
        unknown=list(result.unknown[:10]),
        requested_by=request.requested_by,
    )


async def _answered_already(
    checker: Checker, stored: Stored, requests_created: str, configuration: Configuration, result: splitting.Split
) -> int | None:
    """Tell the ends of the runs that answer all of a request, and return the least that they cover; None when there is
    anything to run. Nobody asks so for many targets: of their parts only the newest wait anyhow.
    """
    if len(result.targets) > splitting.MOST_TARGETS_NOW:
        return None
    ends = await ends_of(checker.client, result.targets)
    answers: list[tuple[Target, covered.Ended]] = []
    for target in result.targets:
        answer = covered.answer_to_request(
            ends[target.name],
            sequence=stored.sequence,
            stored_at=stored.stored_at,
            checks=[check.name for check in _checks_asked(configuration, target, result.body)],
            requests_created=requests_created,
        )
        if answer is None:
            return None
        answers.append((target, answer))
    for target, answer in answers:
        if answer.what != result.what:
            await announce_finished(checker, target.engine, result.what, answer.event)
    telemetry.ANSWERED_REQUESTS.inc()
    return min(answer.event.covers for _, answer in answers)


async def _is_accepted(checker: Checker, request_id: str) -> bool:
    """Say whether all parts of check.accepted are there; they are published in order, so the last one tells."""
    last = await last_message(checker.jetstream, CHECK_EVENTS, subjects.accepted(request_id))
    if last is None:
        return False
    try:
        event = CheckAccepted.model_validate_json(last.data)
    except ValidationError:  # not ours: the request is split once more, and its parts coalesce
        return False
    return event.part == event.parts


async def on_run(checker: Checker, stored: Stored, deliveries: int) -> None:
    """Run the checks that a message asks for, unless a run has answered it.

    Raises ``HandBack`` when the target is busy or the lease was lost, ``MessageRefused`` when it can't be understood.
    """
    try:
        asked = subjects.parse_run(stored.subject)
    except NameRefused as refused:
        raise MessageRefused(str(refused)) from None
    body = cloudevents.read(RunRequested, stored.data, stored.headers)
    lease = await leases.take(checker.jetstream, asked.target, checker.name)
    if lease is None:
        telemetry.RUNS.labels("busy").inc()
        raise HandBack(covered.hand_back_seconds(deliveries), f"target {asked.target} is being run")
    try:
        outcome = await _with_lease(checker, stored, asked, body, lease)
    except LeaseLost as lost:
        telemetry.RUNS.labels("lease_lost").inc()
        log.warning("gave a run up", target=asked.target, run=lease.token, reason=str(lost))
        raise HandBack(1.0, str(lost)) from None
    finally:
        if lease.remaining_seconds > 0:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(leases.release(checker.jetstream, lease))
    telemetry.RUNS.labels(outcome).inc()


async def _with_lease(
    checker: Checker, stored: Stored, asked: RunSubject, body: RunRequested, lease: leases.Lease
) -> str:
    covers = await covers_now(checker.jetstream, stored)
    configuration = await checker.configuration.catch_up()
    target = configuration.target(asked.target)
    if target is None:
        if not configuration.is_target_removed(asked.target):
            message = f"no target is named {asked.target!r}; is it in the inventory? See: watchword targets"
            raise MessageRefused(message)
        await _nothing_to_do(checker, asked, NO_ENGINE, lease, covers, "the target was removed")
        return "gone"
    if target.pool != asked.pool:
        await _move(checker, stored, asked, target)
        return "moved"
    checks = _checks_asked(configuration, target, body)
    if not checks:
        await _nothing_to_do(checker, asked, target.engine, lease, covers, "no such check is enabled")
        return "gone"
    ends, last_begin, last_end = await events_of(checker.client, target, asked.what)
    answered = covered.answer(
        ends,
        sequence=stored.sequence,
        stored_at=stored.stored_at,
        checks=[check.name for check in checks],
        runs_created=covers.runs_created,
    )
    if answered is not None:
        if answered.what != asked.what:
            await announce_finished(checker, target.engine, asked.what, answered.event)
        log.info("already answered", target=target.name, what=asked.what, run=answered.event.run)
        return "covered"
    attempt = covered.attempt(last_begin, last_end)
    begun = Begun(lease, covers, target, asked.what, checks, stored.sequence, attempt)
    if attempt >= covered.MOST_STARTS:
        await _give_up(checker, stored, begun)
        return "given_up"
    try:
        finished = await perform(checker, begun)
    except AWAY:
        await _end_without_results(checker, begun)
        raise
    _log_finished(finished, asked)
    return "run"


def _checks_asked(configuration: Configuration, target: Target, body: RunRequested) -> list[Check]:
    enabled = enabled_checks(configuration, target, body.schedule)
    if body.checks is None:
        return enabled
    wanted = set(body.checks)
    return [check for check in enabled if check.name in wanted]


async def _move(checker: Checker, stored: Stored, asked: RunSubject, target: Target) -> None:
    """Publish a part for the pool that its target is in now; it is never run here."""
    subject = subjects.run_requested(asked.lane, target.pool, target.name, asked.what)
    await publish(checker.jetstream, subject, stored.data, stream=CHECK_RUNS)
    log.info("passed a run on", target=target.name, from_pool=asked.pool, to_pool=target.pool)


async def _nothing_to_do(
    checker: Checker,
    asked: RunSubject,
    engine: str,
    lease: leases.Lease,
    covers: covered.Covers,
    reason: str,
) -> None:
    """End a message whose target or checks are gone, so that whoever waits for it is not left waiting."""
    finished = CheckFinished(
        run=lease.token,
        target=asked.target,
        checks=[],
        covers=covers.runs,
        started_at=checker.now(),
        duration_ms=0.0,
        runs_created=covers.runs_created,
        covers_requests=covers.requests,
        requests_created=covers.requests_created,
    )
    await announce_finished(checker, engine, asked.what, finished)
    log.info("nothing to run", target=asked.target, what=asked.what, reason=reason)


async def _end_without_results(checker: Checker, begun: Begun) -> None:
    """End a run whose results could not be stored: it answers nothing, and its start does not count as one of those
    that took their checker with them. Otherwise a full store would have every request given up.
    """
    finished = CheckFinished(
        run=begun.lease.token,
        target=begun.target.name,
        checks=[],
        covers=0,
        started_at=checker.now(),
        duration_ms=0.0,
        runs_created=begun.covers.runs_created,
    )
    with contextlib.suppress(PublishUnconfirmed, NatsError, TimeoutError):
        async with asyncio.timeout(LONGEST_END_SECONDS):
            await announce_finished(checker, begun.target.engine, begun.what, finished)


async def _give_up(checker: Checker, stored: Stored, begun: Begun) -> None:
    """Make errors, a dead letter and an end of what killed its checker again and again."""
    starts = begun.attempt - 1
    reason = (
        f"given up: {starts} runs of {begun.what!r} on {begun.target.name} began and none ended; each took its checker "
        "with it or lost its lease. See the checkers' logs, then: watchword dead replay"
    )
    created, _ = await last_sequence(checker.jetstream, CHECK_RUNS)
    letter = DeadLetter(
        "checker", reason, stored.subject, CHECK_RUNS, stored.sequence, stored.data, stored.headers, stored.stored_at
    )
    await bury(checker.jetstream, letter, stream_created=created)
    started_at = checker.now()
    outcomes = await write_errors(checker, begun, reason, started_at)
    finished = finished_of(begun, outcomes, started_at, 0.0)
    await announce_finished(checker, begun.target.engine, begun.what, finished)
    log.error("gave a message up", target=begun.target.name, what=begun.what, starts=starts)


def _log_finished(finished: CheckFinished, asked: RunSubject) -> None:
    log.info(
        "ran",
        target=finished.target,
        what=asked.what,
        lane=asked.lane,
        run=finished.run,
        passed=finished.passed,
        failed=finished.failed,
        skipped=finished.skipped,
        error=finished.error,
        duration_ms=finished.duration_ms,
    )
