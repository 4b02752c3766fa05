"""A folder of files in every layout of PMM's, with every type of query, on real servers: they load without a complaint,
and find what PMM would find.
"""

import os
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from examples.servers.database import DatabaseServer
from examples.servers.prometheus import PrometheusServer
from services.checker.engines import CONNECTS
from services.checker.engines.protocol import Limits, Login
from services.checker.examine import Outcome, examine
from services.checker.metrics import Metrics
from services.checker.sandbox import Sandbox
from shared import subjects
from shared.check_files.reading import read_checks
from shared.checks import ENGINES, Check, Engine, QueryType
from shared.configuration import Configuration, MetricsSource
from shared.targets import Target
from watchword.check_files.lint import lint

FILES = Path(__file__).parents[1] / "data" / "pmm_files"
READING = read_checks([FILES])
OF_PMM = list(QueryType)[:12]

PASSED, SKIPPED = "passed", "skipped"
EXPECTED: dict[Engine, dict[str, object]] = {
    "postgresql": {
        "compat_v1_postgresql_show": [("warning", "fsync is off", {"setting": "fsync"})],
        "compat_v1_postgresql_select": PASSED,
        "compat_family_all_dbs": [("debug", "Asked postgres", {})],
        "compat_advisor_postgresql": [("notice", "PostgreSQL superuser", {"role": "postgres"})],
        "compat_contract_functions": PASSED,
        "compat_contract_severities": [
            (name, name, {})
            for name in ("emergency", "alert", "critical", "error", "warning", "notice", "info", "debug")
        ],
        "compat_contract_frozen": "error: ",
        "compat_contract_string": "error: script returned error: can't tell",
        "compat_contract_fail": "error: line 3, in check_context: fail: no such function",
        "compat_contract_labels": "error: finding 2: the label 'one' has to be a string, not an int",
        "compat_technology_postgresql": PASSED,
        "compat_in_practice_postgresql": PASSED,
        "compat_metrics": [("notice", "The value is 7", {"service": "postgresql"})],
    },
    "mysql": {
        "compat_v1_mysql_show": [
            ("notice", "The server knows symbolic links: YES", {"variable": "have_symlink"}),
        ],
        "compat_v1_mysql_select": PASSED,
        "compat_family_mysql": [("alert", "root can log in", {"account": "root@localhost"})],
        "compat_subcategory_mysql": [("info", "No plugin checks passwords", {})],
        "compat_technology_mysql": [("info", "This is MariaDB", {"flavour": "mariadb"})],
        "compat_in_practice_mysql": PASSED,
        "compat_metrics_scalar": "error: unexpected value type 'scalar'",
    },
    "mongodb": {
        "compat_v1_mongodb_getparameter": [("info", "Offers SCRAM-SHA-256", {})],
        "compat_v1_mongodb_buildinfo": PASSED,
        "compat_v1_mongodb_getcmdlineopts": [
            ("error", "Authorization is off", {"option": "security.authorization"}),
        ],
        "compat_v1_mongodb_replsetgetstatus": "error: ",
        "compat_v1_mongodb_getdiagnosticdata": SKIPPED,
        "compat_family_mongodb": PASSED,
        "compat_technology_mongodb": PASSED,
        "compat_clickhouse": SKIPPED,
    },
}


def test_they_load_and_lint_without_a_complaint() -> None:
    assert [str(problem) for problem in lint(READING)] == []
    assert {check.name for check in READING.checks} == {name for names in EXPECTED.values() for name in names}


def test_every_layout_and_every_type_of_query_is_among_them() -> None:
    used = {query.type for check in READING.checks for query in check.queries}
    assert set(OF_PMM) <= used
    assert {check.format for check in READING.checks} == {1, 2}
    assert set(READING.advisors) == {"compat_security", "compat_configuration"}
    (advised,) = [check for check in READING.checks if check.name == "compat_advisor_postgresql"]
    assert advised.category == "security"
    text = "".join(file.read_text() for file in FILES.rglob("*.y*ml"))
    for word in ("family:", "technology:", "advisor:", "subcategory:", "category:", "type: MYSQL_SHOW", "\n---\n"):
        assert word in text


@pytest.fixture
async def scripts() -> AsyncIterator[Sandbox]:
    async with Sandbox(workers=2, spares=0) as sandbox:
        yield sandbox


async def look(server: DatabaseServer, checks: list[Check], scripts: Sandbox, metrics_url: str = "") -> list[Outcome]:
    engine = checks[0].engine
    target = Target(
        name=engine, engine=engine, host=server.host, port=server.port, user=server.user, database=server.database
    )
    configuration = Configuration()
    if metrics_url:
        source = MetricsSource(url=metrics_url)
        configuration.apply(subjects.setting_key("file", "metrics"), source.model_dump_json().encode(), 1)
    async with aclosing(Metrics(None, os.environ)) as metrics:
        examination = await examine(
            target,
            checks,
            login=lambda: Login(target, server.password),
            connect=CONNECTS[engine],
            scripts=scripts,
            limits=Limits(),
            configuration=configuration,
            metrics=metrics,
        )
    return list(examination.outcomes)


def came_to(outcome: Outcome) -> object:
    if outcome.status in {"error", "skipped", "passed"}:
        return f"error: {outcome.reason}" if outcome.status == "error" else outcome.status
    return [(finding.severity.value, finding.summary, finding.labels) for finding in outcome.found]


SERVERS: dict[Engine, str] = {"postgresql": "postgresql", "mysql": "mariadb", "mongodb": "mongodb"}


@pytest.mark.parametrize("engine", ENGINES)
async def test_they_find_what_pmm_would_find(
    engine: Engine, request: pytest.FixtureRequest, prometheus: PrometheusServer, scripts: Sandbox
) -> None:
    server: DatabaseServer = request.getfixturevalue(SERVERS[engine])
    checks = [check for check in READING.checks if check.engine == engine]
    for outcome in await look(server, checks, scripts, prometheus.url):
        expected, seen = EXPECTED[engine][outcome.check.name], came_to(outcome)
        if isinstance(expected, str) and expected.startswith("error: "):
            assert isinstance(seen, str), outcome.check.name
            assert seen.startswith("error: "), (outcome.check.name, seen)
            assert expected.removeprefix("error: ") in seen
        else:
            assert seen == expected, outcome.check.name


async def test_what_is_printed_is_kept_with_its_line(postgresql: DatabaseServer, scripts: Sandbox) -> None:
    checks = [check for check in READING.checks if check.name == "compat_contract_functions"]
    (outcome,) = await look(postgresql, checks, scripts)
    assert outcome.printed == ("19: looked at 0 mistakes",)


async def test_without_a_source_of_metrics_a_check_that_asks_for_them_is_skipped(
    postgresql: DatabaseServer, scripts: Sandbox
) -> None:
    checks = [check for check in READING.checks if check.name == "compat_metrics"]
    (outcome,) = await look(postgresql, checks, scripts)
    assert outcome.status == "skipped"
    assert "no metrics source is configured" in (outcome.reason or "")
