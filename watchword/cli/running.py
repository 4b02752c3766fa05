"""``watchword run``: run checks now. It publishes check.requested like any other program may, and with ``--wait`` shows
each target's results when its check.finished says that they are there.
"""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Sequence
from typing import Annotated

import typer

from shared import subjects
from shared.checks import ENGINES
from shared.cloudevents import headers_of
from shared.configuration import Configuration
from shared.ending import end
from shared.events import CheckRequested
from shared.publishing import publish
from shared.reading import last_sequence
from shared.schedules import parse_duration
from shared.streams import CHECK_EVENTS, CHECK_REQUESTS, CHECK_RUNS, DEAD_LETTERS
from watchword.cli.exits import CHECK_FAILED, COULD_NOT_LOOK, GOOD, WRONG_USAGE, WrongUsage
from watchword.cli.live import following
from watchword.cli.options import NatsUrl, Output
from watchword.cli.output import OutputFormat, complain, login_name, note, print_json, say
from watchword.cli.run_report import Report
from watchword.cli.session import Session, asynchronous, session
from watchword.cli.waiting import Waiting
from watchword.inventory.spots import nearest_name

PATIENCE_SECONDS = 5.0
"""After this long without an answer, say what may be missing."""


@asynchronous
async def run(
    target: Annotated[
        list[str] | None, typer.Option("--target", "-t", metavar="NAME", help="A target, or a glob; may be repeated.")
    ] = None,
    check: Annotated[
        list[str] | None, typer.Option("--check", "-c", metavar="NAME", help="A check, or a glob; may be repeated.")
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option("--label", "-l", metavar="KEY=VALUE", help="A label that targets must have; values may be globs."),
    ] = None,
    engine: Annotated[str | None, typer.Option("--engine", metavar="ENGINE", help=", ".join(ENGINES))] = None,
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Wait for the results and show them.")] = False,
    timeout: Annotated[str, typer.Option("--timeout", metavar="DURATION", help="How long to wait.")] = "10m",
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why; goes into the logs.")] = None,
    output: Output = OutputFormat.TABLE,
    nats_url: NatsUrl = None,
) -> None:
    """Run checks now: all of them on all targets, or those that you name.

    With `--wait` it ends with 0 when all checks passed, 1 when one failed, 2 when nothing matches, 3 when
    a target or check could not be looked at, or not in time.

    Example: `watchword run --target orders-db --wait`
    """
    patience = parse_duration(timeout)
    request = CheckRequested(
        targets=target or None,
        checks=check or None,
        engine=engine,
        selector=_selector(label or []),
        requested_by=login_name(),
        reason=reason,
    )
    if engine is not None and engine not in ENGINES:
        raise WrongUsage(f"--engine can't be {engine!r}; allowed: {', '.join(ENGINES)}")
    async with session(nats_url) as here:
        if not wait:
            request_id, _ = await _ask(here, request)
            if output is OutputFormat.JSON:
                print_json({"request_id": request_id})
            else:
                say(request_id)
            return
        code = await _ask_and_wait(here, request, patience, output)
    raise typer.Exit(code)


def _selector(labels: Sequence[str]) -> dict[str, str] | None:
    selector = {}
    for label in labels:
        name, separator, value = label.partition("=")
        if not separator or not name:
            raise WrongUsage(f"--label {label!r} is not KEY=VALUE, such as environment=production")
        selector[name] = value
    return selector or None


async def _ask(here: Session, request: CheckRequested) -> tuple[str, int]:
    """Publish a request and return its id and its sequence."""
    created, _ = await last_sequence(here.jetstream, CHECK_REQUESTS)
    now = dt.datetime.now(dt.UTC)
    identifier = f"cli/{now.timestamp()}"
    headers = headers_of("check.requested", source="/cli", identifier=identifier, at=now)
    stored = await publish(
        here.jetstream,
        subjects.CHECK_REQUESTED,
        request.to_bytes(),
        headers=headers,
        message_id=here.client.new_inbox(),
        stream=CHECK_REQUESTS,
    )
    return subjects.sequence_id(created, stored.seq), stored.seq


async def _ask_and_wait(here: Session, request: CheckRequested, patience: dt.timedelta, output: OutputFormat) -> int:
    report = Report(here, request.checks, is_shown=output is OutputFormat.TABLE)
    async with following(here.jetstream, [CHECK_EVENTS, DEAD_LETTERS]) as queue:
        runs_created, _ = await last_sequence(here.jetstream, CHECK_RUNS)
        request_id, sequence = await _ask(here, request)
        waiting = Waiting(request_id, sequence, subjects.created_token(runs_created))
        deadline = asyncio.timeout(patience.total_seconds())
        try:
            async with deadline, _hints(here, waiting), report.progress(waiting):
                while not waiting.is_over:
                    stream, stored = await queue.get()
                    for done in waiting.take(stream, stored):
                        await report.target(done)
                    report.update(waiting)
        except TimeoutError:
            if not deadline.expired():  # NATS was too slow for something else, so what is shown would not be whole
                raise
    if waiting.refused is not None:
        complain(await _explained(here, request, waiting.refused))
        return WRONG_USAGE
    for name in sorted(waiting.left):
        report.unfinished(name, patience)
    if not waiting.is_accepted:
        complain(f"no checker took request {request_id} within {patience}; is one running? See: watchword doctor")
    elif waiting.unknown:
        note(f"matched nothing: {', '.join(waiting.unknown)}")
    if output is OutputFormat.JSON:
        print_json({"request_id": request_id, "unknown": waiting.unknown, "targets": report.targets})
    return _exit_code(waiting, report)


def _exit_code(waiting: Waiting, report: "Report") -> int:
    if report.has_failed:
        return CHECK_FAILED
    if report.has_error or waiting.left or not waiting.is_accepted:
        return COULD_NOT_LOOK
    return GOOD


@contextlib.asynccontextmanager
async def _hints(here: Session, waiting: Waiting) -> AsyncIterator[None]:
    """Say what may be missing when nothing comes."""

    async def look() -> None:
        await asyncio.sleep(PATIENCE_SECONDS)
        if not waiting.is_accepted:
            note("no checker has taken the request yet; is one running? See: watchword doctor")
            return
        idle = waiting.left - waiting.running
        if idle and not waiting.running and not waiting.done:
            configuration = await here.configuration()
            pools = sorted({found.pool for name in idle if (found := configuration.target(name))})
            note(f"no checker has begun yet; does one serve the pool {', '.join(pools)}? See: watchword doctor")

    task = asyncio.create_task(look())
    try:
        yield
    finally:
        await end(task)


async def _explained(here: Session, request: CheckRequested, refused: str) -> str:
    """Say why nothing matched, with the names that were probably meant."""
    configuration: Configuration = await here.configuration()
    hints = []
    for asked, known, where in (
        (request.targets, [target.name for target in configuration.all_targets()], "see: watchword targets"),
        (request.checks, [check.name for check in configuration.all_checks()], "see: watchword checks list"),
    ):
        hints += [f"{name}: {nearest_name(name, known, where)}" for name in asked or [] if name not in known]
    return "; ".join([refused, *hints[:5]])
