"""What waits in memory between a stream and the ledger is bounded."""

import asyncio
import tracemalloc
from typing import cast

import pytest
from nats.js import JetStreamContext

from services.publisher import intake, telemetry
from services.publisher.intake import Intake
from shared.following import Stored
from tests.unit.publisher.news import NOON, Book


async def test_a_flood_of_broken_results_is_left_in_the_stream_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "MOST_BROKEN_BYTES", 1024 * 1024)
    taken = Intake(Book().ledger, cast("JetStreamContext", None), lambda: NOON, lambda _: None)
    before = telemetry.BROKEN_NOT_SET_ASIDE._value.get()
    tracemalloc.start()
    for sequence in range(1, 1001):
        taken.result(Stored("check.result.verdict.postgresql.db.c", sequence, bytes(100_000), {}, NOON))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    await asyncio.sleep(0)
    assert telemetry.BROKEN_NOT_SET_ASIDE._value.get() - before == 990
    assert held < 4 * 1024 * 1024
