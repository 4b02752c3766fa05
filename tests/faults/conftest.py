"""What the tests of faults share: where their database is, and what is weak in it."""

from collections.abc import Iterator
from typing import Any

import pytest

from examples.servers.database import DatabaseServer
from tests.faults.truth import Truth


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
