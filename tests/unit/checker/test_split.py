import pytest

from services.checker.split import LOOKED_AT_IN_A_PIECE, MOST_GLOBS, MOST_TARGETS_NOW, accepted
from services.checker.split import split as split_in_pieces
from shared import subjects
from shared.errors import MessageRefused
from shared.events import LONGEST_LIST_OF_NAMES, CheckRequested


def stops_and_result(request, view, request_id="1-1"):
    """Split to the end; return how often the work stopped for others, and what it came to."""
    work, stops = split_in_pieces(request, view, request_id), 0
    while True:
        try:
            next(work)
        except StopIteration as ended:
            return stops, ended.value
        stops += 1


def split(request, view, request_id):
    return stops_and_result(request, view, request_id)[1]


def targets_of(result):
    return [target.name for target in result.targets]


def subjects_of(result):
    return [result.subject(target) for target in result.targets]


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
    assert result.body.checks is None
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
    assert [subjects.parse_run(subject).pool for subject in subjects_of(result)] == ["default", "berlin"]


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
    assert {subjects.parse_run(subject).lane for subject in subjects_of(result)} == {result.lane} == {lane}


def test_same_list_of_checks_in_any_order_is_the_same_unit_of_work(fleet):
    one = split(CheckRequested(checks=["pg_one", "pg_two"]), fleet.view, "1-1")
    other = split(CheckRequested(checks=["pg_two", "pg_one", "pg_o*"]), fleet.view, "1-2")
    assert one.what == other.what
    assert subjects_of(one) == subjects_of(other)


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


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        pytest.param({}, 2, id="the checks of three pieces of targets"),
        pytest.param({"selector": {"environment": "prod*"}}, 2 + 2, id="before that the labels of three pieces"),
        pytest.param({"targets": ["t*", "*9"]}, 2 + 2 + 2, id="before that the names of three pieces for each glob"),
        pytest.param({"checks": ["pg_one"]}, 1 + 2, id="before that all targets for each of two checks"),
    ],
)
def test_much_work_stops_between_its_pieces_so_that_others_can_go_first(inventory, request_, expected):
    inventory.check("pg_one")
    inventory.check("pg_two")
    for number in range(3 * LOOKED_AT_IN_A_PIECE):
        inventory.target(f"t{number}", labels={"environment": "production"})
    stops, result = stops_and_result(CheckRequested.model_validate(request_), inventory.view)
    assert len(result.targets) == 3 * LOOKED_AT_IN_A_PIECE
    assert stops == expected


def test_a_request_for_one_among_many_never_stops(inventory):
    inventory.check("pg_one")
    for number in range(3 * LOOKED_AT_IN_A_PIECE):
        inventory.target(f"t{number}")
    stops, result = stops_and_result(CheckRequested(targets=["t7"], checks=["pg_*"]), inventory.view)
    assert (stops, targets_of(result)) == (0, ["t7"])
