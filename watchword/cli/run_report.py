"""What ``watchword run --wait`` shows of each target that is done: how many of its checks passed, what was found, and
what could not be looked at. From the same comes the exit code.
"""

import asyncio
import contextlib
import datetime as dt
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from fnmatch import fnmatchcase

from pydantic import ValidationError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from shared import subjects
from shared.accepted import in_words, is_open
from shared.errors import NameRefused
from shared.events import CheckResult, Status
from shared.reading import last_messages
from shared.severity import Severity
from shared.streams import CHECK_RESULTS
from watchword.cli.output import clean, console, say, severity
from watchword.cli.session import Session
from watchword.cli.waiting import Done, Waiting

BEHIND_SECONDS = 3.0
"""How long the results of a run are waited for that has ended."""


class Report:
    """What is shown of each target, and what it means for the exit code."""

    def __init__(self, here: Session, asked: Sequence[str] | None, *, is_shown: bool) -> None:
        self._here = here
        self._asked = asked
        self._is_shown = is_shown
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self.targets: list[dict[str, object]] = []
        self.has_failed = False
        self.has_error = False

    @contextlib.asynccontextmanager
    async def progress(self, waiting: Waiting) -> AsyncIterator[None]:
        """Show a bar while targets are being looked at; on a terminal only."""
        shown = console()
        if not (self._is_shown and shown.is_terminal):
            yield
            return
        columns = (TextColumn("running checks"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=shown, transient=True) as self._progress:
            self._task = self._progress.add_task("run", total=None)
            self.update(waiting)
            yield
        self._progress = None

    def update(self, waiting: Waiting) -> None:
        """Move the bar on."""
        if self._progress is not None and self._task is not None and waiting.is_accepted:
            self._progress.update(self._task, total=len(waiting.targets), completed=len(waiting.done))

    async def target(self, done: Done) -> None:
        """Show one target that is done."""
        event = done.event
        checks = [check for check in event.checks if _is_asked(check, self._asked)]
        results = await results_of(self._here, done, checks)
        counts = {"passed": event.passed, "failed": event.failed, "skipped": event.skipped, "error": event.error}
        if len(checks) < len(event.checks):  # another run, of more checks, answered this request
            told = Counter(result.status for result in results)
            counts = {status: told[status] for status in _STATUSES}
        counts["accepted"] = accepted = _count_accepted(results)
        counts["failed"] = max(0, counts["failed"] - accepted)
        self.has_failed = self.has_failed or counts["failed"] > 0
        self.has_error = self.has_error or counts["error"] > 0
        self.targets.append(
            {
                "target": done.target,
                "engine": done.engine,
                "run": event.run,
                "duration_ms": event.duration_ms,
                **counts,
                "results": [result.model_dump(mode="json", exclude_none=True) for result in results],
            }
        )
        if self._is_shown:
            self._show(done, counts, results)

    def _show(self, done: Done, counts: dict[str, int], results: Sequence[CheckResult]) -> None:
        told = ", ".join(f"{number} {_WORDS[status]}" for status, number in counts.items() if number) or "nothing to do"
        style = "red" if counts["failed"] else "yellow" if counts["error"] else "green"
        took = done.event.duration_ms / 1000
        say(Text.assemble((clean(done.target), "bold"), ": ", (told, style), f" ({took:.2f} s)"))
        for result in sorted(results, key=_worst_first):
            if result.status == "error":
                say(
                    Text.assemble("  ", ("could not look", "yellow"), f"  {result.check}: {clean(result.reason or '')}")
                )
            for finding in result.findings if result.status == "failed" else []:
                labels = ", ".join(f"{name}={value}" for name, value in sorted(finding.labels.items()))
                about = f"  {result.check}: {clean(finding.summary)}" + (f" ({clean(labels)})" if labels else "")
                say(Text.assemble("  ", severity(finding.severity.value), about))
                if finding.accepted is not None:
                    say(Text(f"    {clean(in_words(finding.accepted))}", style="dim"))

    def unfinished(self, target: str, patience: dt.timedelta) -> None:
        """Show a target that was not done in time."""
        self.targets.append({"target": target, "status": "unfinished"})
        if self._is_shown:
            say(Text.assemble((clean(target), "bold"), ": ", (f"not finished within {patience}", "yellow")))


_STATUSES: tuple[Status, ...] = ("passed", "failed", "skipped", "error")
_WORDS = {
    "passed": "passed",
    "failed": "failed",
    "accepted": "failed, and accepted",
    "skipped": "skipped",
    "error": "could not look",
}


def _count_accepted(results: Sequence[CheckResult]) -> int:
    """Count the checks of which somebody accepts all that was found."""
    now = dt.datetime.now(dt.UTC)
    return sum(result.status == "failed" and not is_open(result, now) for result in results)


def _worst_first(result: CheckResult) -> tuple[int, str]:
    ranks = [finding.severity.rank for finding in result.findings]
    return (min(ranks, default=len(Severity) + 1), result.check)


def _is_asked(check: str, asked: Sequence[str] | None) -> bool:
    return asked is None or any(fnmatchcase(check, pattern) for pattern in asked)


async def results_of(here: Session, done: Done, checks: Sequence[str]) -> list[CheckResult]:
    """Return what checks of a run came to: of each its verdict, and its error when it could not look.

    Whichever server answers may lack the last results for a moment, so they are read until all are of this run or of a
    later one; some never are, when a check was switched off in the middle of the run.
    """
    give_up_at = time.monotonic() + BEHIND_SECONDS
    while True:
        results = await _results_now(here, done, checks)
        present = {result.check for result in results if _is_of_it_or_later(result, done)}
        if present.issuperset(checks) or time.monotonic() > give_up_at:
            return results
        await asyncio.sleep(0.05)


def _is_of_it_or_later(result: CheckResult, done: Done) -> bool:
    started_at = result.started_at
    return result.run == done.event.run or (started_at is not None and started_at >= done.event.started_at)


async def _results_now(here: Session, done: Done, checks: Sequence[str]) -> list[CheckResult]:
    if not checks:
        return []
    found: dict[tuple[str, str], tuple[int, CheckResult]] = {}
    filters = [subjects.verdicts_of(done.engine, done.target), subjects.errors_of(done.engine, done.target)]
    for stored in await last_messages(here.client, CHECK_RESULTS, filters):
        with contextlib.suppress(NameRefused, ValidationError):
            subject = subjects.parse_result(stored.subject)
            if subject.check in checks:
                result = CheckResult.model_validate_json(stored.data)
                found[subject.kind, subject.check] = (stored.sequence, result)
    results = []
    for check in checks:
        # Both when some databases of a target could be looked at and others could not; otherwise the newer one.
        pair = [found[kind, check] for kind in ("verdict", "error") if (kind, check) in found]
        newest = max(pair, key=lambda one: one[0], default=None)
        results += [result for _, result in pair if newest is not None and result.run == newest[1].run]
    return results
