"""Does a publish tell stored from lost, and "somebody else wrote" from "my first try had succeeded"?"""

import asyncio
import time
from typing import Any

import pytest
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext, api
from nats.js.errors import APIError, BadRequestError, NoStreamResponseError, ServiceUnavailableError

from shared import publishing
from shared.errors import PublishRefused, PublishUnconfirmed, StreamFull
from shared.publishing import publish
from tests.conftest import StartNats
from tests.integration.nats_clients import connected, until

STREAM = api.StreamConfig(name="S", subjects=["s.>"], allow_direct=True)


class Flaky:
    """JetStream whose first tries end in an error, before or after the message is stored."""

    def __init__(self, jetstream: JetStreamContext, *errors: Exception, is_stored: bool) -> None:
        self.jetstream = jetstream
        self.errors = list(errors)
        self.is_stored = is_stored

    async def publish(self, *args: Any, **options: Any) -> api.PubAck:
        if not self.errors:
            return await self.jetstream.publish(*args, **options)
        if self.is_stored:
            await self.jetstream.publish(*args, **options)
        raise self.errors.pop(0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.jetstream, name)


def flaky(jetstream: JetStreamContext, *errors: Exception, is_stored: bool) -> JetStreamContext:
    return Flaky(jetstream, *errors, is_stored=is_stored)  # type: ignore[return-value]


async def messages(jetstream: JetStreamContext) -> int:
    return (await jetstream.stream_info("S")).state.messages


async def test_it_says_where_the_message_was_stored(start_nats: StartNats) -> None:
    async with connected(start_nats()) as (_, jetstream):
        await jetstream.add_stream(STREAM)
        assert (await publish(jetstream, "s.a", b"one")).seq == 1
        assert (await publish(jetstream, "s.a", b"two", headers={"X-Of": "us"})).seq == 2
        stored = await jetstream.get_msg("S", 2)
        assert (stored.data, (stored.headers or {})["X-Of"]) == (b"two", "us")


async def test_the_same_message_id_is_stored_once(start_nats: StartNats) -> None:
    async with connected(start_nats()) as (_, jetstream):
        await jetstream.add_stream(STREAM)
        first = await publish(jetstream, "s.a", b"one", message_id="1")
        again = await publish(jetstream, "s.a", b"one", message_id="1")
        assert (again.seq, again.duplicate) == (first.seq, True)
        assert await messages(jetstream) == 1


async def test_a_conditional_write_goes_through_when_the_subject_is_as_expected(start_nats: StartNats) -> None:
    async with connected(start_nats()) as (_, jetstream):
        await jetstream.add_stream(STREAM)
        first = await publish(jetstream, "s.a", b"one", expected_last=0)
        await publish(jetstream, "s.b", b"elsewhere")
        assert (await publish(jetstream, "s.a", b"two", expected_last=first.seq)).seq == 3


@pytest.mark.parametrize("expected", [0, 1, 99])
async def test_a_conditional_write_is_refused_when_another_message_is_there(
    start_nats: StartNats, expected: int
) -> None:
    async with connected(start_nats()) as (_, jetstream):
        await jetstream.add_stream(STREAM)
        await publish(jetstream, "s.a", b"one")
        await publish(jetstream, "s.a", b"two")
        with pytest.raises(PublishRefused, match=f"s.a: its last message is another than {expected}"):
            await publish(jetstream, "s.a", b"three", expected_last=expected)
        assert await messages(jetstream) == 2


@pytest.mark.parametrize(
    "error",
    [NatsTimeoutError(), NoStreamResponseError(), ServiceUnavailableError(code=503)],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("is_stored", [True, False], ids=["only-the-answer-was-lost", "the-message-was-lost"])
async def test_a_conditional_write_whose_answer_was_lost_is_repeated_and_known_as_ours(
    start_nats: StartNats, error: Exception, is_stored: bool
) -> None:
    async with connected(start_nats()) as (_, jetstream):
        await jetstream.add_stream(STREAM)
        await publish(jetstream, "s.a", b"before")
        unsteady = flaky(jetstream, error, is_stored=is_stored)
        stored = await publish(unsteady, "s.a", b"ours", expected_last=1, message_id="ours", stream="S")
        assert stored.seq == 2
        assert await messages(jetstream) == 2


@pytest.mark.parametrize(
    ("kind", "code", "text"),
    [
        pytest.param(BadRequestError, 10164, "wrong last sequence", id="on-the-same-subject"),
        pytest.param(APIError, 10158, "duplicate message id is in process", id="with-the-same-id"),
    ],
)
@pytest.mark.parametrize("is_stored", [True, False], ids=["which-was-our-own", "which-came-to-nothing"])
async def test_a_conditional_write_waits_for_one_that_a_cluster_has_not_decided(
    start_nats: StartNats, is_stored: bool, kind: type[APIError], code: int, text: str
) -> None:
    async with connected(start_nats()) as (_, jetstream):
        await jetstream.add_stream(STREAM)
        undecided: list[Exception] = [kind(code=400, err_code=code, description=text) for _ in range(3)]
        unsteady = flaky(jetstream, *undecided[:1] if is_stored else undecided, is_stored=is_stored)
        stored = await publish(unsteady, "s.a", b"ours", expected_last=0, message_id="ours", stream="S")
        assert stored.seq == 1
        assert await messages(jetstream) == 1


async def test_a_conditional_write_that_was_overtaken_by_one_under_way_is_refused(start_nats: StartNats) -> None:
    async with connected(start_nats()) as (_, jetstream):
        await jetstream.add_stream(STREAM)
        await publish(jetstream, "s.a", b"another's", message_id="another")
        undecided = BadRequestError(code=400, err_code=10164, description="wrong last sequence")
        with pytest.raises(PublishRefused):
            await publish(flaky(jetstream, undecided, is_stored=False), "s.a", b"ours", expected_last=0)


async def test_a_repeated_conditional_write_is_refused_when_another_was_faster(start_nats: StartNats) -> None:
    async with connected(start_nats()) as (_, jetstream):
        await jetstream.add_stream(STREAM)
        await publish(jetstream, "s.a", b"another's", message_id="another")
        unsteady = flaky(jetstream, NatsTimeoutError(), is_stored=False)
        with pytest.raises(PublishRefused):
            await publish(unsteady, "s.a", b"ours", expected_last=0, message_id="ours", stream="S")


async def test_it_waits_for_a_stream_that_comes_late(start_nats: StartNats) -> None:
    async with connected(start_nats()) as (_, jetstream):
        pending = asyncio.create_task(publish(jetstream, "s.a", b"early", message_id="1"))
        await asyncio.sleep(0)
        await jetstream.add_stream(STREAM)
        assert (await pending).seq == 1


async def test_it_outlasts_a_restart_of_the_server_and_stores_once(start_nats: StartNats) -> None:
    server = start_nats()
    async with connected(server) as (_, jetstream):
        await jetstream.add_stream(STREAM)
        server.process.kill()
        pending = [asyncio.create_task(publish(jetstream, "s.a", b"x", message_id=str(number))) for number in range(20)]
        await asyncio.sleep(0)
        server.process.start()
        await asyncio.gather(*pending)
        assert await messages(jetstream) == 20


async def test_what_waits_for_its_acknowledgement_longer_than_one_try_is_told_until_it_has_it(
    start_nats: StartNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "ANSWER_SECONDS", 0.3)
    server = start_nats()
    async with connected(server) as (client, jetstream):
        await jetstream.add_stream(STREAM)
        await publish(jetstream, "s.a", b"before")
        assert publishing.problems(client) == []
        server.process.pause()
        pending = [asyncio.create_task(publish(jetstream, f"s.{number}", b"x")) for number in range(2)]
        await until(lambda: publishing.problems(client), "it says so")
        await until(lambda: "2 messages are" in publishing.problems(client)[0], "it says so of both")
        reason = "TimeoutError; is NATS frozen, or its disk full?"
        said = f"2 messages are not stored for 0.3 s or longer: s.0: no acknowledgement ({reason})"
        assert publishing.problems(client) == [said]
        server.process.resume()
        await asyncio.gather(*pending)
        assert publishing.problems(client) == []


async def test_without_an_acknowledgement_it_gives_up_in_time(start_nats: StartNats) -> None:
    async with connected(start_nats()) as (_, jetstream):
        began = time.monotonic()
        with pytest.raises(PublishUnconfirmed, match=r"s\.a: no acknowledgement within 1 s \(NoStreamResponseError\)"):
            await publish(jetstream, "s.a", b"nobody listens", retry_seconds=1)
        assert time.monotonic() - began < 15


async def test_one_try_never_takes_longer_than_the_time_for_all(
    start_nats: StartNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "ANSWER_SECONDS", 60.0)
    server = start_nats()
    async with connected(server) as (_, jetstream):
        await jetstream.add_stream(STREAM)
        server.process.kill()
        began = time.monotonic()
        with pytest.raises(PublishUnconfirmed):
            await publish(jetstream, "s.a", b"x", retry_seconds=0.5)
        assert time.monotonic() - began < 30


async def test_an_election_that_takes_too_long_is_unconfirmed_too(start_nats: StartNats) -> None:
    async with connected(start_nats()) as (_, jetstream):
        await jetstream.add_stream(STREAM)
        away = [ServiceUnavailableError(code=503, description="no leader") for _ in range(1000)]
        with pytest.raises(PublishUnconfirmed, match="ServiceUnavailableError"):
            await publish(flaky(jetstream, *away, is_stored=False), "s.a", b"x", retry_seconds=0.5)


async def test_what_the_server_will_never_take_is_raised_at_once(start_nats: StartNats) -> None:
    async with connected(start_nats()) as (_, jetstream):
        await jetstream.add_stream(api.StreamConfig(name="S", subjects=["s.>"], max_msg_size=100))
        began = time.monotonic()
        with pytest.raises(APIError, match="exceeds maximum"):
            await publish(jetstream, "s.a", b"x" * 1000)
        with pytest.raises(BadRequestError):
            await publish(jetstream, "s.a", b"x", stream="ANOTHER")
        assert time.monotonic() - began < 15


async def test_a_stream_without_room_is_said_at_once_with_what_to_do(start_nats: StartNats) -> None:
    async with connected(start_nats()) as (_, jetstream):
        full = api.StreamConfig(name="S", subjects=["s.>"], max_bytes=50, discard=api.DiscardPolicy.NEW)
        await jetstream.add_stream(full)
        began = time.monotonic()
        with pytest.raises(StreamFull, match=r"no room left \(maximum bytes exceeded\).*--max-bytes"):
            await publish(jetstream, "s.a", b"x" * 100)
        assert time.monotonic() - began < 15
