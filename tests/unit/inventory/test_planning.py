import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import subjects
from shared.configuration import Alertmanager, Alertmanagers, Disabled, Installation, Interval, Setting
from tests.unit.inventory.samples import Bucket, a_check, a_target, an_inventory, bucket_with
from watchword.inventory.planning import Plan, WouldRemoveEverything, make_plan, require_targets
from watchword.inventory.problems import InventoryRefused, Problem
from watchword.inventory.settings import AUTHOR
from watchword.inventory.showing import plan_as_json, plan_lines, summary


def steps(plan: Plan) -> list[tuple[str, str, str]]:
    return [(step.action, step.kind, ".".join(step.names)) for step in plan.steps]


def test_an_empty_bucket_gets_settings_then_checks_then_targets() -> None:
    settings: dict[tuple[str, ...], Setting] = {("disabled", "pg_a"): Disabled(author=AUTHOR)}
    inventory = an_inventory(a_target("db"), a_check("pg_a"), settings=settings)
    assert steps(make_plan(inventory, Bucket().snapshot)) == [
        ("add", "setting", "file.disabled.pg_a"),
        ("add", "check", "pg_a"),
        ("add", "target", "db"),
    ]


def test_what_is_gone_from_the_file_is_removed_last_and_targets_first() -> None:
    bucket = bucket_with(a_target("old"), a_check("pg_old"))
    bucket.put(subjects.setting_key("file", "disabled", "pg_old"), Disabled(author=AUTHOR))
    assert steps(make_plan(an_inventory(a_target("new"), a_check("pg_new")), bucket.snapshot)) == [
        ("add", "check", "pg_new"),
        ("add", "target", "new"),
        ("remove", "target", "old"),
        ("remove", "check", "pg_old"),
        ("remove", "setting", "file.disabled.pg_old"),
    ]


def test_the_same_inventory_changes_nothing() -> None:
    inventory = an_inventory(a_target("db", labels={"a": "b"}, parameters={"pg_a": {"most": 2.5}}), a_check("pg_a"))
    bucket = Bucket()
    bucket.write(make_plan(inventory, bucket.snapshot))
    assert make_plan(inventory, bucket.snapshot).steps == ()
    assert summary(make_plan(inventory, bucket.snapshot)) == "nothing to change"


def test_a_removed_entry_comes_back_over_its_marker() -> None:
    bucket = bucket_with(a_target("db"))
    bucket.put(subjects.target_key("db"), None)
    (step,) = make_plan(an_inventory(a_target("db")), bucket.snapshot).steps
    assert (step.action, step.expected) == ("add", 2)


def test_what_people_init_and_up_set_stays() -> None:
    bucket = Bucket()
    bucket.put(subjects.setting_key("person", "disabled", "pg_a"), Disabled(author="ada", reason="x"))
    bucket.put(subjects.setting_key("file", "installation"), Installation(author="init", url="urn:watchword:1"))
    am = Alertmanagers(author="watchword up", alertmanagers=(Alertmanager(name="a", urls=("http://a",)),))
    bucket.put(subjects.setting_key("file", "alertmanagers"), am)
    assert make_plan(an_inventory(), bucket.snapshot).steps == ()


def test_the_name_of_an_installation_is_never_removed() -> None:
    bucket = Bucket()
    bucket.put(subjects.setting_key("file", "installation"), Installation(author=AUTHOR, url="https://w.example"))
    assert make_plan(an_inventory(), bucket.snapshot).steps == ()


def test_an_entry_of_a_kind_that_this_version_does_not_know_stays() -> None:
    bucket = Bucket()
    bucket.put("report.weekly", b"{}")
    bucket.put("setting.file.weather", b"{}")
    assert make_plan(an_inventory(), bucket.snapshot).steps == ()


def test_an_entry_that_cannot_be_read_is_written_anew() -> None:
    bucket = Bucket()
    bucket.put(subjects.target_key("db"), b'{"engine": "oracle"}')
    plan = make_plan(an_inventory(a_target("db")), bucket.snapshot)
    assert steps(plan) == [("change", "target", "db")]
    assert plan_lines(plan) == ["~ target db", "    the entry there can't be read; it is written anew"]


@pytest.mark.parametrize(
    ("broken_checks", "broken_sources"),
    [(frozenset({"pg_a"}), frozenset()), (frozenset(), frozenset({"mine/a.yaml"}))],
    ids=["the check is broken", "its file is broken"],
)
def test_a_check_whose_file_cannot_be_read_stays_as_it_is(
    broken_checks: frozenset[str], broken_sources: frozenset[str]
) -> None:
    bucket = bucket_with(a_check("pg_a", source="mine/a.yaml"), a_check("pg_b", source="mine/b.yaml"))
    inventory = an_inventory(broken_checks=broken_checks, broken_sources=broken_sources)
    plan = make_plan(inventory, bucket.snapshot)
    assert steps(plan) == [("remove", "check", "pg_b")]
    assert plan.kept_checks == ("pg_a",)
    assert plan_lines(plan)[-1] == "  check pg_a stays as it is, for its file can't be read"


def test_an_inventory_without_targets_does_not_remove_all_of_them() -> None:
    bucket = bucket_with(a_target("db"), a_target("other"))
    with pytest.raises(WouldRemoveEverything, match=r"remove all 2.*--allow-empty"):
        require_targets(an_inventory(), bucket.snapshot)
    require_targets(an_inventory(a_target("third")), bucket.snapshot)
    require_targets(an_inventory(), Bucket().snapshot)


def test_a_password_in_clear_needs_a_private_pool() -> None:
    inventory = an_inventory(a_target("db", pool="berlin"), a_target("other"), passwords={"db": "hunter2"})
    warning = Problem(inventory.file, 2, 5, "targets[0].password", "a password in clear", severity="warning")
    object.__setattr__(inventory, "warnings", (warning,))
    with pytest.raises(InventoryRefused, match=r"watchword.yaml:2:5: targets\[0\].password: .*watchword up --config"):
        make_plan(inventory, Bucket().snapshot)
    plan = make_plan(inventory, Bucket().snapshot, "private-1")
    pools = {step.value.name: step.value.pool for step in plan.steps if step.value is not None}  # type: ignore[attr-defined] # targets
    assert pools == {"db": "private-1", "other": "default"}
    assert "hunter2" not in repr(plan)
    assert "hunter2" not in str(plan_as_json(plan))


def test_a_plan_names_each_field_that_changes() -> None:
    bucket = bucket_with(
        a_target("db", host="old", labels={"team": "a", "site": "x"}), a_check("pg_a", script="a " * 50)
    )
    bucket.put(subjects.setting_key("file", "schedule", "all"), Interval(author=AUTHOR, schedule="1h"))
    inventory = an_inventory(
        a_target("db", host="new", port=5433, labels={"team": "b"}, password={"env": "WATCHWORD_SECRET_A"}),
        a_check("pg_a", script="other " * 50),
        settings={("schedule", "all"): Interval(author=AUTHOR, schedule="2h")},
    )
    assert plan_lines(make_plan(inventory, bucket.snapshot)) == [
        "~ setting schedule all",
        "    schedule: 1h → 2h",
        "~ check pg_a",
        "    script changes",
        "~ target db",
        "    host: old → new",
        "    labels.site: x → (none)",
        "    labels.team: a → b",
        "    password.env: (none) → WATCHWORD_SECRET_A",
        "    port: (none) → 5433",
    ]


def test_many_new_built_in_checks_are_one_line() -> None:
    checks = [a_check(f"pg_{number}") for number in range(9)]
    own = a_check("pg_own", source="mine.yaml")
    plan = make_plan(an_inventory(*checks, own, a_target("db")), Bucket().snapshot)
    assert plan_lines(plan) == [
        "+ 9 built-in checks",
        "+ check pg_own: postgresql, mine.yaml",
        "+ target db: postgresql at db1:5432, pool default",
    ]
    assert summary(plan) == "11 to add"
    assert len(plan_as_json(plan)) == 11


hosts = st.sampled_from(["one", "two"])


@given(st.lists(st.dictionaries(st.sampled_from(["a", "b", "c.d", "ü"]), hosts, max_size=4), min_size=1, max_size=6))
def test_after_each_inventory_the_bucket_holds_exactly_it(inventories: list[dict[str, str]]) -> None:
    bucket = Bucket()
    for wanted in inventories:
        inventory = an_inventory(*(a_target(name, host=host) for name, host in wanted.items()))
        bucket.write(make_plan(inventory, bucket.snapshot))
        assert {target.name: target.host for target in bucket.snapshot.view.all_targets()} == wanted
        assert make_plan(inventory, bucket.snapshot).steps == ()
