"""Which alerts began and ended with a verdict, seen against the one before it?"""

import pytest

from services.publisher.received import Received
from services.publisher.transitions import transitions
from shared.events import Accepted
from tests.unit.publisher.news import NOON, SCANNED, after, finding, verdict

CREATED = after(days=-3)


def changed(received: Received, before: Received | None) -> list[tuple[str, str]]:
    events = transitions(received, before, target_labels={}, stream_created=CREATED)
    return [(event.transition, event.labels["role"]) for event in events]


def failed(sequence: int, *roles: str, severity: str = "warning") -> Received:
    return verdict(sequence, *(finding(severity=severity, labels={"role": role}) for role in roles))


@pytest.mark.parametrize(
    ("received", "before", "expected"),
    [
        pytest.param(failed(1, "a"), None, [("firing", "a")], id="the first verdict fails"),
        pytest.param(verdict(1), None, [], id="the first verdict passes"),
        pytest.param(verdict(2), failed(1, "a"), [("resolved", "a")], id="fixed"),
        pytest.param(failed(2, "a"), verdict(1), [("firing", "a")], id="broken again"),
        pytest.param(failed(2, "a"), failed(1, "a"), [], id="as before"),
        pytest.param(failed(2, "b"), failed(1, "a"), [("resolved", "a"), ("firing", "b")], id="another finding"),
        pytest.param(failed(2, "a", "b"), failed(1, "b"), [("firing", "a")], id="one more"),
        pytest.param(
            failed(2, "a", severity="critical"), failed(1, "a"), [("resolved", "a"), ("firing", "a")], id="worse"
        ),
        pytest.param(verdict(2, status="skipped"), failed(1, "a"), [("resolved", "a")], id="skipped"),
        pytest.param(verdict(2, status="withdrawn"), failed(1, "a"), [("resolved", "a")], id="withdrawn"),
        pytest.param(failed(2, "a", "a"), None, [("firing", "a")], id="equal findings are one alert"),
    ],
)
def test_transitions(received: Received, before: Received | None, expected: list[tuple[str, str]]) -> None:
    assert changed(received, before) == expected


@pytest.mark.parametrize(
    ("received", "expected"),
    [
        pytest.param(
            verdict(9, finding(labels={"role": "a"}, failing_since=after(hours=-1)), started_at=NOON),
            [],
            id="a run before had found it",
        ),
        pytest.param(
            verdict(9, finding(labels={"role": "a"}, failing_since=NOON), started_at=NOON),
            [("firing", "a")],
            id="this run was the first",
        ),
        pytest.param(
            verdict(9, finding(labels={"role": "a"}, failing_since=after(days=-9)), subject=SCANNED, started_at=NOON),
            [("firing", "a")],
            id="another program tells of something old",
        ),
    ],
)
def test_of_a_verdict_without_the_one_before_it(received: Received, expected: list[tuple[str, str]]) -> None:
    assert changed(received, None) == expected


def test_a_changed_text_is_no_transition() -> None:
    before, now = (verdict(n, finding(f"{n} %", labels={"role": "a"})) for n in (1, 2))
    assert changed(now, before) == []


def test_an_event_is_complete() -> None:
    weakness = finding(
        "app is a superuser",
        "critical",
        description="d",
        labels={"role": "app"},
        read_more_url="https://x.example",
        failing_since=NOON,
    )
    (event,) = transitions(
        verdict(7, weakness, stored_at=after(seconds=1)),
        None,
        target_labels={"environment": "production"},
        stream_created=CREATED,
    )
    key = weakness.key("postgresql", "db-1", "superusers")
    assert event.id == f"1795176000000000-7/{key}"
    assert event.key == key
    assert (event.transition, event.engine, event.target, event.check) == ("firing", "postgresql", "db-1", "superusers")
    assert event.labels["environment"] == "production"
    assert event.labels["alertname"] == "superusers"
    assert (event.severity, event.summary, event.description) == ("critical", "app is a superuser", "d")
    assert (event.read_more_url, event.failing_since, event.at) == ("https://x.example", NOON, after(seconds=1))
    assert event.reason is None


@pytest.mark.parametrize(
    ("received", "reason"),
    [
        pytest.param(verdict(2), "passed", id="passed"),
        pytest.param(verdict(2, status="withdrawn", reason="disabled by ada"), "withdrawn: disabled by ada", id="told"),
        pytest.param(failed(2, "b"), "the check does not find it any more", id="still failing otherwise"),
    ],
)
def test_the_end_of_an_alert_has_a_reason(received: Received, reason: str) -> None:
    event = transitions(received, failed(1, "a"), target_labels={}, stream_created=CREATED)[0]
    assert event.reason == reason


def test_the_key_does_not_know_the_targets_labels() -> None:
    ids = {
        transitions(failed(1, "a"), None, target_labels={"env": value}, stream_created=CREATED)[0].id
        for value in ("production", "staging")
    }
    assert len(ids) == 1


def test_another_stream_gives_other_ids() -> None:
    ids = {
        transitions(verdict(1, finding(), subject=SCANNED), None, target_labels={}, stream_created=created)[0].id
        for created in (CREATED, NOON)
    }
    assert len(ids) == 2


def test_what_somebody_accepts_does_not_count_as_there() -> None:
    word = Accepted(until=after(days=1), by="ada", reason="lab")
    plain, accepted = finding(labels={"role": "a"}), finding(labels={"role": "a"}, accepted=word)
    late = after(days=2)
    assert changed(verdict(1, accepted), None) == []
    assert changed(verdict(2, accepted), verdict(1, plain)) == [("resolved", "a")]
    assert changed(verdict(2, plain), verdict(1, accepted)) == [("firing", "a")]
    assert changed(verdict(2), verdict(1, accepted)) == []
    assert changed(verdict(2, accepted, stored_at=late), verdict(1, accepted)) == [("firing", "a")], "its time is over"


def test_what_is_accepted_is_resolved_with_the_word_as_its_reason() -> None:
    word = Accepted(until=after(days=1), by="ada", reason="lab")
    accepted, before = verdict(2, finding(labels={"role": "a"}, accepted=word)), failed(1, "a")
    (event,) = transitions(accepted, before, target_labels={}, stream_created=CREATED)
    assert event.reason == "accepted until 2026-11-24 12:00 UTC by ada: lab"
