import datetime as dt
import subprocess
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.scheduler.slots import EPOCH, NO_SPLAY, latest_due, next_due, splay_of
from shared.schedules import Cron, Every

MOMENTS = st.integers(min_value=10**15, max_value=4 * 10**15).map(
    lambda micros: EPOCH + dt.timedelta(microseconds=micros)
)
INTERVALS = st.integers(min_value=1, max_value=366 * 86400).map(lambda seconds: Every(dt.timedelta(seconds=seconds)))
LINES = st.sampled_from(
    [
        "* * * * *",
        "*/15 * * * *",
        "30 * * * *",
        "0 3 * * *",
        "30 2 * * *",
        "0 2,3 * * *",
        "15 1-3 * * *",
        "30 3 * * 1",
        "0 0 1 * *",
        "0 12 L * *",
        "59 23 31 12 *",
    ]
)
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])
CRONS = st.builds(Cron, LINES, ZONES)
CHANGES_OF_CLOCKS = [
    dt.datetime(2026, 3, 29, 0, 59, 59, tzinfo=dt.UTC),
    dt.datetime(2026, 10, 25, 0, 10, tzinfo=dt.UTC),
    dt.datetime(2026, 10, 25, 1, 10, tzinfo=dt.UTC),
]


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@given(timing=INTERVALS, target=st.text(min_size=1), schedule=st.text(min_size=1))
def test_the_splay_of_an_interval_lies_within_it(timing: Every, target: str, schedule: str) -> None:
    splay = splay_of(target, schedule, timing)
    assert NO_SPLAY <= splay < timing.interval
    assert splay.microseconds == 0


def test_the_splay_is_the_same_in_every_process() -> None:
    program = (
        "import datetime as dt; from services.scheduler.slots import splay_of; from shared.schedules import Every; "
        "print(splay_of('orders-1', 'standard', Every(dt.timedelta(days=1))))"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert runs == {f"{splay_of('orders-1', 'standard', Every(dt.timedelta(days=1)))}\n"}


def test_splays_spread_a_fleet_over_the_interval() -> None:
    day = Every(dt.timedelta(days=1))
    hours = [splay_of(f"target-{number}", "standard", day) // dt.timedelta(hours=1) for number in range(2400)]
    by_hour = [hours.count(hour) for hour in range(24)]
    assert min(by_hour) > 60
    assert max(by_hour) < 140


def test_the_schedules_of_one_target_have_splays_of_their_own() -> None:
    day = Every(dt.timedelta(days=1))
    assert splay_of("t", "standard", day) != splay_of("t", "24h", day)


def test_a_cron_line_has_no_splay() -> None:
    assert splay_of("t", "0 3 * * *", Cron("0 3 * * *", "UTC")) == NO_SPLAY


@given(timing=INTERVALS, now=MOMENTS, target=st.text(min_size=1))
def test_the_newest_slot_of_an_interval_is_less_than_an_interval_ago(
    timing: Every, now: dt.datetime, target: str
) -> None:
    splay = splay_of(target, "s", timing)
    latest = latest_due(timing, splay, now)
    assert dt.timedelta(0) <= now - latest < timing.interval
    assert (latest - EPOCH - splay) % timing.interval == dt.timedelta(0)
    assert latest.microsecond == 0
    assert next_due(timing, splay, now) == latest + timing.interval


@given(timing=st.one_of(INTERVALS, CRONS), one=MOMENTS, other=MOMENTS)
def test_slots_never_go_back_while_time_goes_on(timing: Every | Cron, one: dt.datetime, other: dt.datetime) -> None:
    earlier, later = sorted((one, other))
    assert latest_due(timing, NO_SPLAY, earlier) <= latest_due(timing, NO_SPLAY, later)
    assert next_due(timing, NO_SPLAY, earlier) <= next_due(timing, NO_SPLAY, later)


@given(timing=CRONS, now=st.one_of(MOMENTS, st.sampled_from(CHANGES_OF_CLOCKS)))
@example(timing=Cron("30 2 * * *", "Europe/Berlin"), now=CHANGES_OF_CLOCKS[2])
def test_no_firing_of_a_cron_line_lies_between_its_last_and_its_next(timing: Cron, now: dt.datetime) -> None:
    last, following = latest_due(timing, NO_SPLAY, now), next_due(timing, NO_SPLAY, now)
    assert last <= now < following
    assert next_due(timing, NO_SPLAY, last) == following
    assert latest_due(timing, NO_SPLAY, following) == following
    assert last.tzinfo is dt.UTC


@pytest.mark.parametrize(
    ("line", "zone", "now", "last", "following"),
    [
        pytest.param("0 3 * * *", "UTC", "2026-11-23T03:00:00", "2026-11-23T03:00", "2026-11-24T03:00", id="due-now"),
        pytest.param("0 3 * * *", "UTC", "2026-11-23T02:59:59", "2026-11-22T03:00", "2026-11-23T03:00", id="not-yet"),
        pytest.param(
            "0 3 * * *", "Europe/Berlin", "2026-07-01T12:00", "2026-07-01T01:00", "2026-07-02T01:00", id="summer"
        ),
        pytest.param(
            "0 3 * * *", "Europe/Berlin", "2026-12-01T12:00", "2026-12-01T02:00", "2026-12-02T02:00", id="winter"
        ),
        pytest.param("30 3 * * 1", "UTC", "2026-11-25T00:00", "2026-11-23T03:30", "2026-11-30T03:30", id="monday"),
        pytest.param("0 0 29 2 *", "UTC", "2026-11-23T00:00", "2024-02-29T00:00", "2028-02-29T00:00", id="leap-day"),
        pytest.param(
            "0 0 29 * MON", "UTC", "2026-11-23T00:00", "2026-11-23T00:00", "2026-11-29T00:00", id="day-or-weekday"
        ),
        pytest.param(
            "30 2 * * *", "Europe/Berlin", "2026-03-29T00:59:59", "2026-03-28T01:30", "2026-03-29T01:00",
            id="skipped-hour-fires-when-it-is-over",
        ),
        pytest.param(
            "30 2 * * *", "Europe/Berlin", "2026-03-29T01:00:00", "2026-03-29T01:00", "2026-03-30T00:30",
            id="skipped-hour-fires-once",
        ),
        pytest.param(
            "30 2 * * *", "Europe/Berlin", "2026-10-25T00:40", "2026-10-25T00:30", "2026-10-26T01:30",
            id="doubled-hour-fires-in-the-first",
        ),
        pytest.param(
            "30 2 * * *", "Europe/Berlin", "2026-10-25T01:10", "2026-10-25T00:30", "2026-10-26T01:30",
            id="doubled-hour-is-quiet-in-the-second",
        ),
        pytest.param(
            "30 * * * *", "Europe/Berlin", "2026-10-25T01:10", "2026-10-25T00:30", "2026-10-25T01:30",
            id="every-hour-fires-in-both",
        ),
    ],
)  # fmt: skip
def test_cron_lines_fire_in_their_time_zone(line: str, zone: str, now: str, last: str, following: str) -> None:
    timing = Cron(line, zone)
    assert latest_due(timing, NO_SPLAY, utc(now)) == utc(last)
    assert next_due(timing, NO_SPLAY, utc(now)) == utc(following)


def test_a_cron_line_that_fires_once_in_28_years_has_its_slots() -> None:
    timing = Cron("0 0 * 2 MON#5", "UTC")
    assert latest_due(timing, NO_SPLAY, utc("2026-11-23T00:00")) == utc("2016-02-29T00:00")
    assert next_due(timing, NO_SPLAY, utc("2026-11-23T00:00")) == utc("2044-02-29T00:00")
