import json

import pytest

from tests.soak.history import History
from tests.soak.verdicts import Standing, read, transition_of
from tests.soak.weaknesses import Place, weaknesses_of

WEAKNESS = weaknesses_of(Place("postgresql", "pg01"))[0]
KEY = ("pg01", "soak_superusers", "role", "pg01_a")
SUBJECT = "check.result.verdict.postgresql.pg01.soak_superusers"


def verdict(sequence, at, *roles, run=1, status=None, since=None):
    failing_since = f"2026-01-01T00:00:{at if since is None else since:02}Z"
    findings = [{"summary": "s", "labels": {"role": role}, "failing_since": failing_since} for role in roles]
    body = {
        "status": status or ("failed" if roles else "passed"),
        "target": "pg01",
        "check": "soak_superusers",
        "run": f"5-{run}",
        "findings": findings,
        "started_at": f"2026-01-01T00:00:{at:02}Z",
    }
    found = read(sequence, SUBJECT, json.dumps(body).encode(), 0.0)
    assert found is not None
    assert found.started_at is not None
    return found.__class__(**{**vars(found), "stored_at": found.started_at + 0.5})


@pytest.fixture
def zero():
    return verdict(1, 0).started_at


@pytest.fixture
def standing(zero):
    """Weak from second 10 on, repaired at second 30."""
    history = History()
    history.begin(WEAKNESS, zero + 10, becomes=True).latest = zero + 11
    history.begin(WEAKNESS, zero + 30, becomes=False).latest = zero + 31
    return Standing(history)


def test_an_alert_began_with_the_first_verdict_of_the_unbroken_row(standing, zero):
    for one in (verdict(1, 5), verdict(2, 12, "pg01_a", run=2), verdict(3, 20, "pg01_a", run=3, since=12)):
        standing.take(one)
    assert standing.since == {KEY: zero + 12}
    assert standing.faults == []
    standing.take(verdict(4, 40, run=4))
    assert (standing.since, standing.earlier[KEY]) == ({}, [zero + 12])
    assert {(number, what) for number, _, what in standing.transitions} == {(2, "firing"), (4, "resolved")}


@pytest.mark.parametrize(
    ("one", "told"),
    [
        pytest.param(verdict(1, 5, "pg01_a"), "holds what was not weak", id="too early"),
        pytest.param(verdict(1, 20), "does not hold what was weak", id="missed"),
        pytest.param(verdict(1, 40, "pg01_a"), "holds what was not weak", id="too late"),
        pytest.param(verdict(1, 20, "pg01_a", "nobody"), "invented", id="invented"),
    ],
)
def test_a_verdict_that_does_not_tell_the_truth_is_a_failure(standing, one, told):
    standing.take(one)
    assert told in standing.faults[0][1]


def test_a_finding_that_begins_anew_within_its_row_is_a_failure(standing):
    standing.take(verdict(1, 12, "pg01_a"))
    standing.take(verdict(2, 20, "pg01_a", run=2))
    assert "says that it fails since" in standing.faults[0][1]


def test_a_verdict_whose_time_is_not_certain_is_not_judged(standing):
    standing.take(verdict(1, 10))
    assert (standing.judged, standing.faults) == (1, [])  # the other role is certain


def test_a_withdrawal_ends_the_row_and_is_judged_by_nobody(standing):
    standing.take(verdict(1, 12, "pg01_a", run=2))
    judged = standing.judged
    standing.take(verdict(2, 20, run=2, status="withdrawn"))
    assert (standing.since, standing.judged) == ({}, judged)


def test_a_verdict_of_a_lower_run_over_a_higher_one_is_a_failure(standing):
    standing.take(verdict(1, 12, "pg01_a", run=5))
    standing.take(verdict(2, 13, "pg01_a", run=4, since=12))
    assert "later run's" in standing.faults[0][1]


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        pytest.param("check.result.error.postgresql.pg01.soak_superusers", b"{}", id="an error"),
        pytest.param(SUBJECT, b'{"status": "pas', id="cut off"),
        pytest.param(SUBJECT, b'{"status": "passed", "target": "pg02", "check": "c"}', id="of another target"),
    ],
)
def test_what_is_no_verdict_is_read_as_none(subject, body):
    assert read(1, subject, body, 0.0) is None


def test_an_event_is_the_transition_of_a_verdict():
    labels = {"alertname": "soak_superusers", "role": "pg01_a", "team": "red"}
    event = {
        "id": "17-4711/abc",
        "target": "pg01",
        "check": "soak_superusers",
        "transition": "firing",
        "labels": labels,
    }
    assert transition_of(event) == (4711, KEY, "firing")
