"""Who accepts which findings until when, and how bad a finding is here."""

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from shared.accepted import (
    accepted_by,
    all_exceptions,
    exception_names,
    exceptions_for,
    in_words,
    is_accepted,
    parse_until,
    severity_here,
    stamped,
    without_accepted,
)
from shared.configuration import RiskAccepted, SeverityOverride
from shared.errors import ScheduleRefused
from shared.events import Accepted, CheckResult, Finding
from shared.severity import Severity
from tests.unit.shared.inventory import Written

NOON = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


def exception(labels: dict[str, str] | None = None, **more: Any) -> RiskAccepted:
    given = {"check": "c", "target": "t", "until": NOON + DAY, "author": "ada", "reason": "lab", "labels": labels or {}}
    return RiskAccepted.model_validate({**given, **more})


def finding(**labels: str) -> Finding:
    return Finding(summary="s", severity=Severity.WARNING, labels=labels)


@pytest.mark.parametrize(
    ("exceptions", "labels", "at", "expected"),
    [
        pytest.param([], {}, NOON, None, id="nobody accepts anything"),
        pytest.param([exception()], {"role": "a"}, NOON, "ada", id="all findings of the check"),
        pytest.param([exception({"role": "a"})], {"role": "a", "database": "x"}, NOON, "ada", id="some of its labels"),
        pytest.param([exception({"role": "a"})], {"role": "b"}, NOON, None, id="another value"),
        pytest.param([exception({"role": "a"})], {}, NOON, None, id="a label that it does not have"),
        pytest.param([exception()], {}, NOON + DAY, None, id="at its end it is over"),
        pytest.param([exception()], {}, NOON + DAY - dt.timedelta(microseconds=1), "ada", id="just before its end"),
        pytest.param([exception(by="bob")], {}, NOON, "bob", id="somebody else than who wrote it"),
        pytest.param(
            [exception(), exception({"role": "a"}, by="bob", until=NOON + 2 * DAY)],
            {"role": "a"},
            NOON,
            "bob",
            id="the one that lasts longest",
        ),
    ],
)
def test_who_accepts(
    exceptions: list[RiskAccepted], labels: dict[str, str], at: dt.datetime, expected: str | None
) -> None:
    found = accepted_by(exceptions, labels, at)
    assert (found.by if found else None) == expected


@given(until=some.integers(-100, 100), at=some.integers(-100, 100))
def test_an_exception_ends_by_itself_at_its_time(until: int, at: int) -> None:
    word = exception(until=NOON + until * DAY)
    assert (accepted_by([word], {}, NOON + at * DAY) is not None) == (at < until)


def test_a_time_without_an_offset_is_in_utc() -> None:
    assert exception(until="2026-11-24T12:00:00").until == NOON + DAY


def test_what_is_accepted_is_taken_out_and_what_is_not_stays() -> None:
    result = CheckResult(
        status="failed", target="t", engine="postgresql", check="c", findings=[finding(role="a"), finding(role="b")]
    )
    left, accepted = without_accepted(result, [exception({"role": "a"})], NOON)
    assert [one.labels for one in left.findings] == [{"role": "b"}]
    assert [(one.by, one.until) for one in accepted] == [("ada", NOON + DAY)]
    assert without_accepted(result, [exception({"role": "c"})], NOON) == (result, [])


def test_a_finding_bears_the_word_until_it_is_over_and_loses_it_with_the_exception() -> None:
    said = stamped(finding(), [exception()], NOON)
    assert said.accepted == Accepted(until=NOON + DAY, by="ada", reason="lab")
    assert is_accepted(said, NOON)
    assert not is_accepted(said, NOON + DAY)
    assert stamped(said, [], NOON).accepted is None
    assert said.key("e", "t", "c") == finding().key("e", "t", "c")
    assert in_words(said.accepted) == "accepted until 2026-11-24 12:00 UTC by ada: lab"


def test_a_word_stays_small_however_long_it_is() -> None:
    said = stamped(finding(), [exception(reason="x" * 5000, by="y" * 5000)], NOON)
    assert len(said.to_bytes()) < 600


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2027-01-31", dt.datetime(2027, 2, 1, tzinfo=dt.UTC)),
        ("2027-01-31T18:00", dt.datetime(2027, 1, 31, 18, tzinfo=dt.UTC)),
        ("2027-01-31T18:00:00+01:00", dt.datetime(2027, 1, 31, 17, tzinfo=dt.UTC)),
        ("2027-01-31 18:00Z", dt.datetime(2027, 1, 31, 18, tzinfo=dt.UTC)),
    ],
)
def test_a_date_counts_to_its_end_and_a_moment_as_it_is(text: str, expected: dt.datetime) -> None:
    assert parse_until(text) == expected


@pytest.mark.parametrize("text", ["", "tomorrow", "2027-02-30", "31.1.2027", "9999-12-31", "0001-01-01T00:00+14:00"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ScheduleRefused, match="neither a date such as"):
        parse_until(text)


def test_exceptions_are_found_by_check_and_target_and_a_persons_word_wins() -> None:
    written = Written()
    of_file, of_person = exception(by="file"), exception(by="person")
    other = exception({"role": "a"}, until=NOON)
    elsewhere = exception(target="u", until=NOON + 2 * DAY)
    for one, origin in ((of_file, "file"), (of_person, "person"), (other, "file"), (elsewhere, "file")):
        written.set(one, *exception_names(one.check, one.target, one.labels), origin=origin)
    assert {one.by or "other" for one in exceptions_for(written.view, "c", "t")} == {"person", "other"}
    assert all_exceptions(written.view) == [other, of_person, elsewhere]
    written.set(None, *exception_names("c", "t", {}))
    assert {one.by or "other" for one in exceptions_for(written.view, "c", "t")} == {"file", "other"}


def test_a_severity_for_one_target_wins_over_one_for_all() -> None:
    written = Written()
    assert severity_here(written.view, "c", "t") is None
    written.set(SeverityOverride(severity=Severity.NOTICE), "severity", "c")
    written.set(SeverityOverride(severity=Severity.ERROR), "severity", "c", "t", origin="file")
    assert severity_here(written.view, "c", "t") is Severity.ERROR
    assert severity_here(written.view, "c", "u") is Severity.NOTICE
