import datetime as dt

import pytest

from shared import dead_letters, subjects
from shared.dead_letters import DeadLetter
from shared.following import Stored
from watchword.cli.events import described, in_words, is_chosen, kind_of
from watchword.replaying import replayed_headers

NOW = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("subject", "kind", "names"),
    [
        ("check.requested", "check.requested", []),
        (subjects.accepted("1-2"), "check.accepted", ["1-2"]),
        (subjects.verdict("mysql", "ä.b", "c"), "check.result.verdict", ["mysql", "ä.b", "c"]),
        (subjects.finished("mysql", "db", "0 3 * * *"), "check.finished", ["mysql", "db", "0 3 * * *"]),
        (subjects.alert_event("firing", "mysql", "db", "c"), "alert.firing", ["mysql", "db", "c"]),
        (subjects.mute_result("1-2"), "mute.result", ["1-2"]),
        ("unmute.requested", "unmute.requested", []),
        ("dead.checker", "dead", ["checker"]),
        ("check.result.verdict.=zz", "check.result.verdict", ["=zz"]),
    ],
)
def test_a_subject_is_a_kind_and_names(subject: str, kind: str, names: list[str]) -> None:
    assert kind_of(subject) == (kind, names)


def an_event(subject: str, body: bytes, headers: dict[str, str] | None = None) -> Stored:
    return Stored(subject, 7, body, headers or {}, NOW)


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        (an_event("check.requested", b""), "everything"),
        (an_event("check.requested", b'{"targets": ["a"], "requested_by": "ada"}'), "targets=a (by ada)"),
        (an_event(subjects.accepted("1-2"), b'{"targets": ["a"], "unknown": ["x"]}'), "1 target, matched nothing: x"),
        (an_event(subjects.started("m", "t", "all"), b'{"checks": ["a", "b"], "attempt": 1}'), "2 checks, attempt 1"),
        (
            an_event(subjects.finished("m", "t", "all"), b'{"passed": 3, "error": 1, "duration_ms": 5}'),
            "3 passed, 1 error",
        ),
        (
            an_event(subjects.verdict("m", "t", "c"), b'{"status": "failed", "findings": [{"summary": "S"}]}'),
            "failed · S",
        ),
        (an_event(subjects.error("m", "t", "c"), b'{"status": "error", "reason": "R"}'), "error · R"),
        (an_event(subjects.alert_event("firing", "m", "t", "c"), b'{"severity": "error", "summary": "S"}'), "error: S"),
        (an_event("mute.requested", b'{"target": "t", "check": "c", "comment": "C"}'), "t/c: C"),
        (an_event(subjects.mute_result("1-2"), b'{"silences": [{"state": "active"}]}'), "active"),
        (an_event("dead.checker", b"\xff", {dead_letters.REASON: "not JSON"}), "not JSON"),
        (an_event("check.requested", b"\xff not json"), "not json"),
    ],
    ids=str,
)
def test_an_event_is_told_in_a_line(stored: Stored, words: str) -> None:
    line = in_words(described("S", stored)).plain
    assert words in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("stored", "kinds", "target", "expected"),
    [
        (an_event(subjects.verdict("m", "t", "c"), b"{}"), [], None, True),
        (an_event(subjects.verdict("m", "t", "c"), b"{}"), ["check.result.*"], "t", True),
        (an_event(subjects.verdict("m", "t", "c"), b"{}"), ["alert.*"], None, False),
        (an_event(subjects.verdict("m", "t", "c"), b"{}"), [], "other", False),
        (an_event(subjects.accepted("1-2"), b'{"targets": ["t"]}'), [], "t", True),
        (an_event("mute.requested", b'{"target": "t"}'), [], "t", True),
        (an_event("mute.requested", b"[]"), [], "t", False),
    ],
)
def test_events_are_chosen_by_kind_and_target(
    stored: Stored, kinds: list[str], target: str | None, expected: bool
) -> None:
    assert is_chosen(described("S", stored), kinds, target) == expected


def test_a_replayed_message_carries_no_order_to_nats() -> None:
    headers = {"Nats-Msg-Id": "x", "nats-expected-last-sequence": "1", "ce-id": "1"}
    letter = DeadLetter("checker", "r", "check.requested", "CHECK_REQUESTS", 3, b"{}", headers, own_sequence=9)
    assert replayed_headers(letter) == {"ce-id": "1", dead_letters.REPLAYED_FROM: "9"}
