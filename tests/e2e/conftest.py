"""The pipeline of processes that the end-to-end tests share the making of; each test has its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.processes import Pipeline, pipeline_in


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    """NATS and Alertmanager of the test's own; stages are started by the test and killed at its end."""
    async with pipeline_in(tmp_path) as pipeline:
        yield pipeline
        print(pipeline.logs())  # shown when the test failed
