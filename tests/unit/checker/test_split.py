import pytest

from services.checker.split import MOST_GLOBS, MOST_TARGETS_NOW, accepted, split
from shared import subjects
from shared.errors import MessageRefused
from shared.events import LONGEST_LIST_OF_NAMES, CheckRequested


def targets_of(result):
    return [part.target for part in result.parts]


@pytest.fixture
def fleet(inventory):
    inventory.target("orders-db", labels={"environment": "production"})
    inventory.target("orders-replica", labels={"environment": "production"}, pool="berlin")
    inventory.target("shop", engine="mysql", labels={"environment": "staging"})
    inventory.check("pg_one")
    inventory.check("pg_two")
    inventory.check("my_one", engine="mysql")
    return inventory


def test_empty_request_asks_for_every_check_on_every_target(fleet):
    result = split(CheckRequested(), fleet.view, "1-1")
    assert targets_of(result) == ["orders-db", "orders-replica", "shop"]
    assert result.what == "all"
    assert all(part.body.checks is None for part in result.parts)
    assert result.unknown == ()


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        pytest.param({"targets": ["orders-db"]}, ["orders-db"], id="one target by name"),
        pytest.param({"targets": "orders-db"}, ["orders-db"], id="a single name without a list"),
        pytest.param({"targets": ["orders-*"]}, ["orders-db", "orders-replica"], id="targets by glob"),
        pytest.param({"engine": "mysql"}, ["shop"], id="targets by engine"),
        pytest.param({"selector": {"environment": "prod*"}}, ["orders-db", "orders-replica"], id="by label"),
        pytest.param({"checks": ["my_one"]}, ["shop"], id="only targets that have the check"),
        pytest.param({"targets": ["*"], "checks": ["pg_*"]}, ["orders-db", "orders-replica"], id="both globs"),
    ],
)
def test_request_chooses_its_targets(fleet, request_, expected):
    assert targets_of(split(CheckRequested.model_validate(request_), fleet.view, "1-1")) == expected


def test_each_part_goes_to_the_pool_of_its_target(fleet):
    result = split(CheckRequested(targets=["orders-*"]), fleet.view, "1-1")
    assert [subjects.parse_run(part.subject).pool for part in result.parts] == ["default", "berlin"]


def test_what_names_nothing_is_listed_and_the_rest_runs(fleet):
    result = split(CheckRequested(targets=["orders-db", "oders-db"], checks=["pg_one", "pg_x*"]), fleet.view, "1-1")
    assert targets_of(result) == ["orders-db"]
    assert result.unknown == ("oders-db", "pg_x*")


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        pytest.param({"targets": ["nobody"]}, "unknown nobody", id="unknown target"),
        pytest.param({"checks": ["nothing"]}, "unknown nothing", id="unknown check"),
        pytest.param({"selector": {"environment": "x"}}, "no target has environment=x", id="label without a match"),
        pytest.param({"engine": "oracle"}, "unknown engine oracle", id="unknown engine"),
    ],
)
def test_request_that_matches_nothing_is_refused_with_the_reason(fleet, request_, reason):
    with pytest.raises(MessageRefused, match=reason):
        split(CheckRequested.model_validate(request_), fleet.view, "1-1")


def test_empty_inventory_says_how_to_fill_it(inventory):
    with pytest.raises(MessageRefused, match="watchword apply"):
        split(CheckRequested(), inventory.view, "1-1")


def test_disabled_check_is_not_asked_for(fleet):
    fleet.disable("pg_one", "orders-db")
    result = split(CheckRequested(checks=["pg_one"]), fleet.view, "1-1")
    assert targets_of(result) == ["orders-replica"]


def test_removed_target_is_not_asked_for(fleet):
    fleet.view.apply(subjects.target_key("shop"), None, 99)
    assert targets_of(split(CheckRequested(), fleet.view, "1-1")) == ["orders-db", "orders-replica"]


@pytest.mark.parametrize(("count", "lane"), [(MOST_TARGETS_NOW, "now"), (MOST_TARGETS_NOW + 1, "bulk")])
def test_large_request_leaves_the_lane_of_people_free(inventory, count, lane):
    inventory.check("pg_one")
    for number in range(count):
        inventory.target(f"t{number}")
    result = split(CheckRequested(), inventory.view, "1-1")
    assert {subjects.parse_run(part.subject).lane for part in result.parts} == {lane}


def test_same_list_of_checks_in_any_order_is_the_same_unit_of_work(fleet):
    one = split(CheckRequested(checks=["pg_one", "pg_two"]), fleet.view, "1-1")
    other = split(CheckRequested(checks=["pg_two", "pg_one", "pg_o*"]), fleet.view, "1-2")
    assert one.what == other.what
    assert [part.subject for part in one.parts] == [part.subject for part in other.parts]


def test_accepted_names_every_target_in_parts_that_fit_a_message(inventory):
    inventory.check("pg_one")
    for number in range(2 * LONGEST_LIST_OF_NAMES + 1):
        inventory.target(f"t{number:05}")
    request = CheckRequested(id="mine", targets=["t*", "unknown"])
    events = accepted(split(request, inventory.view, "7-3"), request, "7-3", 3, 11)
    assert [(event.part, event.parts, len(event.targets)) for event in events] == [
        (1, 3, LONGEST_LIST_OF_NAMES),
        (2, 3, LONGEST_LIST_OF_NAMES),
        (3, 3, 1),
    ]
    assert events[0].unknown == ["unknown"]
    assert all((event.id, event.first, event.sequence) == ("mine", 11, 3) for event in events)


def test_names_without_end_are_taken_and_globs_without_end_are_refused(fleet):
    names = [f"n{number}" for number in range(20_000)]
    result = split(CheckRequested(targets=[*names, *["orders-*"] * 1000]), fleet.view, "1-1")
    assert (targets_of(result), len(result.unknown)) == (["orders-db", "orders-replica"], 20_000)
    with pytest.raises(MessageRefused, match=f"more than {MOST_GLOBS} globs in one list; write names"):
        split(CheckRequested(targets=[f"*{name}*" for name in names]), fleet.view, "1-1")
