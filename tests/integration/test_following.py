"""Does a follower show everything once and in order, and does it notice when the stream is another one?"""

import asyncio
import contextlib
import dataclasses
import functools
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext, api

from shared import following as following_module
from shared import publishing, straight
from shared.connecting import SafeClient
from shared.errors import StreamMissing
from shared.following import Follower, Stored
from tests.conftest import StartNats
from tests.integration.nats_clients import connected, until

STREAM = api.StreamConfig(name="S", subjects=["s.>"], max_msgs_per_subject=5, allow_direct=True)


@dataclass
class Reader:
    """What a follower was told."""

    seen: list[tuple[int, str]] = field(default_factory=list)
    restarts: list[int] = field(default_factory=list)

    def apply(self, stored: Stored) -> None:
        self.seen.append((stored.sequence, stored.data.decode()))

    def restarted(self) -> None:
        self.restarts.append(len(self.seen))

    @property
    def since_restart(self) -> list[tuple[int, str]]:
        return self.seen[self.restarts[-1] :]


@contextlib.asynccontextmanager
async def following(
    jetstream: JetStreamContext, *, last_per_subject: bool = False
) -> AsyncIterator[tuple[Follower, Reader]]:
    reader = Reader()
    follower = Follower(jetstream, "S", reader.apply, last_per_subject=last_per_subject, restarted=reader.restarted)
    await follower.start()
    try:
        yield follower, reader
    finally:
        await follower.stop()


async def publish(jetstream: JetStreamContext, *texts: str, subject: str = "s.a") -> None:
    for text in texts:
        await publishing.publish(jetstream, subject, text.encode(), message_id=text)


async def test_it_shows_what_was_stored_and_then_what_comes(start_nats: StartNats) -> None:
    async with connected(start_nats()) as (_, jetstream):
        await jetstream.add_stream(STREAM)
        await publish(jetstream, "one", "two")
        async with following(jetstream) as (follower, reader):
            assert reader.seen == [(1, "one"), (2, "two")]
            assert follower.problem is None
            await publish(jetstream, "three")
            assert await follower.catch_up() == 3
            assert reader.seen == [(1, "one"), (2, "two"), (3, "three")]


async def test_a_snapshot_is_the_last_of_each_subject(start_nats: StartNats) -> None:
    async with connected(start_nats()) as (_, jetstream):
        await jetstream.add_stream(STREAM)
        await publish(jetstream, "a1", "a2", subject="s.a")
        await publish(jetstream, "b1", subject="s.b")
        await publish(jetstream, "a3", subject="s.a")
        async with following(jetstream, last_per_subject=True) as (_, reader):
            assert reader.seen == [(3, "b1"), (4, "a3")]


@pytest.mark.parametrize("last_per_subject", [True, False])
async def test_an_empty_stream_is_known_at_once(start_nats: StartNats, last_per_subject: bool) -> None:
    async with connected(start_nats()) as (_, jetstream):
        await jetstream.add_stream(STREAM)
        await publish(jetstream, "gone")
        await jetstream.purge_stream("S")
        async with following(jetstream, last_per_subject=last_per_subject) as (follower, reader):
            assert reader.seen == []
            assert follower.applied == 1
            assert follower.problem is None


async def test_catching_up_while_others_publish_misses_nothing_and_shows_nothing_twice(start_nats: StartNats) -> None:
    async with connected(start_nats()) as (_, jetstream):
        await jetstream.add_stream(api.StreamConfig(name="S", subjects=["s.>"], max_msgs_per_subject=-1))

        async def fill(name: str) -> None:
            for number in range(1500):
                await jetstream.publish(f"s.{name}", str(number).encode())

        writers = [asyncio.create_task(fill(name)) for name in "abcd"]
        async with following(jetstream) as (follower, reader):
            while not all(writer.done() for writer in writers):
                last = await follower.catch_up()
                assert reader.seen[-1][0] >= last if reader.seen else last == 0
            assert await follower.catch_up() == 6000
        assert [sequence for sequence, _ in reader.seen] == list(range(1, 6001))
        assert reader.restarts == []


async def test_a_stream_that_never_was_is_said_so(start_nats: StartNats) -> None:
    async with connected(start_nats()) as (_, jetstream):
        follower = Follower(jetstream, "S", Reader().apply, last_per_subject=False)
        with pytest.raises(StreamMissing, match="S does not exist; run: watchword init"):
            await follower.start()


async def test_a_deleted_stream_is_a_problem_and_the_view_stays(start_nats: StartNats) -> None:
    async with connected(start_nats()) as (_, jetstream):
        await jetstream.add_stream(STREAM)
        await publish(jetstream, "one")
        async with following(jetstream) as (follower, reader):
            await jetstream.delete_stream("S")
            await until(lambda: "watchword init" in (follower.problem or ""), "readiness falls")
            with pytest.raises(StreamMissing):
                await follower.catch_up()
            assert reader.restarts == []
            assert reader.seen == [(1, "one")]


@pytest.mark.parametrize("last_per_subject", [True, False])
@pytest.mark.parametrize("before", [1, 8])
async def test_a_stream_made_anew_is_read_from_its_beginning(
    start_nats: StartNats, last_per_subject: bool, before: int
) -> None:
    async with connected(start_nats()) as (_, jetstream):
        await jetstream.add_stream(STREAM)
        await publish(jetstream, *(f"old {number}" for number in range(before)))
        async with following(jetstream, last_per_subject=last_per_subject) as (follower, reader):
            await jetstream.delete_stream("S")
            await jetstream.add_stream(STREAM)
            await publish(jetstream, "new 1", "new 2")
            await follower.catch_up()
            newest = [(2, "new 2")]
            assert reader.since_restart == (newest if last_per_subject else [(1, "new 1"), *newest])
            assert len(reader.restarts) == 1
            await publish(jetstream, "new 3")
            await follower.catch_up()
            assert reader.seen[-1] == (3, "new 3")


async def test_a_stream_made_anew_is_noticed_without_anybody_asking(start_nats: StartNats) -> None:
    async with connected(start_nats()) as (_, jetstream):
        await jetstream.add_stream(STREAM)
        await publish(jetstream, "old")
        async with following(jetstream) as (_, reader):
            await jetstream.delete_stream("S")
            await jetstream.add_stream(STREAM)
            await publish(jetstream, "new")
            await until(lambda: reader.seen[-1] == (1, "new"), "the new stream is read")


async def test_a_restored_backup_is_read_again(start_nats: StartNats, tmp_path: Path) -> None:
    server = start_nats()
    store = server.process.plan.log_path.parent / "jetstream"
    async with connected(server) as (_, jetstream):
        await jetstream.add_stream(STREAM)
        await publish(jetstream, *(str(number) for number in range(4)))
        server.process.stop()
        shutil.copytree(store, tmp_path / "backup")
        server.process.start()
        await publish(jetstream, *(str(number) for number in range(4, 9)))
        async with following(jetstream) as (follower, reader):
            assert follower.applied == 9
            server.process.stop()
            shutil.rmtree(store)
            shutil.copytree(tmp_path / "backup", store)
            server.process.start()
            await until(lambda: reader.restarts, "it notices that the stream was put back")
            await publish(jetstream, "after the backup")
            await until(lambda: reader.seen[-1] == (5, "after the backup"), "it goes on from the backup")
            assert [text for _, text in reader.since_restart] == ["0", "1", "2", "3", "after the backup"]


@pytest.mark.parametrize("how", ["restart", "kill"])
async def test_after_a_restart_of_the_server_it_goes_on_where_it_was(start_nats: StartNats, how: str) -> None:
    server = start_nats()
    async with connected(server) as (_, jetstream):
        await jetstream.add_stream(STREAM)
        await publish(jetstream, "one", "two")
        async with following(jetstream) as (follower, reader):
            if how == "kill":
                server.process.kill()
            else:
                server.process.stop()
            await until(lambda: follower.problem, "it says that it can't read")
            server.process.start()
            await publish(jetstream, "three")
            await until(lambda: reader.seen[-1] == (3, "three"), "it goes on")
            await until(lambda: follower.problem is None, "it is well again")
            assert reader.seen == [(1, "one"), (2, "two"), (3, "three")]
            assert reader.restarts == []


class LeaderBehind:
    """JetStream whose stream tells of one message less than it has, as a leader that is behind the reader's server."""

    def __init__(self, jetstream: JetStreamContext, answers: int) -> None:
        self.jetstream = jetstream
        self.answers = answers

    async def _api_request(self, subject: str, *args: Any, **options: Any) -> dict[str, Any]:
        told = await self.jetstream._api_request(subject, *args, **options)
        if self.answers > 0 and ".STREAM.INFO." in subject and told["state"]["last_seq"]:
            self.answers -= 1
            told["state"]["last_seq"] -= 1
        return told

    def __getattr__(self, name: str) -> Any:
        return getattr(self.jetstream, name)


async def test_a_leader_that_is_behind_the_reader_for_a_moment_is_no_restored_backup(start_nats: StartNats) -> None:
    async with connected(start_nats()) as (_, jetstream):
        await jetstream.add_stream(STREAM)
        await publish(jetstream, "one", "two")
        unsteady = LeaderBehind(jetstream, answers=0)
        async with following(unsteady) as (follower, reader):  # type: ignore[arg-type]  # it stands for one
            unsteady.answers = 5
            assert await follower.catch_up() == 2
            assert (reader.restarts, reader.seen) == ([], [(1, "one"), (2, "two")])


def drop_one(follower: Follower, is_now: Callable[[], bool] = lambda: True) -> None:
    """Have the client lose one message, the first that comes when it is time."""
    receive, dropped = follower._receive, []

    def lossy(*message: Any) -> None:
        if is_now() and not dropped:
            dropped.append(message)
        else:
            receive(*message)

    follower._receive = lossy  # type: ignore[method-assign]


async def test_messages_dropped_by_the_client_are_read_again(start_nats: StartNats) -> None:
    async with connected(start_nats()) as (_, jetstream):
        await jetstream.add_stream(api.StreamConfig(name="S", subjects=["s.>"]))
        async with following(jetstream) as (follower, reader):
            drop_one(follower, lambda: len(reader.seen) == 10)
            await publish(jetstream, *(str(number) for number in range(30)))
            await follower.catch_up()
            assert [sequence for sequence, _ in reader.seen] == list(range(1, 31))


async def test_the_last_message_dropped_by_the_client_is_read_again(start_nats: StartNats) -> None:
    async with connected(start_nats()) as (_, jetstream):
        await jetstream.add_stream(STREAM)
        async with following(jetstream) as (follower, reader):
            drop_one(follower)
            await publish(jetstream, "only one")
            await follower.catch_up()
            assert reader.seen == [(1, "only one")]


@pytest.fixture
def never_stalled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the last resort of a follower: reading again because nothing came."""
    monkeypatch.setattr(following_module, "STALLED_SECONDS", 1000.0)


async def test_a_stream_whose_end_was_deleted_is_not_waited_for(start_nats: StartNats, never_stalled: None) -> None:
    async with connected(start_nats()) as (_, jetstream):
        await jetstream.add_stream(STREAM)
        await publish(jetstream, "one", "two", "three")
        await jetstream.delete_msg("S", 3)
        async with following(jetstream) as (follower, reader):
            assert [text for _, text in reader.seen] == ["one", "two"]
            assert follower.applied == 3


@pytest.mark.parametrize("known", [0, 1, 2])
async def test_a_reader_whose_server_is_behind_the_leader_is_waited_for(
    start_nats: StartNats, never_stalled: None, monkeypatch: pytest.MonkeyPatch, known: int
) -> None:
    """It says that there is no more after each message that it has, until the next one reaches it."""
    held_up: list[Callable[[], None]] = []

    async def read_on_behind(
        jetstream: JetStreamContext, stream: str, config: api.ConsumerConfig, receive: straight.Receive
    ) -> straight.Reader:
        def receive_some(subject: str, reply: str, data: bytes, headers: Mapping[str, str]) -> None:
            *place, _ = reply.split(".")
            call = functools.partial(receive, subject, ".".join([*place, "0"]), data, headers)
            if int(data) <= known:
                call()
            else:
                held_up.append(call)

        reader = await straight.read_on(jetstream, stream, config, receive_some)
        return dataclasses.replace(reader, has_nothing_to_send=known == 0)

    async with connected(start_nats()) as (_, jetstream):
        await jetstream.add_stream(STREAM)
        await publish(jetstream, "1", "2", "3")
        monkeypatch.setattr(following_module, "read_on", read_on_behind)
        reader = Reader()
        follower = Follower(jetstream, "S", reader.apply, last_per_subject=False)
        start = asyncio.create_task(follower.start())
        await until(lambda: len(reader.seen) + len(held_up) == 3, "all are on their way")
        await asyncio.sleep(0.3)
        assert not start.done()
        for call in held_up:
            call()
        await start
        assert reader.seen == [(1, "1"), (2, "2"), (3, "3")]
        await follower.stop()


async def test_what_an_abandoned_reader_still_brings_is_ignored(start_nats: StartNats) -> None:
    async with connected(start_nats()) as (_, jetstream):
        await jetstream.add_stream(STREAM)
        async with following(jetstream) as (follower, reader):
            receive, late = follower._receive, []

            def held_up(*message: Any) -> None:
                if late:
                    receive(*message)
                else:
                    late.append(message)

            follower._receive = held_up  # type: ignore[method-assign]
            await publish(jetstream, "one")
            await follower.catch_up()
            await publish(jetstream, "two")
            await follower.catch_up()
            receive(*late[0])
            assert not follower._is_broken
            assert reader.seen == [(1, "one"), (2, "two")]


async def test_a_reader_whose_server_is_cut_off_is_made_anew(
    start_nats: StartNats, never_stalled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(start_nats()) as (_, jetstream):
        await jetstream.add_stream(STREAM)
        async with following(jetstream) as (follower, reader):
            first = follower._reader
            assert first is not None
            ask = jetstream.consumer_info

            async def ask_in_vain(stream: str, consumer: str) -> api.ConsumerInfo:
                if consumer == first.consumer:  # nobody answers for it, as in a cluster whose other servers live
                    raise NatsTimeoutError
                return await ask(stream, consumer)

            monkeypatch.setattr(jetstream, "consumer_info", ask_in_vain)
            await until(lambda: follower._reader not in {None, first}, "another reader")
            await publish(jetstream, "one")
            await until(lambda: reader.seen == [(1, "one")], "what was stored since")
            assert follower.problem is None


async def test_a_message_that_looks_as_if_the_server_steered_is_a_message(start_nats: StartNats) -> None:
    async with connected(start_nats()) as (_, jetstream):
        await jetstream.add_stream(STREAM)
        async with following(jetstream) as (follower, reader):
            for forged in ({"Status": "100", "Description": "FlowControl Request"}, {"Status": "100"}):
                await jetstream.publish("s.a", b"", headers=forged)
            await follower.catch_up(5)
            assert reader.seen == [(1, ""), (2, "")]


async def test_what_fails_while_a_message_is_taken_in_is_told_and_the_connection_goes_on(start_nats: StartNats) -> None:
    told: list[Exception] = []

    async def complain(error: Exception) -> None:
        told.append(error)

    def fail(_: Stored) -> None:
        message = "can't take this in"
        raise ValueError(message)

    async with connected(start_nats(), error_cb=complain) as (client, jetstream):
        await jetstream.add_stream(STREAM)
        follower = Follower(jetstream, "S", fail, last_per_subject=False)
        await follower.start()
        await publish(jetstream, "one")
        await until(lambda: told, "it was told")
        assert (str(told[0]), client.is_connected) == ("can't take this in", True)
        await follower.stop()


async def test_a_deleted_consumer_is_made_again(start_nats: StartNats, never_stalled: None) -> None:
    async with connected(start_nats()) as (_, jetstream):
        await jetstream.add_stream(STREAM)
        async with following(jetstream) as (_, reader):
            for consumer in await jetstream.consumers_info("S"):
                await jetstream.delete_consumer("S", consumer.name)
            await publish(jetstream, "one")
            await until(lambda: reader.seen == [(1, "one")], "it reads on", seconds=12)  # nats-py alone needs 18 s


@pytest.mark.parametrize("kind", [SafeClient, Client], ids=["straight", "by nats-py's own queue"])
async def test_a_large_replay_loses_nothing(start_nats: StartNats, kind: type[Client]) -> None:
    async with connected(start_nats(), kind=kind) as (_, jetstream):
        await jetstream.add_stream(api.StreamConfig(name="S", subjects=["s.>"], max_msgs_per_subject=1))
        for begin in range(0, 20_000, 500):
            await asyncio.gather(*(jetstream.publish(f"s.{n}", b"x" * 400) for n in range(begin, begin + 500)))
        async with following(jetstream, last_per_subject=True) as (_, reader):
            assert len(reader.seen) == 20_000
            assert max(Counter(sequence for sequence, _ in reader.seen).values()) == 1


async def test_what_a_purge_took_is_not_waited_for(start_nats: StartNats) -> None:
    async with connected(start_nats()) as (_, jetstream):
        await jetstream.add_stream(STREAM)
        async with following(jetstream) as (follower, _):
            await publish(jetstream, "one")
            await follower.catch_up()
            await follower.stop()
            await publish(jetstream, "two", "three")
            await jetstream.purge_stream("S")
        async with following(jetstream) as (follower, reader):
            assert await follower.catch_up(timeout_seconds=2) == 3
            assert reader.seen == []


async def test_many_stages_catch_up_at_once(start_nats: StartNats) -> None:
    async with connected(start_nats()) as (_, jetstream):
        await jetstream.add_stream(STREAM)
        async with following(jetstream) as (follower, reader):
            await publish(jetstream, "one", "two", "three")
            assert await asyncio.gather(*(follower.catch_up() for _ in range(20))) == [3] * 20
            assert [sequence for sequence, _ in reader.seen] == [1, 2, 3]


async def test_many_stages_that_notice_another_stream_at_once_start_over_once(start_nats: StartNats) -> None:
    async with connected(start_nats()) as (_, jetstream):
        await jetstream.add_stream(STREAM)
        await publish(jetstream, "old")
        async with following(jetstream) as (follower, reader):
            await jetstream.delete_stream("S")
            await jetstream.add_stream(STREAM)
            await publish(jetstream, "new 1", "new 2")
            assert await asyncio.gather(*(follower.catch_up() for _ in range(20))) == [2] * 20
            assert reader.since_restart == [(1, "new 1"), (2, "new 2")]
            assert len(reader.restarts) == 1
