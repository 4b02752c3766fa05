import pytest

from tests.soak.answering import Answers, Asked

ASKED = Asked("ask-1", "9-4", 1_767_225_600.0, ("pg01",))  # 2026-01-01T00:00:00Z
ACCEPTED = {"request_id": "9-4", "part": 1, "parts": 1, "what": "all", "first": 50, "targets": ["pg01"]}


def end(covers=50, started_at="2026-01-01T00:00:01Z", what="all", target="pg01"):
    event = {"run": "1-1", "target": target, "covers": covers, "started_at": started_at}
    return f"check.finished.postgresql.{target}.{what}", event


def answers(*ends, accepted=ACCEPTED):
    made = Answers()
    if accepted:
        made.take("check.accepted.9-4", accepted)
    for subject, event in ends:
        made.take(subject, event)
    return made


def test_a_run_that_began_after_the_request_answers_it():
    assert answers(end()).missing(ASKED) is None


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(end(covers=49), id="a run that does not cover it"),
        pytest.param(end(started_at="2025-12-31T23:59:59Z"), id="a run that began before it"),
        pytest.param(end(what="standard"), id="a run of something else"),
        pytest.param(end(target="pg02"), id="a run of another target"),
    ],
)
def test_nothing_else_answers_it(given):
    assert "no run of pg01" in (answers(given).missing(ASKED) or "")


def test_a_request_that_was_never_accepted_is_not_answered():
    assert answers(accepted=None).missing(ASKED) == "it was never accepted"


def test_a_request_of_many_parts_needs_all_of_them():
    assert answers(end(), accepted={**ACCEPTED, "parts": 2}).missing(ASKED) == "it was never accepted"


def test_a_request_for_what_was_removed_meanwhile_may_stay_without_an_answer():
    assert answers(accepted=None).missing(Asked("ask-1", "9-4", 0.0, ("pg01",), is_excused=True)) is None
