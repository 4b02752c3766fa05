"""Looking at one target: connect once, execute each distinct query once, evaluate every check. What goes wrong for all
checks (no secret, nobody answers, login refused) is an error of each; what goes wrong for one query is an error of the
checks that asked it. Nothing is published here, so the same code serves a run, a trial and a scan.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from services.checker.applicability import why_not
from services.checker.engines.protocol import Connect, Connection, Document, Limits, Login, Server
from services.checker.errors import NotHere, SomeDatabasesFailed, TargetError, Unreachable
from services.checker.script import ScriptFinding, ScriptJob, ScriptOutcome
from shared.checks import Check, Query
from shared.configuration import Configuration
from shared.errors import LeaseLost
from shared.parameters import parameters_of
from shared.targets import Target

SHORTEST_STATEMENT_SECONDS = 0.2
LEASE_MARGIN_SECONDS = 1.0
"""A statement ends this long before the lease surely does."""


class EvaluatesScripts(Protocol):
    """What runs a script under limits; it never raises for what a script does."""

    async def run(self, job: ScriptJob) -> ScriptOutcome:
        """Evaluate one script."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one check came to on the target."""

    check: Check
    status: Literal["passed", "failed", "skipped", "error"]
    found: tuple[ScriptFinding, ...] = ()
    reason: str | None = None
    printed: tuple[str, ...] = ()
    duration_ms: float = 0.0
    script_ms: float = 0.0
    """The script's part of the duration; the rest was waiting for answers."""
    is_partial: bool = False
    """True for an error that still found something: some databases answered, others did not. What was found before
    and is not found now can't be called fixed then.
    """


@dataclass(frozen=True, slots=True)
class Answer:
    """What one query came to: a document, an error, or both when some databases failed."""

    document: Document | None
    error: TargetError | None
    duration_ms: float


@dataclass(frozen=True, slots=True)
class Examination:
    """Everything that one look at a target brought."""

    outcomes: tuple[Outcome, ...]
    server: Server | None = None
    answers: Mapping[Query, Answer] = field(default_factory=dict)
    """What each query came to, for a trial that shows it."""


async def examine(
    target: Target,
    checks: Sequence[Check],
    *,
    login: Callable[[], Login],
    connect: Connect,
    scripts: EvaluatesScripts,
    limits: Limits,
    configuration: Configuration | None = None,
    remaining_seconds: Callable[[], float] = lambda: float("inf"),
) -> Examination:
    """Run checks on a target and return what each came to.

    The configuration has the parameters that are set for targets with certain labels. ``remaining_seconds`` is what
    is left of the lease; it is looked at before each statement. Raises ``LeaseLost`` when it ran out; never raises for
    what the target or a check does.
    """
    try:
        connection = await connect(login(), limits)
    except TargetError as failed:
        return Examination(tuple(Outcome(check, "error", reason=str(failed)) for check in checks))
    try:
        server = connection.server
        skipped = {check.name: reason for check in checks if (reason := why_not(check, server)) is not None}
        wanted = [check for check in checks if check.name not in skipped]
        queries = dict.fromkeys(query for check in wanted for query in check.queries)
        answers = await _ask(connection, list(queries), limits, remaining_seconds)
    finally:
        await connection.close()
    view = configuration or Configuration()
    evaluated = await asyncio.gather(
        *(_evaluate(check, parameters_of(check, target, view), answers, scripts) for check in wanted)
    )
    outcomes = {outcome.check.name: outcome for outcome in evaluated}
    ordered = tuple(
        outcomes.get(check.name) or Outcome(check, "skipped", reason=skipped[check.name]) for check in checks
    )
    return Examination(ordered, server, answers)


async def _ask(
    connection: Connection, queries: Sequence[Query], limits: Limits, remaining_seconds: Callable[[], float]
) -> dict[Query, Answer]:
    answers: dict[Query, Answer] = {}
    gone: Unreachable | None = None
    for query in queries:
        if gone is not None:
            answers[query] = Answer(None, gone, 0.0)
            continue
        timeout_seconds = min(limits.statement_seconds, remaining_seconds() - LEASE_MARGIN_SECONDS)
        if timeout_seconds < SHORTEST_STATEMENT_SECONDS:
            message = "the lease on the target ran out before all queries were asked"
            raise LeaseLost(message)
        began = time.monotonic()
        document: Document | None = None
        error: TargetError | None = None
        try:
            document = await connection.execute(query, timeout_seconds)
        except SomeDatabasesFailed as partly:
            document, error = partly.documents, partly
        except Unreachable as lost:
            gone = error = lost
        except TargetError as failed:
            error = failed
        answers[query] = Answer(document, error, (time.monotonic() - began) * 1000)
    return answers


async def _evaluate(
    check: Check, parameters: Mapping[str, object], answers: Mapping[Query, Answer], scripts: EvaluatesScripts
) -> Outcome:
    own = [answers[query] for query in check.queries]
    queries_ms = sum(answer.duration_ms for answer in own)
    errors = [answer.error for answer in own if answer.error is not None]
    not_here = next((error for error in errors if isinstance(error, NotHere)), None)
    if not_here is not None:
        return Outcome(check, "skipped", reason=str(not_here), duration_ms=queries_ms)
    documents: list[Document] = [answer.document for answer in own if answer.document is not None]
    if len(documents) < len(own):
        return Outcome(check, "error", reason=_joined(errors), duration_ms=queries_ms)
    result = await scripts.run(
        ScriptJob(
            check_name=check.name,
            script=check.script,
            format=check.format,
            documents=tuple(documents),
            parameters=parameters,
        )
    )
    duration_ms = queries_ms + result.duration_ms
    printed = tuple(f"{line.line}: {line.text}" for line in result.printed)
    if result.error is not None:
        return Outcome(check, "error", (), result.error, printed, duration_ms, result.duration_ms)
    found = tuple(result.findings)
    if errors:
        return Outcome(
            check, "error", found, _joined(errors), printed, duration_ms, result.duration_ms, is_partial=True
        )
    return Outcome(check, "failed" if found else "passed", found, None, printed, duration_ms, result.duration_ms)


def _joined(errors: Sequence[TargetError]) -> str:
    return "; ".join(dict.fromkeys(str(error) for error in errors))
