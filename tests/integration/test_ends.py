"""What does a run answer, whatever the server says of its streams?"""

import datetime as dt

import pytest

from services.checker import ends
from shared import subjects
from shared.following import Stored
from shared.reading import last_message
from shared.streams import CHECK_RUNS
from tests.conftest import StartNats
from tests.integration.nats_clients import connected

PART = subjects.run_requested("now", "default", "one", "all")


async def test_a_run_answers_the_message_that_asks_for_it_also_when_a_stale_leader_knows_of_none(
    start_nats: StartNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(start_nats(), is_declared=True) as (_, jetstream):
        for _ in range(3):
            await jetstream.publish(PART, b"{}")
        message = await last_message(jetstream, CHECK_RUNS, PART)
        assert message is not None
        true = await ends.covers_now(jetstream, message)
        ask = ends.last_sequence

        async def stale(*asked: object) -> tuple[dt.datetime, int]:
            created, last = await ask(*asked)  # type: ignore[arg-type]  # as it was asked
            return created, max(0, last - 2)

        monkeypatch.setattr(ends, "last_sequence", stale)
        assert await ends.covers_now(jetstream, message) == true
        assert true.runs == message.sequence == 3


async def test_a_message_of_a_stream_that_is_gone_proves_nothing_of_the_new_one(start_nats: StartNats) -> None:
    async with connected(start_nats(), is_declared=True) as (_, jetstream):
        before = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
        old = Stored(PART, 500, b"{}", {}, before)
        assert (await ends.covers_now(jetstream, old)).runs == 0
