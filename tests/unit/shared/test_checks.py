"""When are two checks the same?"""

import pytest
from pydantic import ValidationError

from shared.checks import Check, Parameter, Query, QueryType, Requirements
from tests.unit.shared.inventory import a_check


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"script": "x"}, id="script"),
        pytest.param({"summary": "x"}, id="summary"),
        pytest.param({"format": 1}, id="format"),
        pytest.param({"interval": "rare"}, id="interval"),
        pytest.param({"queries": (Query(type=QueryType.POSTGRESQL_SELECT, text="2"),)}, id="query"),
        pytest.param(
            {"queries": (Query(type=QueryType.POSTGRESQL_SELECT, text="1", parameters=(("all_dbs", "true"),)),)},
            id="parameter-of-a-query",
        ),
        pytest.param({"parameters": {"threshold": Parameter(default=5)}}, id="parameter"),
        pytest.param({"requires": Requirements(versions=">=15")}, id="requirements"),
    ],
)
def test_another_content_has_another_digest(fields: dict[str, object]) -> None:
    assert a_check(**fields).digest != a_check().digest


def test_where_a_check_was_found_and_who_signed_it_is_no_part_of_it() -> None:
    assert a_check(source="checks/x.yml", signed="eA==", signature="s").digest == a_check().digest


def test_a_check_comes_back_with_the_same_digest() -> None:
    check = a_check(parameters={"threshold": Parameter(default=("a", "b"))})
    assert Check.model_validate_json(check.model_dump_json()).digest == check.digest


@pytest.mark.parametrize("name", ["", "1a", "a-b", "a b", "a.b", "x" * 121, "größe", "a\n"])
def test_a_name_is_one_that_pmm_takes(name: str) -> None:
    with pytest.raises(ValidationError):
        a_check(name)


def test_a_check_asks_something() -> None:
    with pytest.raises(ValidationError):
        a_check(queries=())
