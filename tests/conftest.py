"""The real servers that tests share, one of each for each pytest worker, started when the first test asks for it.

Tests share them, so each uses names of its own (streams with a prefix, roles, databases) and leaves the server as it
was. A test that kills, restarts or reconfigures a server starts its own with ``start_nats``, ``start_alertmanager`` or
the context managers of ``examples.servers``.
"""

import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import hypothesis
import pytest

from examples.servers.database import DatabaseServer
from examples.servers.mariadb import mariadb as run_mariadb
from examples.servers.mongodb import mongodb as run_mongodb
from examples.servers.postgresql import postgresql as run_postgresql
from examples.servers.postgresql import postgresql_of_distribution
from examples.servers.prometheus import PrometheusServer
from examples.servers.prometheus import prometheus as run_prometheus
from tests.e2e.processes import Pipeline, pipeline_in
from tests.integration.library_proofs.ledger import (  # noqa: F401 (hooks: every run keeps the ledger of proofs)
    pytest_collection_finish,
    pytest_configure,
    pytest_deselected,
    pytest_sessionfinish,
    pytest_terminal_summary,
    pytest_testnodedown,
)
from watchword import processes
from watchword.embedded import (
    AlertmanagerSettings,
    EmbeddedServer,
    NatsSettings,
    embedded_alertmanager,
    embedded_nats,
)

# A busy machine may take its time for one example; what never ends is ended by pytest-timeout.
hypothesis.settings.register_profile("busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("busy")

# A shell without job control lets what runs in its background ignore Ctrl-C, and so would every command that we start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A port is free until somebody binds it: so that no two workers choose the same, each has ports of its own.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
processes.FREE_PORTS = processes.FREE_PORTS[_WORKER :: int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))]

StartNats = Callable[..., EmbeddedServer]
StartAlertmanager = Callable[..., EmbeddedServer]


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A NATS server with JetStream."""
    server = embedded_nats(NatsSettings(tmp_path_factory.mktemp("nats"), port=0))
    with server.process:
        yield server


@pytest.fixture(scope="session")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """An Alertmanager without a cluster that notifies nobody."""
    server = embedded_alertmanager(AlertmanagerSettings(tmp_path_factory.mktemp("alertmanager"), port=0))
    with server.process:
        yield server


@pytest.fixture
def start_nats(tmp_path: Path) -> Iterator[StartNats]:
    """Start a NATS server of the test's own: ``start_nats()``, or with settings (``max_payload_bytes=…``).

    It is a server that can be killed and restarted: ``server.process.kill()``, ``server.process.restart()``.
    """
    with ExitStack() as servers:
        count = 0

        def start(**settings: object) -> EmbeddedServer:
            nonlocal count
            count += 1
            server = embedded_nats(replace(NatsSettings(tmp_path / f"nats-{count}", port=0), **settings))  # type: ignore[arg-type]  # mypy can't see through **
            servers.enter_context(server.process)
            return server

        yield start


@pytest.fixture
def start_alertmanager(tmp_path: Path) -> Iterator[StartAlertmanager]:
    """Start an Alertmanager of the test's own: ``start_alertmanager()``, or with settings (``route_prefix=…``)."""
    with ExitStack() as servers:
        count = 0

        def start(**settings: object) -> EmbeddedServer:
            nonlocal count
            count += 1
            plain = AlertmanagerSettings(tmp_path / f"alertmanager-{count}", port=0)
            server = embedded_alertmanager(replace(plain, **settings))  # type: ignore[arg-type]  # mypy can't see through **
            servers.enter_context(server.process)
            return server

        yield start


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    """NATS and Alertmanager of the test's own; stages are processes, started by the test and killed at its end."""
    async with pipeline_in(tmp_path) as pipeline:
        yield pipeline
        print(pipeline.logs())  # shown when the test failed


@pytest.fixture(scope="session")
def postgresql() -> Iterator[DatabaseServer]:
    """PostgreSQL 18 as initdb leaves it: no TLS, trust for local connections, superuser ``postgres``."""
    with run_postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_tls() -> Iterator[DatabaseServer]:
    """PostgreSQL 15 that asks for TLS and SCRAM on TCP."""
    with run_postgresql(postgresql_of_distribution(), has_tls=True, host_authentication="scram-sha-256") as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[DatabaseServer]:
    """MariaDB as its installer leaves it: no TLS, root without a password."""
    with run_mariadb() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_tls() -> Iterator[DatabaseServer]:
    """MariaDB with a certificate."""
    with run_mariadb(has_tls=True) as server:
        yield server


@pytest.fixture(scope="session")
def mongodb() -> Iterator[DatabaseServer]:
    """A MongoDB-wire server without logins."""
    with run_mongodb() as server:
        yield server


@pytest.fixture(scope="session")
def mongodb_auth() -> Iterator[DatabaseServer]:
    """A MongoDB-wire server that asks for a login."""
    with run_mongodb(has_logins=True) as server:
        yield server


@pytest.fixture(scope="session")
def prometheus() -> Iterator[PrometheusServer]:
    """A Prometheus that scrapes itself each second."""
    with run_prometheus() as server:
        yield server
