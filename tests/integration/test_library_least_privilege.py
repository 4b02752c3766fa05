"""An account that has no more than what the built-in checks say they need can run all of them."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from examples.servers.mongodb import mongodb
from examples.servers.postgresql import postgresql, postgresql_of_distribution
from services.checker.sandbox import Sandbox
from shared.checks import Engine
from tests.integration.library_proofs import mysql
from tests.integration.library_proofs import postgresql as postgresql_proofs
from tests.integration.library_proofs.lab import Lab, Start
from watchword.check_files.library import built_in_checks

PASSWORD = "Nur-zum-Lesen-7"
CREATE: dict[Engine, str] = {
    "postgresql": f"CREATE ROLE watchword LOGIN PASSWORD '{PASSWORD}'",
    "mysql": f"CREATE USER watchword@'%' IDENTIFIED BY '{PASSWORD}'",
    "mongodb": f'db.getSiblingDB("admin").runCommand({{"createUser": "watchword", "pwd": "{PASSWORD}", "roles": []}})',
}
BEYOND_THE_ENGINE: dict[Engine, tuple[str, ...]] = {
    # MongoDB tells the profiler's level to whoever may read system.profile, as clusterMonitor may. The server at hand
    # imitates it and asks for the right to set the level.
    "mongodb": (
        (
            'db.getSiblingDB("admin").runCommand({"createRole": "profiler", "roles": [], "privileges": '
            '[{"resource": {"db": "", "collection": ""}, "actions": ["enableProfiler"]}]})'
        ),
        'db.getSiblingDB("admin").runCommand({"grantRolesToUser": "watchword", "roles": ["profiler"]})',
    )
}
"""What only a server of the tests asks for."""


def _postgresql_15() -> Start:
    return lambda: postgresql(postgresql_of_distribution(), has_tls=True, host_authentication="scram-sha-256")


@pytest.fixture(
    params=[
        pytest.param(("postgresql", postgresql_proofs.start_shared()), id="postgresql_18"),
        pytest.param(("postgresql", _postgresql_15()), id="postgresql_15"),
        pytest.param(("mysql", mysql.start_shared()), id="mariadb"),
        pytest.param(("mongodb", lambda: mongodb(has_logins=True)), id="mongodb"),
    ]
)
def lesser_lab(request: pytest.FixtureRequest) -> Iterator[tuple[Engine, Lab]]:
    """A server, as an account sees it that has just what the checks say."""
    engine, start = request.param
    lab = Lab.started(start)
    try:
        checks = [check for check in built_in_checks() if check.engine == engine]
        privileges = dict.fromkeys(statement for check in checks for statement in check.requires.privileges)
        lab.execute(CREATE[engine], *BEYOND_THE_ENGINE.get(engine, ()), *privileges)
        lab.server = replace(lab.server, user="watchword", password=PASSWORD)
        yield engine, lab
    finally:
        lab.close()


async def test_no_check_lacks_a_privilege(lesser_lab: tuple[Engine, Lab]) -> None:
    engine, lab = lesser_lab
    async with Sandbox(workers=1, spares=0) as scripts:
        for check in built_in_checks():
            if check.engine == engine:
                outcome = await lab.look(check, scripts, {})
                does_not_apply = outcome.status == "skipped" and (outcome.reason or "").startswith("applies to ")
                assert outcome.status in {"passed", "failed"} or does_not_apply, (check.name, outcome.reason)
