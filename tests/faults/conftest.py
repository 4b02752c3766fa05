"""What the tests of faults share: where their database is, and what is weak in it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from examples.servers.database import DatabaseServer
from tests.conftest import StartAlertmanager, StartNats
from tests.faults.truth import Truth
from tests.faults.whole import Whole
from tests.faults.whole_on import whole_on
from watchword.embedded import EmbeddedServer


@pytest.fixture
def place(postgresql: DatabaseServer) -> dict[str, Any]:
    """Where the shared PostgreSQL is, in a target's fields."""
    return {"host": postgresql.host, "port": postgresql.port, "user": postgresql.user, "database": "postgres"}


@pytest.fixture
def truth(postgresql: DatabaseServer, worker_id: str) -> Iterator[Truth]:
    """A table of weaknesses in the shared PostgreSQL."""
    truth = Truth(postgresql, f"faults_truth_{worker_id}")
    yield truth
    truth.execute(f"DROP TABLE {truth.name}")


@pytest.fixture
def nats(start_nats: StartNats) -> EmbeddedServer:
    """A NATS server of the test's own, to be killed, filled or put back."""
    return start_nats()


@pytest.fixture
async def whole(
    nats: EmbeddedServer,
    start_alertmanager: StartAlertmanager,
    tmp_path: Path,
    truth: Truth,
    place: dict[str, Any],
) -> AsyncIterator[Whole]:
    """All stages around a NATS server and an Alertmanager of the test's own; ``whole.begin()`` starts them."""
    async with whole_on(nats.url, start_alertmanager(), tmp_path, truth, place) as whole:
        yield whole
