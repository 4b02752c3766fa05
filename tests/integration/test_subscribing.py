"""Is every message handled, handed back or a dead letter, and does a stage that lost its consumer say so and heal?"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from nats.js import JetStreamContext, api
from prometheus_client import REGISTRY

from shared import dead_letters
from shared.dead_letters import DeadLetter
from shared.declaring import declare
from shared.errors import MessageRefused, PublishUnconfirmed, StreamFull, StreamMissing
from shared.following import Stored
from shared.handling import HandBack, Handle
from shared.reading import last_message
from shared.settings import ProcessSettings
from shared.stage import Stage, make_application, make_stage, started
from shared.streams import CHECK_REQUESTS, DEAD_LETTERS, Consumer
from shared.subscribing import BeforeTaking
from tests.conftest import StartNats
from tests.integration.nats_clients import connected, until
from watchword.embedded import EmbeddedServer

DOOR = Consumer(CHECK_REQUESTS, "testers", ("check.requested",), ack_wait_seconds=20)


@dataclass
class Handled:
    """What a handler saw, and what it does with it."""

    seen: list[tuple[bytes, int]] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    """Raised one after the other; then all is well."""
    at: list[float] = field(default_factory=list)

    async def __call__(self, stored: Stored, deliveries: int) -> None:
        self.seen.append((stored.data, deliveries))
        self.at.append(time.monotonic())
        if self.errors:
            raise self.errors.pop(0)


@contextlib.asynccontextmanager
async def nothing(_: Stage) -> AsyncIterator[None]:
    yield


@contextlib.asynccontextmanager
async def consuming(
    server: EmbeddedServer,
    handle: Handle,
    *,
    slots: int = 1,
    consumer: Consumer = DOOR,
    most_deliveries: int | None = 5,
    before_taking: BeforeTaking | None = None,
) -> AsyncIterator[Stage]:
    """A stage that does nothing but consume."""
    stage = make_stage("tester", ProcessSettings(nats_url=server.url))
    stage.is_health_served_elsewhere = True
    stage.subscriptions.add(
        consumer, handle, kind="test", slots=slots, most_deliveries=most_deliveries, before_taking=before_taking
    )
    async with started(make_application(stage, nothing)):
        yield stage


async def letters(jetstream: JetStreamContext) -> list[DeadLetter]:
    found = []
    for sequence in range(1, (await jetstream.stream_info(DEAD_LETTERS)).state.last_seq + 1):
        raw = await jetstream.get_msg(DEAD_LETTERS, sequence, direct=True)
        assert raw.time is not None
        stored = Stored(raw.subject or "", sequence, raw.data or b"", raw.headers or {}, raw.time)
        found.append(dead_letters.read(stored))
    return found


def counted(*outcomes: str) -> list[float]:
    """How often messages ended so, in this process."""
    labels = [{"stage": "tester", "kind": "test", "outcome": outcome} for outcome in outcomes]
    return [REGISTRY.get_sample_value("watchword_messages_total", label) or 0 for label in labels]


async def is_done(jetstream: JetStreamContext) -> bool:
    """Nothing waits and nothing is held: what is acknowledged leaves a work queue. Asked of the stream, for a consumer
    counts a message only some time after it was stored.
    """
    return (await jetstream.stream_info(CHECK_REQUESTS)).state.messages == 0


async def test_what_is_handled_is_acknowledged_and_gone(start_nats: StartNats) -> None:
    server, handled = start_nats(), Handled()
    async with connected(server, is_declared=True) as (_, jetstream), consuming(server, handled) as stage:
        await jetstream.publish("check.requested", b"one")
        await until(lambda: is_done(jetstream), "acknowledged")
        assert handled.seen == [(b"one", 1)]
        assert (await jetstream.stream_info(CHECK_REQUESTS)).state.messages == 0
        assert stage.problems() == []


async def test_what_was_stored_before_it_began_is_handled(start_nats: StartNats) -> None:
    server, handled = start_nats(), Handled()
    async with connected(server, is_declared=True) as (_, jetstream):
        await jetstream.publish("check.requested", b"early")
        async with consuming(server, handled):
            await until(lambda: handled.seen, "handled")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\xff\x00", id="bytes"),
        pytest.param(b"not JSON", id="text"),
        pytest.param(b"x" * 760_000, id="large"),
    ],
)
async def test_what_is_refused_becomes_a_dead_letter_with_its_bytes_headers_and_reason(
    start_nats: StartNats, data: bytes
) -> None:
    server, handled = start_nats(), Handled(errors=[MessageRefused("targets: not\na list")])
    async with connected(server, is_declared=True) as (_, jetstream), consuming(server, handled):
        await jetstream.publish("check.requested", data, headers={"X-Of": "a client", "Content-Type": "text/plain"})
        await until(lambda: is_done(jetstream), "acknowledged")
        assert [seen for seen, _ in handled.seen] == [data]
        (letter,) = await letters(jetstream)
        assert (letter.stage, letter.reason, letter.subject) == ("tester", "targets: not a list", "check.requested")
        assert (letter.stream, letter.sequence, letter.data) == (CHECK_REQUESTS, 1, data)
        assert letter.headers == {"X-Of": "a client", "Content-Type": "text/plain"}
        assert letter.stored_at is not None


async def test_a_handed_back_message_comes_again_after_its_delay_and_is_no_failure(start_nats: StartNats) -> None:
    server, handled = start_nats(), Handled(errors=[HandBack(0.5, "busy")] * 8)
    async with connected(server, is_declared=True) as (_, jetstream), consuming(server, handled, most_deliveries=None):
        await jetstream.publish("check.requested", b"one")
        await until(lambda: is_done(jetstream), "handled in the end")
        assert [deliveries for _, deliveries in handled.seen] == list(range(1, 10))
        waits = [after - before for before, after in zip(handled.at, handled.at[1:], strict=False)]
        assert min(waits) >= 0.45
        assert await letters(jetstream) == []


async def test_handing_back_holds_no_slot(start_nats: StartNats) -> None:
    server, seen = start_nats(), []

    async def handle(stored: Stored, _: int) -> None:
        seen.append(stored.data)
        if stored.data == b"busy":
            raise HandBack(30, "busy")

    async with connected(server, is_declared=True) as (_, jetstream), consuming(server, handle):
        await jetstream.publish("check.requested", b"busy")
        await jetstream.publish("check.requested", b"free")
        await until(lambda: seen == [b"busy", b"free"], "the next one is handled")


@pytest.mark.parametrize(
    "most_deliveries", [pytest.param(5, id="counted"), pytest.param(None, id="handing-back-is-normal")]
)
async def test_a_failing_handler_is_tried_again_ever_later_and_then_gives_up(
    start_nats: StartNats, monkeypatch: pytest.MonkeyPatch, most_deliveries: int | None
) -> None:
    monkeypatch.setattr("shared.handling.FIRST_RETRY_SECONDS", 0.02)
    server, handled = start_nats(), Handled(errors=[RuntimeError("a bug")] * 9)
    async with (
        connected(server, is_declared=True) as (_, jetstream),
        consuming(server, handled, most_deliveries=most_deliveries),
    ):
        await jetstream.publish("check.requested", b"poison")
        await jetstream.publish("check.requested", b"fine")
        await until(lambda: is_done(jetstream), "given up")
        counted = Counter(data for data, _ in handled.seen)
        assert counted[b"poison"] == 5
        (letter,) = await letters(jetstream)
        assert letter.data in {b"poison", b"fine"}
        assert "given up at delivery 6" in letter.reason
        assert "a bug" in letter.reason


AWAY = [PublishUnconfirmed("no leader"), TimeoutError(), StreamFull("no room left"), StreamMissing("no stream")]


async def test_where_deliveries_count_a_message_waits_for_nats_and_is_delivered_once(
    start_nats: StartNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.handling.RETRY_SECONDS", 0.02)
    monkeypatch.setattr("shared.handling.FIRST_RETRY_SECONDS", 0.001)
    server, before = start_nats(), counted("handed_back", "failed")
    handled = Handled(errors=[*AWAY, *AWAY])
    short = Consumer(CHECK_REQUESTS, "testers", ("check.requested",), ack_wait_seconds=1)
    async with connected(server, is_declared=True) as (_, jetstream), consuming(server, handled, consumer=short):
        await jetstream.publish("check.requested", b"one")
        await until(lambda: is_done(jetstream), "handled in the end")
        assert handled.seen == [(b"one", 1)] * 9
        assert await letters(jetstream) == []
    assert [after - was for after, was in zip(counted("handed_back", "failed"), before, strict=True)] == [0, 0]


async def test_what_can_not_be_buried_yet_waits_as_well(start_nats: StartNats, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.handling.RETRY_SECONDS", 0.02)
    monkeypatch.setattr("shared.handling.FIRST_RETRY_SECONDS", 0.001)
    errors = [*AWAY, *AWAY]

    async def bury(*arguments: Any, **more: Any) -> int:
        if errors:
            raise errors.pop()
        return await dead_letters.bury(*arguments, **more)

    monkeypatch.setattr("shared.handling.bury", bury)
    server, handled = start_nats(), Handled(errors=[MessageRefused("no request")] * 9)
    async with connected(server, is_declared=True) as (_, jetstream), consuming(server, handled):
        await jetstream.publish("check.requested", b"one")
        await until(lambda: is_done(jetstream), "buried in the end")
        assert handled.seen == [(b"one", 1)] * 9
        (letter,) = await letters(jetstream)
        assert letter.reason == "no request"


async def test_what_waits_for_nats_is_handed_back_by_a_stage_that_stops(
    start_nats: StartNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.subscribing.DRAIN_SECONDS", 60.0)
    server = start_nats()
    async with connected(server, is_declared=True) as (_, jetstream):
        waiting = Handled(errors=[StreamFull("no room left")] * 9)
        async with consuming(server, waiting):
            await jetstream.publish("check.requested", b"one")
            await until(lambda: len(waiting.seen) == 3, "it waits, soon for longer than a stage may take to stop")
            began = time.monotonic()
        assert time.monotonic() - began < 30
        handled = Handled()
        async with consuming(server, handled):
            await until(lambda: is_done(jetstream), "handled by another")
        assert handled.seen == [(b"one", 2)]


async def test_where_handing_back_is_normal_a_failure_of_nats_hands_back_and_is_none_of_the_handlers(
    start_nats: StartNats,
) -> None:
    server, before = start_nats(), counted("handed_back", "failed")
    handled = Handled(errors=AWAY[:2])
    async with (
        connected(server, is_declared=True) as (_, jetstream),
        consuming(server, handled, most_deliveries=None),
    ):
        await jetstream.publish("check.requested", b"one")
        await until(lambda: is_done(jetstream), "handled in the end")
        assert len(handled.seen) == 3
        assert await letters(jetstream) == []
    assert [after - was for after, was in zip(counted("handed_back", "failed"), before, strict=True)] == [2, 0]


@pytest.mark.parametrize("most_deliveries", [5, None])
async def test_a_stage_that_nats_did_not_answer_is_soon_ready_again_although_nothing_more_comes(
    start_nats: StartNats, monkeypatch: pytest.MonkeyPatch, most_deliveries: int | None
) -> None:
    monkeypatch.setattr("shared.handling.AWAY_SECONDS", 0.5)
    server = start_nats()
    handled = Handled(errors=[TimeoutError()])
    async with (
        connected(server, is_declared=True) as (_, jetstream),
        consuming(server, handled, most_deliveries=most_deliveries) as subscriptions,
    ):
        await jetstream.publish("check.requested", b"one")
        await until(lambda: "messages wait: TimeoutError" in subscriptions.problems(), "the stage says so")
        await jetstream.purge_stream(CHECK_REQUESTS)  # another checker took it
        await until(lambda: not subscriptions.problems(), "ready again")


async def test_a_long_run_keeps_its_message(start_nats: StartNats) -> None:
    server, seen = start_nats(), []
    short = Consumer(CHECK_REQUESTS, "testers", ("check.requested",), ack_wait_seconds=1)

    async def handle(stored: Stored, deliveries: int) -> None:
        seen.append(deliveries)
        await asyncio.sleep(3)

    async with connected(server, is_declared=True) as (_, jetstream):
        async with consuming(server, handle, slots=2, consumer=short):
            await jetstream.publish("check.requested", b"one")
            await until(lambda: seen, "begun")
            await until(lambda: is_done(jetstream), "done")
        assert seen == [1]


async def test_it_takes_no_more_than_it_has_slots_for(start_nats: StartNats) -> None:
    server, running, most = start_nats(), 0, 0
    go_on = asyncio.Event()

    async def handle(_: Stored, __: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await go_on.wait()
        running -= 1

    async with connected(server, is_declared=True) as (_, jetstream), consuming(server, handle, slots=3):
        for number in range(10):
            await jetstream.publish("check.requested", str(number).encode())
        await until(lambda: running == 3, "all slots are taken")

        async def look() -> bool:
            information = await jetstream.consumer_info(CHECK_REQUESTS, "testers")
            return (information.num_ack_pending, information.num_pending) == (3, 7)

        await until(look, "three are held and seven wait")
        go_on.set()
        await until(lambda: is_done(jetstream), "all handled")
        assert most == 3


async def test_a_slot_takes_no_message_before_it_may(start_nats: StartNats) -> None:
    server, handled, go_on, asked = start_nats(), Handled(), asyncio.Event(), 0

    async def before_taking() -> None:
        nonlocal asked
        asked += 1
        await go_on.wait()

    async with connected(server, is_declared=True) as (_, jetstream):
        async with consuming(server, handled, before_taking=before_taking):
            await until(lambda: asked == 1, "the slot wants its second message")  # for the first it asked at its start

            async def look() -> bool:
                return (await jetstream.consumer_info(CHECK_REQUESTS, "testers")).num_waiting == 0

            await until(look, "nobody pulls")
            for number in range(3):
                await jetstream.publish("check.requested", str(number).encode())
            information = await jetstream.consumer_info(CHECK_REQUESTS, "testers")
            assert (information.num_ack_pending, information.num_waiting) == (0, 0)
            go_on.set()
            await until(lambda: is_done(jetstream), "all handled")
        assert asked >= 3


async def test_a_deleted_consumer_is_noticed_and_made_again(start_nats: StartNats) -> None:
    server, handled = start_nats(), Handled()
    async with connected(server, is_declared=True) as (_, jetstream), consuming(server, handled, slots=2) as stage:
        await jetstream.publish("check.requested", b"before")
        await until(lambda: handled.seen, "it consumes")
        await jetstream.delete_consumer(CHECK_REQUESTS, "testers")
        await until(stage.problems, "it says so")
        await until(lambda: not stage.problems(), "it healed itself")
        await jetstream.publish("check.requested", b"after")
        await until(lambda: len(handled.seen) == 2, "it consumes again")


async def test_a_deleted_stream_is_told_with_the_line_that_fixes_it_and_heals(start_nats: StartNats) -> None:
    server, handled = start_nats(), Handled()
    async with connected(server, is_declared=True) as (client, jetstream), consuming(server, handled) as stage:
        await jetstream.delete_stream(CHECK_REQUESTS)
        await until(
            lambda: any("CHECK_REQUESTS does not exist; run: watchword init" in line for line in stage.problems()),
            "it says what to do",
        )
        await declare(client, jetstream)
        await until(lambda: not stage.problems(), "it healed itself")
        await jetstream.publish("check.requested", b"after")
        await until(lambda: handled.seen, "it consumes again")


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_after_a_restart_of_the_server_it_consumes_again(start_nats: StartNats, how: str) -> None:
    server, handled = start_nats(), Handled()
    async with connected(server, is_declared=True) as (_, jetstream), consuming(server, handled, slots=3) as stage:
        await jetstream.publish("check.requested", b"before")
        await until(lambda: is_done(jetstream), "it consumes")
        server.process.kill() if how == "kill" else server.process.stop()
        await until(stage.problems, "it says so")
        server.process.start()
        await until(lambda: not stage.problems(), "it is ready again")

        async def publish() -> bool:
            with contextlib.suppress(Exception):
                await jetstream.publish("check.requested", b"after", headers={api.Header.MSG_ID: "after"})
                return True
            return False

        await until(publish, "the test is connected again")
        await until(lambda: (b"after", 1) in handled.seen, "it consumes again")


async def test_stopping_an_idle_stage_takes_about_a_second_and_swallows_nothing(
    start_nats: StartNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.subscribing.DRAIN_SECONDS", 60.0)
    server, handled = start_nats(), Handled()
    async with connected(server, is_declared=True) as (_, jetstream):
        async with consuming(server, handled, slots=4) as stage:
            await until(lambda: not stage.problems(), "ready")
            began = time.monotonic()
        assert time.monotonic() - began < 30
        await jetstream.publish("check.requested", b"late")
        again = Handled()
        async with consuming(server, again):
            await until(lambda: again.seen, "handled by the next one")
        assert (again.seen, handled.seen) == ([(b"late", 1)], [])


async def test_what_comes_while_it_stops_is_not_begun_and_not_lost(start_nats: StartNats) -> None:
    server, seen, begun_while_stopping = start_nats(), [], []
    stages: list[Stage] = []

    async def handle(stored: Stored, _: int) -> None:
        seen.append(stored.data)
        begun_while_stopping.extend([stored.data] if stages[0].subscriptions.is_draining else [])

    async with connected(server, is_declared=True) as (_, jetstream):
        async with consuming(server, handle, slots=4) as stage:
            stages.append(stage)
            flood = asyncio.create_task(_publish_many(jetstream, 400))
            await until(lambda: len(seen) > 20, "it is in the middle of it")
        await flood
        assert begun_while_stopping == []
        again = Handled()
        async with consuming(server, again, slots=4):
            await until(lambda: is_done(jetstream), "all is handled")
        assert len({*seen, *(data for data, _ in again.seen)}) == 400


async def test_what_is_fetched_in_the_moment_of_stopping_is_handed_back_at_once(
    start_nats: StartNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.subscribing.FETCH_SECONDS", 5.0)  # the pull that waits outlasts the moment
    server, handled, again = start_nats(), Handled(), Handled()
    patient = Consumer(CHECK_REQUESTS, "testers", ("check.requested",), ack_wait_seconds=3600)

    async with connected(server, is_declared=True) as (_, jetstream):

        async def is_pulling() -> bool:
            return (await jetstream.consumer_info(CHECK_REQUESTS, "testers")).num_waiting == 1

        async with consuming(server, handled, consumer=patient) as stage:

            async def publish_while_it_stops() -> None:
                while not stage.subscriptions.is_draining:  # noqa: ASYNC110 (nobody tells)
                    await asyncio.sleep(0)
                await jetstream.publish("check.requested", b"late")

            await until(is_pulling, "a pull waits")
            publishing = asyncio.create_task(publish_while_it_stops())
        await publishing
        async with consuming(server, again, consumer=patient):
            await until(lambda: again.seen, "handled by the next one")
        assert (handled.seen, again.seen) == ([], [(b"late", 2)])


async def _publish_many(jetstream: JetStreamContext, count: int) -> None:
    for number in range(count):
        await jetstream.publish("check.requested", str(number).encode())
        await asyncio.sleep(0.002)


async def test_stopping_lets_what_was_begun_finish(start_nats: StartNats) -> None:
    server, done = start_nats(), []
    begun = asyncio.Event()

    async def handle(stored: Stored, _: int) -> None:
        begun.set()
        await asyncio.sleep(1)
        done.append(stored.data)

    async with connected(server, is_declared=True) as (_, jetstream):
        async with consuming(server, handle):
            await jetstream.publish("check.requested", b"one")
            await begun.wait()
        assert done == [b"one"]
        assert await is_done(jetstream)


async def test_what_does_not_finish_in_time_is_handed_back_when_it_stops(
    start_nats: StartNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.subscribing.DRAIN_SECONDS", 0.5)
    server, begun = start_nats(), asyncio.Event()

    async def handle(_: Stored, __: int) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with connected(server, is_declared=True) as (_, jetstream):
        async with consuming(server, handle):
            await jetstream.publish("check.requested", b"endless")
            await begun.wait()
            began = time.monotonic()
        again = Handled()
        async with consuming(server, again):
            await until(lambda: again.seen, "delivered again")
            assert time.monotonic() - began < 12
        assert again.seen == [(b"endless", 2)]


async def test_a_stage_stops_although_nats_is_gone(start_nats: StartNats) -> None:
    server = start_nats()
    async with connected(server, is_declared=True):
        async with consuming(server, Handled(), slots=2) as stage:
            await until(lambda: not stage.problems(), "ready")
            server.process.kill()
            await until(stage.problems, "it noticed")
            began = time.monotonic()
        assert time.monotonic() - began < 15


async def test_a_dead_letter_that_cant_be_stored_loses_no_message(
    start_nats: StartNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.publishing.RETRY_SECONDS", 0.5)
    server, handled = start_nats(), Handled(errors=[MessageRefused("no")] * 100)
    async with connected(server, is_declared=True) as (client, jetstream), consuming(server, handled):
        await jetstream.delete_stream(DEAD_LETTERS)
        await jetstream.publish("check.requested", b"one")
        await until(lambda: handled.seen, "refused")
        assert (await jetstream.stream_info(CHECK_REQUESTS)).state.messages == 1
        await declare(client, jetstream)
        await until(lambda: is_done(jetstream), "buried in the end")
        assert [letter.data for letter in await letters(jetstream)] == [b"one"]


async def test_each_outcome_is_counted(start_nats: StartNats) -> None:
    outcomes = ("done", "handed_back", "dead_letter")
    server, before = start_nats(), counted(*outcomes)
    handled = Handled(errors=[HandBack(0, "busy"), MessageRefused("no")])
    async with connected(server, is_declared=True) as (_, jetstream), consuming(server, handled):
        await jetstream.publish("check.requested", b"one")
        await until(lambda: is_done(jetstream), "refused")
        await jetstream.publish("check.requested", b"two")
        await until(lambda: len(handled.seen) == 3, "handled")
        await until(lambda: is_done(jetstream), "acknowledged")
    assert [after - was for after, was in zip(counted(*outcomes), before, strict=True)] == [1, 1, 1]


async def test_a_message_full_of_headers_fits_into_a_dead_letter(start_nats: StartNats) -> None:
    server, handled = start_nats(), Handled(errors=[MessageRefused("no" * 2000)])
    async with connected(server, is_declared=True) as (_, jetstream), consuming(server, handled):
        headers = {f"X-{number}": "v" * 10 for number in range(3000)}
        await jetstream.publish("check.requested", b"x" * 700_000, headers=headers)
        await until(lambda: is_done(jetstream), "refused")
        stored = await last_message(jetstream, DEAD_LETTERS, "dead.tester")
        assert stored is not None
        assert stored.headers["Watchword-Headers-Cut"] == "true"
        letter = dead_letters.read(stored)
        assert len(letter.data) == 700_000
        assert letter.headers.items() <= headers.items()
        assert len(letter.headers) > 1000
