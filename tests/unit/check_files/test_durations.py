"""Durations of query parameters are those of Go's time.ParseDuration."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.check_files.durations import parse_go_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5m", 300.0),
        ("30s", 30.0),
        ("1h30m", 5400.0),
        ("1.5h", 5400.0),
        (".5s", 0.5),
        ("1.s", 1.0),
        ("300ms", 0.3),
        ("2us", 0.000002),
        ("2µs", 0.000002),
        ("-5m", -300.0),
        ("+5m", 300.0),
        ("0", 0.0),
        ("1m1m", 120.0),
    ],
)
def test_what_go_takes_is_taken(text: str, seconds: float) -> None:
    assert parse_go_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "1d", "5", "5 m", "m", ".s", "5M", "1h-5m", "1w", "5m ", "10000000h", "infs", "٣s"]
)
def test_what_go_refuses_is_refused(text: str) -> None:
    assert parse_go_duration(text) is None


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59))
def test_parts_add_up(hours: int, minutes: int, seconds: int) -> None:
    assert parse_go_duration(f"{hours}h{minutes}m{seconds}s") == hours * 3600 + minutes * 60 + seconds
