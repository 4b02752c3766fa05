"""Which check runs when on which target, as the configuration has it?"""

import datetime as dt
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.configuration import SETTING_MODELS, SeverityOverride
from shared.errors import ScheduleRefused
from shared.schedules import (
    Cron,
    Every,
    Timing,
    disabled_by,
    enabled_checks,
    parse_duration,
    parse_timing,
    revision_of,
    schedule_of,
    schedules_of,
    timing_of,
)
from shared.severity import Severity
from tests.unit.shared.inventory import Written, a_check, a_target

SEVERE = SeverityOverride(severity=Severity.ERROR)


def every(**span: float) -> Every:
    return Every(dt.timedelta(**span))


@pytest.mark.parametrize(
    ("text", "span"),
    [
        pytest.param("90s", dt.timedelta(seconds=90), id="seconds"),
        pytest.param("15m", dt.timedelta(minutes=15), id="minutes"),
        pytest.param("12h", dt.timedelta(hours=12), id="hours"),
        pytest.param("1d", dt.timedelta(days=1), id="days"),
        pytest.param("2w", dt.timedelta(weeks=2), id="weeks"),
        pytest.param("1d12h", dt.timedelta(days=1, hours=12), id="together"),
        pytest.param(" 5m ", dt.timedelta(minutes=5), id="spaces-around"),
        pytest.param("0s", dt.timedelta(0), id="nothing"),
    ],
)
def test_durations(text: str, span: dt.timedelta) -> None:
    assert parse_duration(text) == span


@pytest.mark.parametrize(
    "text",
    ["", "5", "m", "-5m", "1.5h", "5 m", "5M", "5m!", "1y", "\uff15m", "1h\n1m", "9" * 400 + "s", "9" * 5000 + "s"],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ScheduleRefused):
        parse_duration(text)


def test_a_duration_of_more_than_a_year_is_refused() -> None:
    assert parse_duration("366d")
    with pytest.raises(ScheduleRefused, match="longer than a year"):
        parse_duration("367d")


@pytest.mark.parametrize(
    ("text", "timing"),
    [
        pytest.param("standard", every(hours=24), id="standard"),
        pytest.param("frequent", every(hours=4), id="frequent"),
        pytest.param("rare", every(hours=78), id="rare"),
        pytest.param("90s", every(seconds=90), id="duration"),
        pytest.param("1s", every(seconds=1), id="shortest"),
        pytest.param("30 3 * * 1", Cron("30 3 * * 1", "UTC"), id="cron"),
        pytest.param("30 3 * * 1 Europe/Berlin", Cron("30 3 * * 1", "Europe/Berlin"), id="cron-with-zone"),
        pytest.param(" */5  *  * * MON-FRI ", Cron("*/5 * * * MON-FRI", "UTC"), id="cron-with-spaces"),
        pytest.param("0 0 29 2 *", Cron("0 0 29 2 *", "UTC"), id="leap-day"),
    ],
)
def test_schedules(text: str, timing: Timing) -> None:
    assert parse_timing(text) == timing


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("", "not a schedule; allowed: standard, frequent", id="empty"),
        pytest.param("hourly", "not a duration", id="unknown-name"),
        pytest.param("0s", "shorter than a second", id="zero"),
        pytest.param("every full moon", "not a schedule; allowed", id="words"),
        pytest.param("30 3 * *", "not a schedule; allowed", id="four-fields"),
        pytest.param("60 3 * * *", "not a cron line", id="minute-60"),
        pytest.param("0 0 31 2 *", "not a cron line", id="never"),
        pytest.param("0 3 * * * Mars/Olympus", "not a known time zone", id="unknown-zone"),
        pytest.param("0 3 * * * ../../etc/passwd", "not a known time zone", id="path-as-zone"),
        pytest.param("0 3 * * * /etc/localtime", "not a known time zone", id="absolute-path-as-zone"),
        pytest.param("0 3 * * * .", "not a known time zone", id="folder-as-zone"),
    ],
)
def test_what_is_no_schedule_is_refused_with_what_is_allowed(text: str, reason: str) -> None:
    with pytest.raises(ScheduleRefused, match=reason):
        parse_timing(text)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=40))
def test_any_text_is_a_schedule_or_refused(text: str) -> None:
    try:
        timing = parse_timing(text)
    except ScheduleRefused:
        return
    assert isinstance(timing, Every | Cron)


def test_a_check_has_its_own_schedule_unless_a_setting_says_otherwise() -> None:
    written = Written(a_check("c", interval="rare"))
    check = written.view.all_checks()[0]
    assert schedule_of(written.view, check, "t") == "rare"
    written.mean("all", "12h")
    assert schedule_of(written.view, check, "t") == "12h"
    written.schedule("1h", "c")
    assert schedule_of(written.view, check, "t") == "1h"
    written.schedule("5m", "c", "t")
    assert schedule_of(written.view, check, "t") == "5m"
    assert schedule_of(written.view, check, "another") == "1h"


def test_the_meaning_of_a_name_can_be_set() -> None:
    written = Written()
    written.mean("frequent", "30m")
    assert timing_of(written.view, "frequent") == every(minutes=30)
    assert timing_of(written.view, "standard") == every(hours=24)


def test_only_names_get_another_meaning() -> None:
    written = Written()
    written.mean("4h", "30m")
    assert timing_of(written.view, "4h") == every(hours=4)


def test_a_check_is_off_where_it_was_disabled() -> None:
    written = Written(a_check("a"), a_check("b"), a_target("t1"), a_target("t2"))
    written.disable("a", "t1")
    assert [check.name for check in enabled_checks(written.view, a_target("t1"))] == ["b"]
    assert [check.name for check in enabled_checks(written.view, a_target("t2"))] == ["a", "b"]
    written.disable("a")
    assert [check.name for check in enabled_checks(written.view, a_target("t2"))] == ["b"]


def test_what_is_said_of_one_target_wins_over_what_is_said_of_all() -> None:
    written = Written(a_check("a"))
    written.disable("a")
    written.disable("a", "t", disabled=False)
    assert disabled_by(written.view, "a", "t") is None
    assert disabled_by(written.view, "a", "another") is not None


def test_checks_of_other_engines_do_not_run() -> None:
    written = Written(a_check("a"), a_check("m", engine="mongodb"))
    assert [check.name for check in enabled_checks(written.view, a_target("t"))] == ["a"]


def test_a_schedule_narrows_the_checks() -> None:
    written = Written(a_check("a"), a_check("b", interval="frequent"))
    assert [check.name for check in enabled_checks(written.view, a_target("t"), "frequent")] == ["b"]
    assert enabled_checks(written.view, a_target("t"), "rare") == []


def test_groups_hold_each_enabled_check_once() -> None:
    written = Written(a_check("a"), a_check("b", interval="frequent"), a_check("c"), a_check("d"))
    written.disable("d")
    groups = schedules_of(written.view, a_target("t"))
    assert {name: [check.name for check in checks] for name, checks in groups.items()} == {
        "standard": ["a", "c"],
        "frequent": ["b"],
    }


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda w: w.put(a_target("t", labels={"a": "b"})), id="target"),
        pytest.param(lambda w: w.put(a_check("c", script="x")), id="check"),
        pytest.param(lambda w: w.disable("c", disabled=False), id="enabled-again"),
        pytest.param(lambda w: w.disable("c", "t", disabled=False), id="enabled-again-here"),
        pytest.param(lambda w: w.schedule("frequent", "c"), id="interval"),
        pytest.param(lambda w: w.schedule("frequent", "c", "t"), id="interval-here"),
        pytest.param(lambda w: w.set(None, "interval", "c"), id="interval-removed"),
        pytest.param(lambda w: w.mean("frequent", "1h"), id="meaning-of-its-schedule"),
        pytest.param(lambda w: w.mean("all", "frequent"), id="interval-of-all"),
        pytest.param(lambda w: w.set(SEVERE, "severity", "c"), id="severity"),
        pytest.param(lambda w: w.set(SEVERE, "severity", "c", "t"), id="severity-here"),
    ],
)
def test_whatever_decides_what_a_check_does_makes_a_newer_revision(act: Callable[[Written], object]) -> None:
    written = Written(a_check("c", interval="frequent"), a_target("t"))
    act(written)
    target = written.view.target("t")
    assert target is not None
    assert revision_of(written.view, target, written.view.all_checks()) == 3


def test_the_meaning_of_a_schedule_that_a_setting_chose_counts_too() -> None:
    written = Written(a_check("c"), a_target("t"))
    written.schedule("frequent", "c")
    written.mean("frequent", "1h")
    assert revision_of(written.view, a_target("t"), written.view.all_checks()) == 4


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda w: w.put(a_target("another")), id="another-target"),
        pytest.param(lambda w: w.put(a_check("another")), id="another-check"),
        pytest.param(lambda w: w.disable("c", "another"), id="check-on-another-target"),
        pytest.param(lambda w: w.mean("rare", "1h"), id="another-schedule"),
        pytest.param(lambda w: w.set(SETTING_MODELS["muting"](), "muting"), id="no-question-of-checks"),
    ],
)
def test_what_is_about_others_makes_no_newer_revision(act: Callable[[Written], object]) -> None:
    written = Written(a_check("c"), a_target("t"))
    act(written)
    assert revision_of(written.view, a_target("t"), [a_check("c")]) == 2
