"""Times of events are UTC, and one that UTC can't hold is refused like any other wrong field."""

import json

import pytest

from shared.cloudevents import read
from shared.errors import MessageRefused
from shared.events import CheckResult


def result(failing_since: str) -> bytes:
    finding = {"summary": "s", "severity": "error", "failing_since": failing_since}
    return json.dumps({"status": "failed", "target": "t", "engine": "e", "check": "c", "findings": [finding]}).encode()


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        pytest.param("2026-11-23T10:00:00+02:00", "2026-11-23T08:00:00+00:00", id="with an offset"),
        pytest.param("2026-11-23T08:00:00", "2026-11-23T08:00:00+00:00", id="without one it is UTC"),
    ],
)
def test_a_time_is_read_as_utc(written: str, read_as: str) -> None:
    since = read(CheckResult, result(written)).findings[0].failing_since
    assert since is not None
    assert since.isoformat() == read_as


@pytest.mark.parametrize("written", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"])
def test_a_time_beyond_what_utc_can_hold_is_refused(written: str) -> None:
    with pytest.raises(MessageRefused, match="outside of the years"):
        read(CheckResult, result(written))
