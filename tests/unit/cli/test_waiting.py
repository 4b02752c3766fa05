import datetime as dt
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import dead_letters, subjects
from shared.events import CheckAccepted, CheckFinished, CheckStarted, Event
from shared.following import Stored
from shared.streams import CHECK_EVENTS, CHECK_REQUESTS, DEAD_LETTERS
from watchword.cli.waiting import Waiting

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
REQUEST = "1700-5"
RUNS = "1600"
_sequences = count(1)
Message = tuple[str, Stored]


def stored(stream: str, subject: str, body: bytes, headers: dict[str, str] | None = None) -> Message:
    return stream, Stored(subject, next(_sequences), body, headers or {}, NOW)


def event(subject: str, body: Event) -> Message:
    return stored(CHECK_EVENTS, subject, body.to_bytes())


def accepted(
    targets: list[str], *, first: int = 10, part: int = 1, parts: int = 1, request: str = REQUEST, what: str = "all"
) -> Message:
    body = CheckAccepted(
        request_id=request, sequence=5, what=what, first=first, targets=targets, part=part, parts=parts, unknown=["x*"]
    )
    return event(subjects.accepted(request), body)


def finished(
    target: str,
    covers: int,
    *,
    what: str = "all",
    runs: str | None = RUNS,
    engine: str = "mysql",
    requests: int | None = None,
    requests_created: str = "1700",
) -> Message:
    body = CheckFinished(
        run="1-1",
        target=target,
        checks=["c"],
        covers=covers,
        failed=1,
        started_at=NOW,
        duration_ms=1,
        runs_created=runs,
        covers_requests=requests,
        requests_created=requests_created if requests is not None else None,
    )
    return event(subjects.finished(engine, target, what), body)


def waiting(*messages: Message) -> Waiting:
    one = Waiting(REQUEST, 5, RUNS)
    for message in messages:
        one.take(*message)
    return one


def test_a_request_is_over_when_each_of_its_targets_is_done() -> None:
    one = waiting(accepted(["a", "b"]), finished("a", 10))
    assert (one.is_accepted, one.is_over, one.left) == (True, False, {"b"})
    (done,) = one.take(*finished("b", 12))
    assert (done.target, done.engine, done.event.failed) == ("b", "mysql", 1)
    assert one.is_over
    assert one.unknown == ["x*"]


def test_a_run_that_began_after_the_request_was_stored_answers_it_although_it_was_split_later() -> None:
    one = waiting(finished("a", 9, requests=5), accepted(["a"], first=10))
    assert one.is_over


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(finished("a", 9), id="a run that began before the request was split"),
        pytest.param(finished("a", 9, requests=9, requests_created="1699"), id="a run that knew other requests"),
        pytest.param(finished("a", 99, what="other"), id="a run of other checks"),
        pytest.param(finished("a", 99, runs="1500"), id="a run that counted in a stream made anew since"),
        pytest.param(finished("b", 99), id="a run of a target that was not asked for"),
        pytest.param(stored(CHECK_EVENTS, "check.finished.mysql.a.all", b"{"), id="an event that can't be read"),
        pytest.param(stored(CHECK_EVENTS, "check.finished.mysql.=zz.all", b"{}"), id="a subject that is none of ours"),
    ],
)
def test_what_does_not_answer_the_request_is_waited_past(message: Message) -> None:
    one = waiting(accepted(["a"]), message)
    assert one.left == {"a"}
    assert one.take(*finished("a", 10))


def test_an_end_that_does_not_say_in_which_stream_it_counts_is_believed() -> None:
    assert waiting(accepted(["a"]), finished("a", 10, runs=None)).is_over


def test_the_acceptance_of_another_request_is_not_ours() -> None:
    assert not waiting(accepted(["a"], request="1700-6")).is_accepted


def test_a_request_in_parts_is_accepted_with_the_last_of_them() -> None:
    one = waiting(
        accepted(["a"], part=1, parts=3), accepted(["c"], part=3, parts=3), finished("a", 10), finished("c", 10)
    )
    assert (one.is_accepted, one.is_over, one.left) == (False, False, set())
    one.take(*accepted(["b"], part=2, parts=3))
    assert (one.is_accepted, one.is_over, one.left) == (True, False, {"b"})


def test_a_target_is_done_once() -> None:
    one = waiting(accepted(["a"]), finished("a", 10))
    assert one.take(*finished("a", 11)) == []


def test_names_of_any_kind_are_understood() -> None:
    one = waiting(accepted(["ä.b *", "c/d"], what="0 3 * * *"), finished("ä.b *", 10, what="0 3 * * *"))
    assert one.left == {"c/d"}


def test_a_started_run_is_told() -> None:
    body = CheckStarted(run="1-1", target="a", checks=["c"], sequence=10, attempt=1, checker="x", started_at=NOW)
    one = waiting(accepted(["a"]), event(subjects.started("mysql", "a", "all"), body))
    assert one.running == {"a"}
    one.take(*finished("a", 10))
    assert one.running == set()


def a_dead_letter(stream: str, sequence: int) -> Message:
    headers = {
        dead_letters.STREAM: stream,
        dead_letters.SEQUENCE: str(sequence),
        dead_letters.REASON: "matches nothing",
    }
    return stored(DEAD_LETTERS, "dead.checker", b"{}", headers)


def test_a_refused_request_is_over_with_its_reason() -> None:
    one = waiting(a_dead_letter(CHECK_REQUESTS, 5))
    assert (one.is_over, one.refused) == (True, "matches nothing")


@pytest.mark.parametrize(
    "letter", [a_dead_letter(CHECK_REQUESTS, 4), a_dead_letter("MUTES", 5)], ids=["older", "other"]
)
def test_the_dead_letter_of_somebody_else_is_not_ours(letter: Message) -> None:
    assert not waiting(letter).is_over


EVERYTHING = [
    accepted(["a", "b"], part=1, parts=2),
    accepted(["c"], part=2, parts=2),
    finished("a", 10),
    finished("b", 14),
    finished("c", 12),
    finished("a", 3),
    finished("c", 99, what="other"),
]


@given(st.permutations(EVERYTHING))
def test_the_order_of_the_messages_does_not_matter(messages: list[Message]) -> None:
    one = Waiting(REQUEST, 5, RUNS)
    done = [found.target for message in messages for found in one.take(*message)]
    assert sorted(done) == ["a", "b", "c"]
    assert one.is_over
    assert one.done["a"].event.covers == 10
