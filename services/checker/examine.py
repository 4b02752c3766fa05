"""Looking at one target: connect once, execute each distinct query once, evaluate every check. What goes wrong for all
checks that ask the target (no secret, nobody answers, login refused) is an error of each; what goes wrong for one query
is an error of the checks that asked it; metrics are asked where they are. Nothing is published here, so the same code
serves a run, a trial and a scan.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from services.checker.applicability import why_not
from services.checker.engines.protocol import Connect, Connection, Document, Limits, Login, Rows, Server
from services.checker.errors import NotHere, SomeDatabasesFailed, TargetError, Unreachable
from services.checker.script import ScriptFinding, ScriptJob, ScriptOutcome
from shared.checks import Check, Query, QueryType
from shared.configuration import Configuration, MetricsSource
from shared.errors import LeaseLost
from shared.parameters import parameters_of
from shared.targets import Target

SHORTEST_STATEMENT_SECONDS = 0.2
LEASE_MARGIN_SECONDS = 1.0
"""A statement ends this long before the lease surely does."""


METRICS = frozenset({QueryType.METRICS_INSTANT, QueryType.METRICS_RANGE})
ELSEWHERE = METRICS | {QueryType.CLICKHOUSE_SELECT}
"""What is not asked of the target itself."""
METRICS_AT_A_TIME = 8


class AnswersMetrics(Protocol):
    """What asks a source of metrics."""

    async def ask(
        self, source: MetricsSource, query: Query, target: Target, timeout_seconds: float, limits: Limits
    ) -> Rows:
        """Return the answer to one query for one target."""
        ...


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
    metrics: AnswersMetrics | None = None,
    refusal: Callable[[Check], str | None] = lambda check: None,  # noqa: ARG005 (every check may run)
    remaining_seconds: Callable[[], float] = lambda: float("inf"),
) -> Examination:
    """Run checks on a target and return what each came to.

    What ``refusal`` gives a reason against does not run. The configuration has the parameters that are set for targets
    with certain labels, and the source of metrics. ``remaining_seconds`` is what is left of the lease; it is looked at
    before each statement. Raises ``LeaseLost`` when it ran out; never raises for what the target or a check does.
    """
    view = configuration or Configuration()
    source = view.setting(MetricsSource, "metrics") if metrics is not None else None
    timeout = functools.partial(_timeout, limits, remaining_seconds)
    refused = {check.name: Outcome(check, "error", reason=reason) for check in checks if (reason := refusal(check))}
    allowed = [check for check in checks if check.name not in refused]
    looked = await _look(allowed, login, connect, limits, timeout)
    wanted = [check for check in allowed if check.name not in looked.outcomes]
    answers = dict(looked.answers)
    for queries in _batches([query for query in _distinct(wanted) if query.type in ELSEWHERE]):
        seconds = timeout()
        asked = (_ask_elsewhere(metrics, source, query, target, seconds, limits) for query in queries)
        answers |= zip(queries, await asyncio.gather(*map(_answered, asked)), strict=True)
    evaluated = await asyncio.gather(
        *(_evaluate(check, parameters_of(check, target, view), answers, scripts) for check in wanted)
    )
    outcomes = refused | looked.outcomes | {outcome.check.name: outcome for outcome in evaluated}
    return Examination(tuple(outcomes[check.name] for check in checks), looked.server, answers)


@dataclass(slots=True)
class _Looked:
    """What came of the connection to the target."""

    server: Server | None = None
    answers: dict[Query, Answer] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    """Of checks that came to their end without a script, by name."""


async def _look(
    checks: Sequence[Check],
    login: Callable[[], Login],
    connect: Connect,
    limits: Limits,
    timeout: Callable[[], float],
) -> _Looked:
    """Ask the target what the checks ask of it. A check that asks it for nothing has no need of it."""
    looked = _Looked()
    needing = [check for check in checks if _needs_the_target(check)]
    if not needing:
        return looked
    try:
        connection = await connect(login(), limits)
    except TargetError as failed:
        looked.outcomes = {check.name: Outcome(check, "error", reason=str(failed)) for check in needing}
        return looked
    try:
        looked.server = connection.server
        for check in needing:
            reason = why_not(check, connection.server)
            if reason is not None:
                looked.outcomes[check.name] = Outcome(check, "skipped", reason=reason)
        wanted = [check for check in needing if check.name not in looked.outcomes]
        queries = [query for query in _distinct(wanted) if query.type not in ELSEWHERE]
        looked.answers = await _ask(connection, queries, timeout)
    finally:
        await connection.close()
    return looked


def _needs_the_target(check: Check) -> bool:
    asks_it = any(query.type not in ELSEWHERE for query in check.queries)
    return asks_it or bool(check.requires.versions or check.requires.flavours)


def _distinct(checks: Sequence[Check]) -> list[Query]:
    return list(dict.fromkeys(query for check in checks for query in check.queries))


def _batches(queries: Sequence[Query]) -> Iterator[Sequence[Query]]:
    return (queries[begin : begin + METRICS_AT_A_TIME] for begin in range(0, len(queries), METRICS_AT_A_TIME))


def _timeout(limits: Limits, remaining_seconds: Callable[[], float]) -> float:
    """Return how long the next question may take. Raises ``LeaseLost`` when there is no time for any."""
    seconds = min(limits.statement_seconds, remaining_seconds() - LEASE_MARGIN_SECONDS)
    if seconds < SHORTEST_STATEMENT_SECONDS:
        message = "the lease on the target ran out before all queries were asked"
        raise LeaseLost(message)
    return seconds


async def _ask(connection: Connection, queries: Sequence[Query], timeout: Callable[[], float]) -> dict[Query, Answer]:
    answers: dict[Query, Answer] = {}
    gone: Unreachable | None = None
    for query in queries:
        if gone is not None:
            answers[query] = Answer(None, gone, 0.0)
            continue
        answers[query] = answer = await _answered(connection.execute(query, timeout()))
        if isinstance(answer.error, Unreachable):
            gone = answer.error
    return answers


async def _ask_elsewhere(
    metrics: AnswersMetrics | None,
    source: MetricsSource | None,
    query: Query,
    target: Target,
    timeout_seconds: float,
    limits: Limits,
) -> Document:
    if query.type not in METRICS:
        raise NotHere(f"{query.type} can't be asked here: it asks PMM's own ClickHouse, which does not exist here")
    if metrics is None or source is None:
        raise NotHere(f"{query.type} can't be asked here: no metrics source is configured; name one as `metrics`")
    return await metrics.ask(source, query, target, timeout_seconds, limits)


async def _answered(asked: Awaitable[Document]) -> Answer:
    began = time.monotonic()
    document: Document | None = None
    error: TargetError | None = None
    try:
        document = await asked
    except SomeDatabasesFailed as partly:
        document, error = partly.documents, partly
    except TargetError as failed:
        error = failed
    return Answer(document, error, (time.monotonic() - began) * 1000)


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
