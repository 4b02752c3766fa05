"""Does a run's report hold what that run came to, whichever server of a cluster answers?"""

import datetime as dt
from types import SimpleNamespace
from typing import Any, cast

import pytest

from shared import subjects
from shared.events import CheckFinished, CheckResult, Status
from shared.following import Stored
from watchword.cli import run_report
from watchword.cli.run_report import results_of
from watchword.cli.session import Session
from watchword.cli.waiting import Done

BEGAN = dt.datetime(2026, 11, 29, 3, tzinfo=dt.UTC)
HERE = cast("Session", SimpleNamespace(client=None))
DONE = Done(
    "t",
    "postgresql",
    CheckFinished(run="r2", target="t", checks=["a", "b"], covers=1, started_at=BEGAN, duration_ms=1),
)


def stored(check: str, run: str, sequence: int, status: Status = "passed", *, after: float = 0) -> Stored:
    result = CheckResult(
        status=status,
        target="t",
        engine="postgresql",
        check=check,
        run=run,
        started_at=BEGAN + dt.timedelta(seconds=after),
        reason="it was away" if status == "error" else None,
    )
    place = subjects.verdict if result.is_verdict else subjects.error
    return Stored(place("postgresql", "t", check), sequence, result.model_dump_json().encode(), {}, BEGAN)


def answering(monkeypatch: pytest.MonkeyPatch, *answers: list[Stored]) -> list[list[Stored]]:
    """Let the stream answer so, one after another, and the last one from then on."""
    left = list(answers)

    async def last_messages(*_: Any) -> list[Stored]:
        return left.pop(0) if len(left) > 1 else left[0]

    monkeypatch.setattr(run_report, "last_messages", last_messages)
    return left


OLD_A, OLD_B = stored("a", "r1", 1, after=-60), stored("b", "r1", 2, after=-60)
A, B = stored("a", "r2", 3), stored("b", "r2", 4)


async def test_results_that_a_server_has_not_got_yet_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    left = answering(monkeypatch, [], [OLD_A, OLD_B], [A, OLD_B], [A, B])
    assert {result.run for result in await results_of(HERE, DONE, ["a", "b"])} == {"r2"}
    assert left == [[A, B]]


@pytest.mark.parametrize(
    "present",
    [
        pytest.param([A, stored("b", "r2", 4, "error")], id="one could not be looked at"),
        pytest.param([A, OLD_B, stored("b", "r2", 4, "error")], id="and its verdict is of the run before"),
        pytest.param([A, stored("b", "r3", 5, after=1)], id="a later run was faster"),
    ],
)
async def test_what_is_of_the_run_or_a_later_one_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, present: list[Stored]
) -> None:
    answering(monkeypatch, present, [])
    assert {result.check for result in await results_of(HERE, DONE, ["a", "b"])} == {"a", "b"}


async def test_what_never_comes_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_report, "BEHIND_SECONDS", 0.2)
    answering(monkeypatch, [A])
    assert [result.check for result in await results_of(HERE, DONE, ["a", "b"])] == ["a"]
