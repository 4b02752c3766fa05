import datetime as dt
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scheduler.units import Unit, Units
from shared.configuration import SETTING_MODELS, Change, ParametersSet, RiskAccepted
from shared.errors import ScheduleRefused
from shared.schedules import parse_timing, revision_of, schedules_of, timing_of
from tests.unit.shared.inventory import Written, a_check, a_target

ACCEPTED = RiskAccepted(check="p", target="p1", until=dt.datetime(2027, 1, 1, tzinfo=dt.UTC))
PARAMETERS = ParametersSet(check="p", values={"threshold": 5})


def keys(units: Units) -> set[tuple[str, str]]:
    return {unit.key for unit in units}


def refreshed(written: Written) -> Units:
    units = Units(written.view)
    units.refresh()
    return units


def noted(written: Written, units: Units, change: Change) -> set[tuple[str, str]]:
    """Tell of a change, and return which units it touched."""
    units.note(change)
    return units.refresh()


def test_checks_of_one_schedule_travel_together() -> None:
    written = Written(a_check("a"), a_check("b"), a_check("c", interval="frequent"), a_target("t"))
    assert keys(refreshed(written)) == {("t", "standard"), ("t", "frequent")}


def test_a_target_has_only_units_for_checks_of_its_engine() -> None:
    written = Written(a_check("a"), a_check("m", engine="mongodb", interval="rare"), a_target("t"))
    assert keys(refreshed(written)) == {("t", "standard")}


def test_a_target_without_any_check_has_no_unit() -> None:
    written = Written(a_check("a", engine="mysql"), a_target("t"))
    assert keys(refreshed(written)) == set()


def test_a_unit_knows_its_pool_its_timing_and_the_newest_revision_it_depends_on() -> None:
    written = Written(a_check("a"), a_check("b"), a_target("t", pool="berlin"))
    (unit,) = refreshed(written)
    assert (unit.pool, unit.timing, unit.revision) == ("berlin", parse_timing("24h"), 3)


@pytest.mark.parametrize(
    ("change", "touched"),
    [
        pytest.param(lambda w: w.put(a_target("p1", labels={"a": "b"})), {"p1"}, id="target-changed"),
        pytest.param(lambda w: w.put(a_target("p3")), {"p3"}, id="target-new"),
        pytest.param(lambda w: w.remove(a_target("p1")), {"p1"}, id="target-removed"),
        pytest.param(lambda w: w.put(a_check("p", script="x")), {"p1", "p2"}, id="check-changed"),
        pytest.param(lambda w: w.put(a_check("p", engine="mysql")), {"p1", "p2", "m1"}, id="check-of-another-engine"),
        pytest.param(lambda w: w.remove(a_check("p")), {"p1", "p2"}, id="check-removed"),
        pytest.param(lambda w: w.disable("p"), {"p1", "p2"}, id="disabled-everywhere"),
        pytest.param(lambda w: w.disable("p", "p2"), {"p2"}, id="disabled-on-one"),
        pytest.param(lambda w: w.schedule("1h", "p"), {"p1", "p2"}, id="interval-of-a-check"),
        pytest.param(lambda w: w.schedule("1h", "p", "p1"), {"p1"}, id="interval-on-one"),
        pytest.param(lambda w: w.set(ACCEPTED, "exception", "p", "p1", "0f"), {"p1"}, id="finding-accepted"),
        pytest.param(lambda w: w.set(PARAMETERS, "parameters", "p", "0f"), {"p1", "p2"}, id="parameters-of-a-check"),
        pytest.param(lambda w: w.mean("standard", "12h"), {"p1", "p2", "m1"}, id="meaning-of-a-name"),
        pytest.param(lambda w: w.mean("all", "12h"), {"p1", "p2", "m1"}, id="interval-for-all"),
        pytest.param(lambda w: w.disable("nobody"), set(), id="check-that-does-not-exist"),
        pytest.param(lambda w: w.set(SETTING_MODELS["muting"](), "muting"), set(), id="no-question-of-time"),
    ],
)  # fmt: skip
def test_a_change_touches_only_the_targets_it_is_about(change: Callable[[Written], Change], touched: set[str]) -> None:
    written = Written(
        a_check("p"), a_check("m", engine="mysql"), a_target("p1"), a_target("p2"), a_target("m1", engine="mysql")
    )
    units = refreshed(written)
    assert {target for target, _ in noted(written, units, change(written))} == touched
    assert units.is_current


def test_changing_one_check_computes_nothing_for_targets_of_other_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    written = Written(a_check("p"), a_target("p1"), *(a_target(f"m{n}", engine="mysql") for n in range(50)))
    units = refreshed(written)
    noted(written, units, written.put(a_target("moved")))
    noted(written, units, written.put(a_target("moved", engine="mysql")))
    computed = []
    compute = Units._units_of
    monkeypatch.setattr(Units, "_units_of", lambda self, target: computed.append(target.name) or compute(self, target))
    noted(written, units, written.put(a_check("p", script="x")))
    assert computed == ["p1"]


def test_a_check_that_is_on_for_one_target_only_is_followed_there() -> None:
    written = Written(a_check("p"), a_target("t1"), a_target("t2"))
    written.disable("p")
    written.disable("p", "t2", disabled=False)
    units = refreshed(written)
    assert keys(units) == {("t2", "standard")}
    assert noted(written, units, written.put(a_check("p", script="x"))) == {("t2", "standard")}


@pytest.mark.parametrize(
    "setting",
    [
        pytest.param(lambda w: w.schedule("every full moon", "p"), id="unknown-schedule"),
        pytest.param(lambda w: w.schedule("x" * 121, "p"), id="schedule-too-long-for-a-subject"),
    ],
)
def test_what_cant_be_scheduled_is_told_and_the_others_go_on(setting: Callable[[Written], Change]) -> None:
    written = Written(a_check("p"), a_check("q", interval="rare"), a_target("t1"), a_target("t2"))
    units = refreshed(written)
    noted(written, units, setting(written))
    assert ("t2", "rare") in keys(units)
    assert units.refused
    noted(written, units, written.schedule("1h", "p"))
    noted(written, units, written.put(a_target("t1")))
    assert not units.refused
    assert ("t1", "1h") in keys(units)


def test_a_removed_target_is_refused_no_more() -> None:
    written = Written(a_check("p"), a_target("t"))
    written.schedule("nonsense", "p")
    units = refreshed(written)
    assert list(units.refused) == [("t", "nonsense")]
    noted(written, units, written.remove(a_target("t")))
    assert not units.refused


NAMES = st.sampled_from(["a", "b", "c"])
TARGETS = st.sampled_from(["t1", "t2", "t3"])
SCHEDULES = st.sampled_from(["standard", "frequent", "5m", "0 3 * * *", "nonsense"])
ENGINES = st.sampled_from(["postgresql", "mysql"])
ACTS = st.one_of(
    st.tuples(st.just("put check"), NAMES, ENGINES, st.sampled_from(["standard", "frequent", "rare"])),
    st.tuples(st.just("remove check"), NAMES),
    st.tuples(st.just("put target"), TARGETS, ENGINES, st.sampled_from(["default", "other"])),
    st.tuples(st.just("remove target"), TARGETS),
    st.tuples(st.just("disable"), NAMES, st.booleans()),
    st.tuples(st.just("disable on"), NAMES, TARGETS, st.booleans()),
    st.tuples(st.just("schedule"), NAMES, SCHEDULES),
    st.tuples(st.just("schedule on"), NAMES, TARGETS, SCHEDULES),
    st.tuples(st.just("accept"), NAMES, TARGETS),
    st.tuples(st.just("parameters"), NAMES, TARGETS),  # whose digest may well be the name of a target
    st.tuples(st.just("mean"), st.sampled_from(["standard", "frequent", "all"]), SCHEDULES),
    st.tuples(st.just("refresh")),
)


def act(written: Written, what: tuple[str, ...]) -> Change | None:
    match what:
        case ("put check", name, engine, interval):
            return written.put(a_check(name, engine=engine, interval=interval))
        case ("remove check", name):
            return written.remove(a_check(name))
        case ("put target", name, engine, pool):
            return written.put(a_target(name, engine=engine, pool=pool))
        case ("remove target", name):
            return written.remove(a_target(name))
        case ("disable", name, disabled):
            return written.disable(name, disabled=bool(disabled))
        case ("disable on", name, target, disabled):
            return written.disable(name, target, disabled=bool(disabled))
        case ("schedule", name, schedule):
            return written.schedule(schedule, name)
        case ("schedule on", name, target, schedule):
            return written.schedule(schedule, name, target)
        case ("accept", name, target):
            return written.set(ACCEPTED, "exception", name, target, "0f")
        case ("parameters", name, digest):
            return written.set(PARAMETERS, "parameters", name, digest)
        case ("mean", name, schedule):
            return written.mean(name, schedule)
        case _:
            return None


def from_scratch(written: Written) -> dict[tuple[str, str], tuple[str, object, int]]:
    """What the units must be, computed in the plain way for each target."""
    units: dict[tuple[str, str], tuple[str, object, int]] = {}
    for target in written.view.all_targets():
        for schedule, checks in schedules_of(written.view, target).items():
            try:
                timing = timing_of(written.view, schedule)
            except ScheduleRefused:
                continue
            units[target.name, schedule] = (target.pool, timing, revision_of(written.view, target, checks))
    return units


@settings(max_examples=300)
@given(st.lists(ACTS, max_size=30))
def test_units_kept_change_by_change_are_those_computed_from_scratch(acts: list[tuple[str, ...]]) -> None:
    written = Written()
    units = Units(written.view)
    for what in acts:
        before = {unit.key: unit for unit in units}
        change = act(written, what)
        if change is not None:
            units.note(change)
            continue
        touched = units.refresh()
        after = {unit.key: unit for unit in units}
        assert len(units) == len(after)
        assert touched == {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    units.refresh()
    assert {unit.key: shape(unit) for unit in units} == from_scratch(written)
    assert {unit.key: shape(unit) for unit in refreshed(written)} == from_scratch(written)


def shape(unit: Unit) -> tuple[str, object, int]:
    return unit.pool, unit.timing, unit.revision
