"""When a check is late, and when it is blind."""

import datetime as dt
from typing import Any

import pytest

from services.publisher.looks import NEVER, Judgement, Look, in_vain_at, judge, overdue_at
from shared import subjects
from shared.schedules import Cron, Every
from tests.unit.publisher.news import NOON, Book, after

DAY = dt.timedelta(days=1)
HOUR = dt.timedelta(hours=1)
AT_THREE = Cron("0 3 * * *", "Europe/Berlin")


def moment(day: int, hour: int = 12, minute: int = 0) -> dt.datetime:
    return dt.datetime(2026, 11, day, hour, minute, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("timing", "since", "late_at"),
    [
        pytest.param(Every(DAY), NOON, after(days=2), id="twice-the-interval"),
        pytest.param(Every(dt.timedelta(seconds=1)), NOON, after(seconds=2), id="the-shortest"),
        pytest.param(AT_THREE, NOON, moment(25, 2), id="cron-two-firings"),
        pytest.param(AT_THREE, moment(24, 2), moment(26, 2), id="cron-just-fired"),
        pytest.param(Cron("0 3 1 1 *", "UTC"), NOON, dt.datetime(2028, 1, 1, 3, tzinfo=dt.UTC), id="cron-once-a-year"),
    ],
)
def test_a_check_is_late_after_twice_its_interval(
    timing: Every | Cron, since: dt.datetime, late_at: dt.datetime
) -> None:
    assert overdue_at(timing, since) == late_at


@pytest.mark.parametrize(
    ("timing", "verdict_at", "changed_at", "blind_at"),
    [
        pytest.param(Every(DAY), NOON, after(days=-9), after(hours=25), id="an-hour-after-the-next-look"),
        pytest.param(Every(dt.timedelta(minutes=5)), NOON, after(days=-9), after(minutes=10), id="two-looks-failed"),
        pytest.param(Every(DAY), None, NOON, after(hours=1), id="never-looked-at"),
        pytest.param(Every(DAY), NOON, after(hours=3), after(hours=4), id="changed-since-then"),
        pytest.param(AT_THREE, NOON, after(days=-9), moment(24, 3), id="cron-an-hour-after-it-fired"),
        pytest.param(AT_THREE, None, NOON, after(hours=1), id="cron-never-looked-at"),
    ],
)
def test_an_error_lasts_when_it_stands_after_the_next_look(
    timing: Every | Cron, verdict_at: dt.datetime | None, changed_at: dt.datetime, blind_at: dt.datetime
) -> None:
    assert in_vain_at(timing, verdict_at, changed_at, HOUR) == blind_at


def judged(looks: dict[str, Look], now: dt.datetime, **more: Any) -> Judgement:
    book = Book()
    book.target()
    book.check("superusers")
    book.check("tls", interval="frequent")
    target = book.view.target("db-1")
    assert target is not None
    return judge(book.view, target, looks, now, **more)


def test_a_new_target_is_not_late_at_once() -> None:
    now = judged({}, after(hours=7, minutes=59))
    assert (now.checks, dict(now.late), now.may_be_late) == (2, {}, True)
    assert now.look_again_at == after(hours=8)


def test_each_check_is_measured_by_its_own_schedule() -> None:
    now = judged({}, after(hours=8))
    assert list(now.late) == ["tls"]
    assert now.late_at == after(hours=8)
    assert now.look_again_at == after(hours=48)


def test_results_of_a_stream_made_anew_count_from_its_making() -> None:
    assert judged({}, after(days=9), not_before=after(days=9)).late == {}


def test_a_verdict_makes_it_well_and_an_error_is_a_look_too() -> None:
    looks = {"superusers": Look(after(days=2), None), "tls": Look(NOON, after(days=2), "gone")}
    now = judged(looks, after(days=2, minutes=1))
    assert not now.late
    assert dict(now.blind) == {"tls": "gone"}
    assert now.blind_at == after(hours=5)


def test_an_error_before_the_last_verdict_says_nothing() -> None:
    looks = {name: Look(after(days=2), after(days=1), "gone") for name in ("superusers", "tls")}
    assert judged(looks, after(days=2, minutes=1)).is_well


def test_a_fresh_error_is_too_early_to_tell() -> None:
    looks = {"superusers": Look(NOON, after(hours=1), "gone"), "tls": Look(NOON, None)}
    now = judged(looks, after(hours=1))
    assert (dict(now.blind), now.may_be_blind, now.is_well) == ({}, True, False)


def test_what_was_late_before_a_change_may_still_be_late() -> None:
    looks = {"superusers": Look(after(days=-9), None), "tls": Look(after(days=-9), None)}
    now = judged(looks, after(hours=1))
    assert (dict(now.late), now.may_be_late) == ({}, True)


def test_a_schedule_that_nobody_understands_is_late_after_two_days() -> None:
    book = Book()
    book.target()
    book.check()
    book.configure(subjects.setting_key("file", "interval", "superusers"), b'{"schedule": "every other moon"}')
    target = book.view.target("db-1")
    assert target is not None
    assert not judge(book.view, target, {}, after(hours=47)).late
    assert judge(book.view, target, {}, after(hours=48)).late


def test_a_target_without_enabled_checks_is_well_for_ever() -> None:
    book = Book()
    book.target()
    book.check()
    book.disable()
    target = book.view.target("db-1")
    assert target is not None
    now = judge(book.view, target, {}, after(days=400))
    assert now.is_well
    assert now.look_again_at == NEVER
