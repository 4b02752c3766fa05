import datetime as dt

import pytest

from services.checker.covered import Begun, Ended, answer, answer_to_request, attempt, hand_back_seconds
from shared.events import CheckFinished, CheckStarted

NOON = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)


def ended(
    covers=10,
    checks=("a", "b"),
    after_seconds=5,
    what="all",
    runs_created="77",
    covers_requests=20,
    requests_created="55",
):
    event = CheckFinished(
        run="1-1",
        target="t",
        checks=list(checks),
        covers=covers,
        started_at=NOON,
        duration_ms=1,
        runs_created=runs_created,
        covers_requests=covers_requests,
        requests_created=requests_created,
    )
    return Ended(what, event, NOON + dt.timedelta(seconds=after_seconds))


@pytest.mark.parametrize(
    ("end", "is_answered"),
    [
        pytest.param(ended(), True, id="began after it was stored and names every check"),
        pytest.param(ended(covers=9), False, id="began before it was stored"),
        pytest.param(ended(checks=("a",)), False, id="lacks a check"),
        pytest.param(ended(checks=("a", "b", "c")), True, id="names more than asked"),
        pytest.param(ended(what="checks-0"), True, id="ended under another what"),
        pytest.param(ended(after_seconds=-1), False, id="was stored before it: sequences restarted"),
        pytest.param(ended(runs_created="78"), False, id="counts in another stream"),
    ],
)
def test_message_is_answered_only_by_a_run_that_began_after_it(end, is_answered):
    found = answer([end], sequence=10, stored_at=NOON, checks=["a", "b"], runs_created="77")
    assert (found is not None) == is_answered


@pytest.mark.parametrize(
    ("end", "is_answered"),
    [
        pytest.param(ended(), True, id="began after it was stored and names every check"),
        pytest.param(ended(covers=0), True, id="began after it was stored, before any part of it"),
        pytest.param(ended(covers_requests=19), False, id="began before it was stored"),
        pytest.param(ended(covers_requests=None), False, id="told by a checker of an earlier version"),
        pytest.param(ended(checks=("a",)), False, id="lacks a check"),
        pytest.param(ended(what="checks-0"), True, id="ended under another what"),
        pytest.param(ended(after_seconds=-1), False, id="was stored before it: sequences restarted"),
        pytest.param(ended(requests_created="56"), False, id="counts in another stream"),
    ],
)
def test_request_is_answered_only_by_a_run_that_began_after_it(end, is_answered):
    found = answer_to_request([end], sequence=20, stored_at=NOON, checks=["a", "b"], requests_created="55")
    assert (found is not None) == is_answered


def begun(number, at_seconds):
    event = CheckStarted(run="1-1", target="t", checks=[], sequence=1, attempt=number, checker="c", started_at=NOON)
    return Begun(event, NOON + dt.timedelta(seconds=at_seconds))


@pytest.mark.parametrize(
    ("last_begun", "last_ended", "expected"),
    [
        pytest.param(None, None, 1, id="never begun"),
        pytest.param(begun(1, 0), None, 2, id="begun once, never ended"),
        pytest.param(begun(4, 0), None, 5, id="begun four times"),
        pytest.param(begun(4, 0), ended(after_seconds=5), 1, id="ended since"),
        pytest.param(begun(2, 9), ended(after_seconds=5), 3, id="begun again after the end"),
    ],
)
def test_starts_are_counted_from_the_last_end(last_begun, last_ended, expected):
    assert attempt(last_begun, last_ended) == expected


def test_hand_backs_wait_longer_each_time_up_to_five_seconds():
    delays = [hand_back_seconds(delivery) for delivery in range(1, 30)]
    assert delays[0] == pytest.approx(0.2)
    assert delays == sorted(delays)
    assert delays[-1] == 5.0
