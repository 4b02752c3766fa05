"""What is asked of Prometheus for a query, and what becomes of its answer."""

import json
from typing import Any

import pytest

from services.checker.engines.protocol import Limits
from services.checker.errors import QueryFailed, ResultTooLarge
from services.checker.metrics import rendered, request_of, rows_of
from shared.checks import Query, QueryType
from shared.targets import Target

URL = "http://prometheus:9090"
TARGET = Target(name="orders-db", engine="mysql", host="db7.example")
NAMED = TARGET.model_copy(update={"labels": {"node_name": "node-7"}})


@pytest.mark.parametrize(
    ("text", "target", "expected"),
    [
        ('up{service_name="{{.ServiceName}}"}', TARGET, 'up{service_name="orders-db"}'),
        ('up{service_name="{{ .ServiceName }}"}', TARGET, 'up{service_name="orders-db"}'),
        ('up{node_name="{{.NodeName}}"}', TARGET, 'up{node_name="db7.example"}'),
        ('up{node_name="{{.NodeName}}"}', NAMED, 'up{node_name="node-7"}'),
        ('up{id="{{.ServiceID}}"}', TARGET, 'up{id=""}'),
        ("a  {{- .ServiceName -}}  b", TARGET, "aorders-dbb"),
        ("a {{/* nothing */}} b", TARGET, "a  b"),
        ("sum(x) by (y)", TARGET, "sum(x) by (y)"),
        ('a{b="{c}"}', TARGET, 'a{b="{c}"}'),
    ],
)
def test_templates_are_filled_in(text: str, target: Target, expected: str) -> None:
    assert rendered(text, target) == expected


@pytest.mark.parametrize(
    "text", ["{{.Name}}", "{{.}}", "{{ServiceName}}", "{{if .ServiceName}}x{{end}}", "{{.ServiceName"]
)
def test_what_go_would_refuse_or_only_go_can_do_is_refused(text: str) -> None:
    with pytest.raises(QueryFailed, match="the query's template has"):
        rendered(text, TARGET)


@pytest.mark.parametrize("name", ['a"} or up{x="', "a\\", "a'b", "a`b", "a\nb"])
def test_no_name_becomes_a_part_of_the_query(name: str) -> None:
    made = rendered('up{x="{{.ServiceName}}"}', TARGET.model_copy(update={"name": name}))
    inside = made.removeprefix('up{x="').removesuffix('"}')
    assert '"' not in inside.replace("\\\\", "").replace('\\"', "")
    assert "\n" not in made
    assert not inside.replace("\\\\", "").endswith("\\")


@pytest.mark.parametrize(
    ("query_type", "parameters", "expected"),
    [
        ("METRICS_INSTANT", {}, ("query", {"time": "1000000.000"})),
        ("METRICS_INSTANT", {"lookback": "1h30m"}, ("query", {"time": "994600.000"})),
        (
            "METRICS_RANGE",
            {"range": "15m", "step": "30s"},
            ("query_range", {"start": "999100.000", "end": "1000000.000", "step": "30"}),
        ),
        (
            "METRICS_RANGE",
            {"range": "15m", "step": "500ms", "lookback": "1m"},
            ("query_range", {"start": "999040.000", "end": "999940.000", "step": "0.5"}),
        ),
    ],
)
def test_times_are_counted_from_the_lookback(
    query_type: str, parameters: dict[str, str], expected: tuple[str, dict[str, str]]
) -> None:
    query = Query(type=QueryType(query_type), text="up", parameters=tuple(sorted(parameters.items())))
    path, form = expected
    assert request_of(query, TARGET, 1_000_000.0) == (path, {"query": "up", **form})


@pytest.mark.parametrize("parameters", [{"range": "1d", "step": "1s"}, {"range": "1h"}])
def test_a_duration_that_go_does_not_read_is_refused(parameters: dict[str, str]) -> None:
    query = Query(type=QueryType.METRICS_RANGE, text="up", parameters=tuple(sorted(parameters.items())))
    with pytest.raises(QueryFailed, match="which is no duration"):
        request_of(query, TARGET, 1_000_000.0)


def answer(kind: str, result: Any) -> bytes:
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}}).encode()


def test_a_vector_has_pmms_shape_with_times_as_floats() -> None:
    (row,) = rows_of(URL, 200, answer("vector", [{"metric": {"a": "b"}, "value": [1700000000, "1"]}]), Limits())
    assert row == {"metric": {"a": "b"}, "value": [1700000000.0, "1"]}
    value = row["value"]
    assert isinstance(value, list)
    assert [type(one) for one in value] == [float, str]


def test_a_matrix_has_pmms_shape() -> None:
    (row,) = rows_of(URL, 200, answer("matrix", [{"metric": {}, "values": [[1, "NaN"], [2.5, "+Inf"]]}]), Limits())
    assert row == {"metric": {}, "values": [[1.0, "NaN"], [2.5, "+Inf"]]}


@pytest.mark.parametrize(("kind", "result"), [("scalar", [1, "1"]), ("string", [1, "x"])])
def test_a_single_value_is_an_error(kind: str, result: Any) -> None:
    with pytest.raises(QueryFailed, match="unexpected value type"):
        rows_of(URL, 200, answer(kind, result), Limits())


@pytest.mark.parametrize(
    ("status", "content", "told"),
    [
        (
            400,
            b'{"status":"error","errorType":"bad_data","error":"parse error at char 3"}',
            "says \\(400\\): parse error",
        ),
        (401, b"Unauthorized", "does not accept our credential"),
        (404, b"<html>not found</html>", "is a path missing"),
        (200, b"[]", "is a path missing"),
        (200, answer("vector", [{"value": [1, "1"]}]), "is a path missing"),
        (200, b"[" * 100_000, "is a path missing"),
    ],
)
def test_what_is_no_answer_is_an_error(status: int, content: bytes, told: str) -> None:
    with pytest.raises(QueryFailed, match=told):
        rows_of(URL, status, content, Limits())


def test_more_series_than_a_checker_takes_are_an_error() -> None:
    series = [{"metric": {"a": str(number)}, "value": [1, "1"]} for number in range(11)]
    with pytest.raises(ResultTooLarge):
        rows_of(URL, 200, answer("vector", series), Limits(rows=10))
