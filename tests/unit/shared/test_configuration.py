"""Is the view what the entries of the bucket say, whatever their order, their origin and their version?"""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import subjects
from shared.checks import Check
from shared.configuration import (
    SETTING_MODELS,
    Alertmanager,
    Alertmanagers,
    Change,
    Configuration,
    Disabled,
    Interval,
    Muting,
    RiskAccepted,
)
from shared.targets import Target
from tests.unit.shared.inventory import Written, a_check, a_target


def test_targets_and_checks_are_known_by_name_with_their_revision() -> None:
    view = Written(a_check("c"), a_target("t")).view
    assert view.check("c") == a_check("c")
    assert view.target("t") == a_target("t")
    assert (view.checks["c"].revision, view.targets["t"].revision, view.revision) == (1, 2, 2)


def test_lists_are_in_the_order_of_names() -> None:
    written = Written(a_target("b"), a_target("a"), a_check("d"), a_check("c"), a_target("x"))
    written.remove(a_target("x"))
    assert [target.name for target in written.view.all_targets()] == ["a", "b"]
    assert [check.name for check in written.view.all_checks()] == ["c", "d"]


def test_what_is_absent_was_not_removed() -> None:
    view = Configuration()
    assert view.target("t") is None
    assert not view.is_target_removed("t")
    assert not view.is_check_removed("c")


def test_only_an_explicit_removal_removes_and_it_can_come_back() -> None:
    written = Written(a_target("t"), a_check("c"))
    written.remove(a_target("t"))
    written.remove(a_check("c"))
    assert written.view.is_target_removed("t")
    assert written.view.is_check_removed("c")
    assert written.view.target("t") is None
    written.put(a_target("t"))
    assert not written.view.is_target_removed("t")


def test_a_removal_of_what_was_never_seen_is_one_all_the_same() -> None:
    written = Written()
    written.remove(a_target("t"))
    assert written.view.is_target_removed("t")


@pytest.mark.parametrize(
    ("act", "change"),
    [
        pytest.param(lambda w: w.put(a_target("t")), Change("target", "t", 1, is_removal=False), id="target"),
        pytest.param(lambda w: w.remove(a_check("c")), Change("check", "c", 1, is_removal=True), id="check-removed"),
        pytest.param(
            lambda w: w.disable("c", "t"),
            Change("setting", "disabled", 1, is_removal=False, names=("c", "t")),
            id="setting",
        ),
        pytest.param(
            lambda w: w.set(None, "muting"), Change("setting", "muting", 1, is_removal=True), id="setting-removed"
        ),
    ],
)
def test_each_entry_says_what_it_changed(act: object, change: Change) -> None:
    assert act(Written()) == change  # type: ignore[operator]


def test_a_persons_word_wins_over_the_files_in_either_order() -> None:
    written = Written()
    written.set(Muting(default="1h"), "muting", origin="person")
    written.set(Muting(default="2h"), "muting", origin="file")
    muting = written.view.setting(Muting, "muting")
    assert muting is not None
    assert muting.default == "1h"


def test_when_a_person_takes_their_word_back_the_files_stands_again() -> None:
    written = Written()
    written.set(Interval(schedule="2h"), "interval", "c", origin="file")
    written.set(Interval(schedule="1h"), "interval", "c", origin="person")
    written.set(None, "interval", "c", origin="person")
    interval = written.view.setting(Interval, "interval", "c")
    assert interval is not None
    assert interval.schedule == "2h"
    assert written.view.setting_revision("interval", "c") == 3


def test_a_setting_of_one_target_is_not_that_of_all() -> None:
    written = Written()
    written.disable("c", "t")
    assert written.view.setting(Disabled, "disabled", "c") is None
    assert written.view.setting(Disabled, "disabled", "c", "t") is not None
    assert written.view.setting_revision("disabled", "c") == 0


@pytest.mark.parametrize(
    ("key", "data"),
    [
        pytest.param("target.t", b'{"name": "t", "engine": "oracle"}', id="unknown-engine"),
        pytest.param("target.t", b"not JSON", id="no-json"),
        pytest.param("target.t", b"\xff", id="bytes"),
        pytest.param("target.t", b'{"name": "t", "engine": "mysql", "password": "in clear"}', id="password-in-clear"),
        pytest.param("target.t", b'{"name": "t", "password": "in clear"}', id="password-beside-what-is-wrong"),
        pytest.param("target.t", b'{"name": "t", "engine": "mysql", "dsn": "mysql://u:in clear@h"}', id="dsn-in-clear"),
        pytest.param("check.c", b"{}", id="empty-check"),
        pytest.param("setting.person.interval.c", b'{"schedule": 5}', id="setting"),
        pytest.param("setting.person.of_a_newer_version", b"{}", id="unknown-setting"),
        pytest.param("setting.person", b"{}", id="short-key"),
        pytest.param("group.g", b"{}", id="unknown-kind"),
        pytest.param("target.a.b", b"{}", id="long-key"),
        pytest.param("target.%20", b"{}", id="key-not-encoded"),
        pytest.param("", b"{}", id="empty-key"),
    ],
)
def test_what_cant_be_understood_is_remembered_with_its_reason_and_changes_nothing(key: str, data: bytes) -> None:
    written = Written(a_target("t"), a_check("c"))
    written.schedule("1h", "c")
    change = written.view.apply(key, data, 9)
    assert change == Change("unreadable", key, 9, is_removal=False)
    assert written.view.unreadable[key]
    assert "in clear" not in written.view.unreadable[key]
    assert written.view.target("t") == a_target("t")
    assert written.view.check("c") == a_check("c")
    assert written.view.setting(Interval, "interval", "c") == Interval(schedule="1h")
    assert written.view.revision == 9


def test_an_entry_that_can_be_read_again_is_forgotten_as_unreadable() -> None:
    view = Configuration()
    view.apply("target.t", b"{}", 1)
    view.apply("target.t", a_target("t").model_dump_json().encode(), 2)
    assert view.unreadable == {}


def test_unknown_fields_of_settings_are_ignored_but_those_of_targets_are_not() -> None:
    view = Configuration()
    view.apply("setting.file.muting", b'{"default": "2h", "of a newer version": 1}', 1)
    view.apply("target.t", b'{"name": "t", "engine": "mysql", "of a newer version": 1}', 2)
    assert view.setting(Muting, "muting") == Muting(default="2h")
    assert "target.t" in view.unreadable


@pytest.mark.parametrize(
    "setting",
    [
        RiskAccepted(check="c", target="t", labels={"a": "b"}, until=dt.datetime(2027, 1, 1, tzinfo=dt.UTC)),
        Alertmanagers(alertmanagers=(Alertmanager(name="a", urls=("http://a:9093/alertmanager",)),)),
        Disabled(author="ann", reason="known", at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC)),
    ],
    ids=lambda setting: type(setting).__name__,
)
def test_settings_come_back_as_they_were_written(setting: object) -> None:
    kind = next(kind for kind, model in SETTING_MODELS.items() if type(setting) is model)
    written = Written()
    written.set(setting, kind, "name")  # type: ignore[arg-type]
    assert written.view.setting(type(setting), kind, "name") == setting


WRITTEN = st.one_of(st.none(), st.sampled_from(["default", "berlin", "broken"]))
ENTRIES = st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), WRITTEN), max_size=20)


@given(ENTRIES)
def test_reading_only_the_last_of_each_key_gives_the_same_view_as_reading_all(
    entries: list[tuple[str, str | None]],
) -> None:
    """A snapshot has the last entry of each key; who was there all the time saw every one."""
    data = [
        (
            subjects.target_key(name),
            None
            if pool is None
            else b"{"
            if pool == "broken"
            else a_target(name, pool=pool).model_dump_json().encode(),
            revision,
        )
        for revision, (name, pool) in enumerate(entries, 1)
    ]
    everything, snapshot = Configuration(), Configuration()
    for entry in data:
        everything.apply(*entry)
    last = {key: (key, body, revision) for key, body, revision in data}
    for entry in sorted(last.values(), key=lambda entry: entry[2]):
        snapshot.apply(*entry)
    assert everything.unreadable == snapshot.unreadable
    assert everything.revision == snapshot.revision
    for key, (_, body, _) in last.items():
        if body != b"{":  # of what can't be read, the last readable value stays with who saw it
            name = key.removeprefix("target.")
            assert everything.targets[name] == snapshot.targets[name]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param(subjects.target_key("t"), a_target("another"), id="target"),
        pytest.param(subjects.check_key("t"), a_check("another"), id="check"),
    ],
)
def test_an_entry_that_speaks_of_something_else_than_its_key_is_not_believed(key: str, value: Target | Check) -> None:
    view = Configuration()
    change = view.apply(key, value.model_dump_json().encode(), 1)
    assert change.kind == "unreadable"
    assert "it is about 'another', and its key about 't'" in view.unreadable[key]
    assert not view.all_targets()
    assert not view.all_checks()
