"""METRICS_INSTANT and METRICS_RANGE on a real Prometheus, as a run asks them."""

import os
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from examples.servers.database import DatabaseServer
from examples.servers.prometheus import PrometheusServer
from examples.servers.prometheus import prometheus as run_prometheus
from services.checker.engines import CONNECTS
from services.checker.engines.protocol import Limits, Login
from services.checker.errors import QueryTimeout, TargetError
from services.checker.examine import Outcome, examine
from services.checker.metrics import Metrics
from services.checker.sandbox import Sandbox
from shared import subjects
from shared.checks import Check, Query, QueryType
from shared.configuration import Configuration, Credential, MetricsSource
from shared.targets import SecretReference, Target
from tests.integration.checker_fleet import eventually
from tests.integration.engine_asking import STRANGERS, at_most, stranger

TARGET = Target(name="prometheus", engine="postgresql", host="node-7")
PASSWORD = "Canary-71/é"
WEB = "basic_auth_users: {watchword: $2b$04$.3lbtHkA6MgdPLBSYLRD9eGf/m0Cw2AtK1aHI6VBJ.P9XuAQNr8le}\n"


@pytest.fixture
async def metrics() -> AsyncIterator[Metrics]:
    made = Metrics(None, os.environ)
    yield made
    await made.aclose()


def query(query_type: QueryType, text: str, **parameters: str) -> Query:
    return Query(type=query_type, text=text, parameters=tuple(sorted(parameters.items())))


def instant(text: str, **parameters: str) -> Query:
    return query(QueryType.METRICS_INSTANT, text, **parameters)


async def ask(metrics: Metrics, source: MetricsSource, asked: Query, **limits: Any) -> Any:
    return await metrics.ask(source, asked, TARGET, 10.0, Limits(**limits))


@pytest.fixture
def source(prometheus: PrometheusServer) -> MetricsSource:
    return MetricsSource(url=prometheus.url)


async def test_an_instant_query_with_its_template_gives_labels_and_a_value(
    metrics: Metrics, source: MetricsSource
) -> None:
    async def scraped() -> Any:
        return await ask(metrics, source, instant('up{job="{{.ServiceName}}"}'))

    (row,) = await eventually(scraped, "a first scrape")
    assert row["metric"]["__name__"] == "up"
    assert row["metric"]["job"] == "prometheus"
    moment, value = row["value"]
    assert (type(moment), value) == (float, "1")
    assert abs(moment - time.time()) < 10


async def test_the_name_of_the_node_is_filled_in(metrics: Metrics, source: MetricsSource) -> None:
    (row,) = await ask(metrics, source, instant('label_replace(vector(1), "node", "{{.NodeName}}", "", "")'))
    assert row["metric"] == {"node": "node-7"}


async def test_lookback_is_the_time_as_of_which_it_is_asked(metrics: Metrics, source: MetricsSource) -> None:
    (row,) = await ask(metrics, source, instant("vector(time())", lookback="1h"))
    assert abs(time.time() - 3600 - float(row["value"][1])) < 10


async def test_a_range_has_its_steps_and_ends_at_the_lookback(metrics: Metrics, source: MetricsSource) -> None:
    asked = query(QueryType.METRICS_RANGE, "vector(time())", range="10m", step="1m", lookback="30m")
    (row,) = await ask(metrics, source, asked)
    times = [moment for moment, _ in row["values"]]
    assert len(times) == 11
    assert {type(moment) for moment in times} == {float}
    assert times[1] - times[0] == 60
    assert abs(time.time() - 1800 - times[-1]) < 10
    assert float(row["values"][0][1]) == times[0]


async def test_nothing_found_is_no_row(metrics: Metrics, source: MetricsSource) -> None:
    assert await ask(metrics, source, instant("nothing_of_this_name")) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("time()", "unexpected value type 'scalar'"),
        ('"text"', "unexpected value type 'string'"),
        ("sum(", "parse error"),
        ("up{a={{.Nothing}}}", "known: {{.ServiceName}}"),
    ],
)
async def test_what_prometheus_or_pmm_refuses_is_an_error_that_says_why(
    metrics: Metrics, source: MetricsSource, text: str, told: str
) -> None:
    with pytest.raises(TargetError) as failed:
        await ask(metrics, source, instant(text))
    assert told in str(failed.value)


async def test_an_answer_without_end_is_not_read(metrics: Metrics, source: MetricsSource) -> None:
    asked = query(QueryType.METRICS_RANGE, "vector(time())", range="2h", step="1s")
    with pytest.raises(TargetError, match="more than 4096 bytes"):
        await ask(metrics, source, asked, bytes=1024)


async def test_a_server_that_is_not_there_is_an_error(metrics: Metrics) -> None:
    with pytest.raises(TargetError, match=r"127\.0\.0\.1:1 can't be asked"):
        await ask(metrics, MetricsSource(url="http://127.0.0.1:1"), instant("up"))


async def test_a_server_that_says_nothing_is_an_error_in_time(metrics: Metrics) -> None:
    async with stranger(STRANGERS["silent"]) as port:
        source = MetricsSource(url=f"http://127.0.0.1:{port}")
        with at_most(5.0), pytest.raises(QueryTimeout, match=r"did not answer within 0\.3 s"):
            await metrics.ask(source, instant("up"), TARGET, 0.3, Limits())


async def test_a_wrong_path_is_told(metrics: Metrics, prometheus: PrometheusServer) -> None:
    with pytest.raises(TargetError, match="is a path missing"):
        await ask(metrics, MetricsSource(url=f"{prometheus.url}/elsewhere"), instant("up"))


@pytest.fixture(scope="module")
def closed() -> Iterator[PrometheusServer]:
    """A Prometheus that asks for a login."""
    with run_prometheus(web_configuration=WEB) as server:
        yield server


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"WATCHWORD_SECRET_METRICS": PASSWORD}, None),
        ({"WATCHWORD_SECRET_METRICS": "wrong"}, "does not accept our credential"),
        ({}, "the variable WATCHWORD_SECRET_METRICS is not set"),
    ],
    ids=["right", "wrong", "missing"],
)
async def test_the_credential_is_a_reference_that_the_checker_resolves(
    closed: PrometheusServer, environment: dict[str, str], told: str | None
) -> None:
    credential = Credential(username="watchword", password=SecretReference(env="WATCHWORD_SECRET_METRICS"))
    source = MetricsSource(url=closed.url, credential=credential)
    metrics = Metrics(None, environment)
    try:
        if told is None:
            assert await ask(metrics, source, instant("vector(1)"))
            return
        with pytest.raises(TargetError) as failed:
            await ask(metrics, source, instant("vector(1)"))
        assert told in str(failed.value)
        assert "Canary" not in str(failed.value)
    finally:
        await metrics.aclose()


SEES = """
def check_context(docs, context):
    return [{"summary": str([len(doc) for doc in docs]), "severity": "notice"}]
"""


async def looked(
    metrics: Metrics, source: MetricsSource | None, server: DatabaseServer | None, *queries: Query
) -> Outcome:
    check = Check(name="c", engine="postgresql", summary="s", description="d", queries=queries, script=SEES)
    configuration = Configuration()
    if source is not None:
        configuration.apply(subjects.setting_key("file", "metrics"), source.model_dump_json().encode(), 1)
    place = (
        {"host": server.host, "port": server.port, "user": server.user} if server else {"host": "127.0.0.1", "port": 1}
    )
    target = Target.model_validate({"name": "prometheus", "engine": "postgresql", "database": "postgres", **place})
    async with Sandbox(workers=1, spares=0) as scripts:
        examination = await examine(
            target,
            [check],
            login=lambda: Login(target, None),
            connect=CONNECTS["postgresql"],
            scripts=scripts,
            limits=Limits(),
            configuration=configuration,
            metrics=metrics,
        )
    (outcome,) = examination.outcomes
    return outcome


ONE_ROW = query(QueryType.POSTGRESQL_SELECT, "1 AS one")


async def test_a_check_that_asks_both_gets_both_in_the_order_of_its_queries(
    metrics: Metrics, source: MetricsSource, postgresql: DatabaseServer
) -> None:
    outcome = await looked(metrics, source, postgresql, instant("vector(1) or absent(x)"), ONE_ROW, instant("none"))
    assert [finding.summary for finding in outcome.found] == ["[1, 1, 0]"]


async def test_a_check_that_asks_metrics_alone_needs_no_database(metrics: Metrics, source: MetricsSource) -> None:
    assert (await looked(metrics, source, None, instant("vector(1)"))).status == "failed"
    assert (await looked(metrics, source, None, instant("vector(1)"), ONE_ROW)).status == "error"


async def test_without_a_source_it_is_skipped_with_a_reason(metrics: Metrics, postgresql: DatabaseServer) -> None:
    outcome = await looked(metrics, None, postgresql, ONE_ROW, instant("vector(1)"))
    assert (outcome.status, outcome.found) == ("skipped", ())
    assert (
        outcome.reason == "METRICS_INSTANT can't be asked here: no metrics source is configured; name one as `metrics`"
    )


async def test_clickhouse_is_skipped_with_a_reason(metrics: Metrics, source: MetricsSource) -> None:
    outcome = await looked(metrics, source, None, query(QueryType.CLICKHOUSE_SELECT, "1"))
    assert outcome.status == "skipped"
    assert "PMM's own ClickHouse, which does not exist here" in (outcome.reason or "")


async def test_a_query_that_prometheus_refuses_is_an_error_of_its_check(
    metrics: Metrics, source: MetricsSource, postgresql: DatabaseServer
) -> None:
    outcome = await looked(metrics, source, postgresql, ONE_ROW, instant("sum("))
    assert outcome.status == "error"
    assert "parse error" in (outcome.reason or "")
