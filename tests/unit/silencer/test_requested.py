"""What may be asked, and until when a mute lasts."""

import datetime as dt
from typing import Any

import pytest

from services.silencer.requested import ends_at, refusal_of_mute, refusal_of_unmute
from shared.mutes import MuteRequested, UnmuteRequested
from tests.unit.silencer.stream import DAY, NOON

FINGERPRINT = "0123456789abcdef"


def refusal(now: dt.datetime = NOON, **request: Any) -> str | None:
    asked = {"target": "db1", "created_by": "ann", "comment": "known", **request}
    given = MuteRequested.model_validate({name: value for name, value in asked.items() if value is not None})
    return refusal_of_mute(given, NOON, DAY, now)


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"check": "weak", "severity": "critical"},
        {"target": None, "check": "weak"},
        {"target": None, "fingerprint": FINGERPRINT},
        {"target": None, "matchers": [{"name": "service_name", "value": "db.+", "isRegex": True}]},
        {"for": "1s"},
        {"for": "365d"},
        {"until": "2026-03-01T12:00:01Z"},
        {"until": "2027-03-01T12:00:00Z"},
    ],
    ids=["target", "all names", "check", "fingerprint", "matchers", "a second", "a year", "until", "until in a year"],
)
def test_what_is_good(request_: dict[str, Any]) -> None:
    assert refusal(**request_) is None


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"created_by": ""}, "created_by is empty"),
        ({"created_by": " \t"}, "created_by is empty"),
        ({"comment": ""}, "comment is empty"),
        ({"comment": "\n"}, "comment is empty"),
        ({"comment": "\x00 \x07"}, "comment is empty"),
        ({"target": None}, "in one way"),
        ({"fingerprint": FINGERPRINT}, "in one way"),
        ({"matchers": [{"name": "a", "value": "b"}]}, "in one way"),
        ({"target": None, "fingerprint": FINGERPRINT, "matchers": [{"name": "a", "value": "b"}]}, "in one way"),
        ({"target": None, "severity": "critical"}, "in one way"),
        ({"target": None, "fingerprint": FINGERPRINT, "severity": "critical"}, "severity goes with"),
        ({"target": None, "matchers": []}, "matchers is empty"),
        ({"target": None, "matchers": [{"name": "a", "value": ".+", "isRegex": True}]}, "about everything"),
        ({"target": "db*"}, "looks like a pattern"),
        ({"for": "1h", "until": "2026-03-02T00:00:00Z"}, "for, or until"),
        ({"for": "soon"}, "is not a duration"),
        ({"for": "0s"}, "in the past"),
        ({"for": "366d"}, "365 days at most"),
        ({"for": "900d"}, "longer than a year"),
        ({"until": "2026-03-01T12:00:00Z"}, "in the past"),
        ({"until": "2020-01-01T00:00:00Z"}, "in the past"),
        ({"until": "2027-03-01T12:00:01Z"}, "365 days at most"),
    ],
)
def test_what_is_refused_and_why(request_: dict[str, Any], reason: str) -> None:
    said = refusal(**request_)
    assert said is not None
    assert reason in said


def test_a_mute_whose_time_ran_out_while_it_waited_is_refused() -> None:
    assert refusal(**{"for": "1h"}, now=NOON + dt.timedelta(minutes=59)) is None
    said = refusal(**{"for": "1h"}, now=NOON + dt.timedelta(hours=1))
    assert said is not None
    assert "was over" in said


@pytest.mark.parametrize(
    ("request_", "end"),
    [
        ({}, NOON + DAY),
        ({"for": "90m"}, NOON + dt.timedelta(minutes=90)),
        ({"until": "2026-04-01T00:00:00+02:00"}, dt.datetime(2026, 3, 31, 22, tzinfo=dt.UTC)),
        ({"until": "2026-04-01T00:00:00"}, dt.datetime(2026, 4, 1, tzinfo=dt.UTC)),
    ],
    ids=["the default", "counted from when it was stored", "with an offset", "without one it is UTC"],
)
def test_the_end(request_: dict[str, Any], end: dt.datetime) -> None:
    assert ends_at(MuteRequested.model_validate(request_), NOON, DAY) == end


@pytest.mark.parametrize(
    "request_",
    [
        {"id": "17-4"},
        {"fingerprint": FINGERPRINT},
        {"target": "db1"},
        {"check": "weak"},
        {"target": "db1", "check": "weak", "severity": "error"},
    ],
    ids=["id", "fingerprint", "target", "check", "all names"],
)
def test_an_unmute_that_is_good(request_: dict[str, Any]) -> None:
    assert refusal_of_unmute(UnmuteRequested.model_validate(request_)) is None


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({}, "in one way"),
        ({"severity": "error"}, "in one way"),
        ({"id": "17-4", "target": "db1"}, "in one way"),
        ({"id": "17-4", "severity": "error"}, "severity goes with"),
        ({"id": "my-own-name"}, "is not the id of a mute"),
    ],
)
def test_an_unmute_that_is_refused(request_: dict[str, Any], reason: str) -> None:
    said = refusal_of_unmute(UnmuteRequested.model_validate(request_))
    assert said is not None
    assert reason in said
