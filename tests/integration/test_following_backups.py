"""Does a follower notice that its stream was put back from a backup, also when the stream is as long again as it was,
or longer, before the follower looks? And does it take nothing else for a backup?
"""

import contextlib
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext, api

from shared.following import Follower
from tests.conftest import StartNats
from tests.faults.links import LOCALHOST, Link, link_to
from tests.integration.nats_clients import connected, stopped, until
from tests.integration.test_following import STREAM, drop_one, following, publish
from watchword.embedded import EmbeddedServer

LAST_ALONE = api.StreamConfig(name="S", subjects=["s.>"], max_msgs_per_subject=1, allow_direct=True)


@dataclass
class Place:
    """A server, a connection of others to it, and the follower's own, which can be cut."""

    server: EmbeddedServer
    client: Client
    jetstream: JetStreamContext
    link: Link
    followers_client: Client
    followers: JetStreamContext
    copy: Path

    @property
    def clients(self) -> tuple[Client, Client]:
        return (self.client, self.followers_client)

    async def save(self) -> None:
        async with stopped(self.server, *self.clients) as store:
            shutil.copytree(store, self.copy)

    async def put_back(self) -> None:
        async with stopped(self.server, *self.clients) as store:
            shutil.rmtree(store)
            shutil.copytree(self.copy, store)

    @contextlib.asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        """Keep the follower from NATS while the block lasts."""
        await self.link.cut()
        await until(lambda: not self.followers_client.is_connected, "the follower notices that it is away")
        yield
        await self.link.join()


@pytest.fixture
async def place(start_nats: StartNats, tmp_path: Path) -> AsyncIterator[Place]:
    server = start_nats()
    async with (
        connected(server) as (client, jetstream),
        link_to(server.port) as link,
        connected(server, url=f"nats://{LOCALHOST}:{link.port}") as (followers_client, followers),
    ):
        yield Place(server, client, jetstream, link, followers_client, followers, tmp_path / "backup")


async def catch_up(follower: Follower) -> int:
    """Catch up at the first moment when that is possible."""
    caught: list[int] = []

    async def is_possible() -> bool:
        with contextlib.suppress(NatsError, TimeoutError):  # while there is no connection
            caught.append(await follower.catch_up())
        return bool(caught)

    await until(is_possible, "it catches up")
    return caught[0]


@pytest.mark.parametrize("beyond", [0, 1, 3], ids=["as many as it lacks", "one more", "three more"])
@pytest.mark.parametrize("last_per_subject", [True, False], ids=["the last of each subject", "all"])
async def test_a_backup_that_grew_to_where_the_follower_was_is_read_again(
    place: Place, last_per_subject: bool, beyond: int
) -> None:
    await place.jetstream.add_stream(STREAM)
    await publish(place.jetstream, "kept")
    await place.save()
    await publish(place.jetstream, "lost 1", subject="s.b")
    await publish(place.jetstream, "lost 2", subject="s.c")
    async with following(place.followers, last_per_subject=last_per_subject) as (follower, reader):
        assert follower.applied == 3
        async with place.away():
            await place.put_back()
            names = [f"new {number}" for number in range(2 + beyond)]
            for name in names:
                await publish(place.jetstream, name, subject=f"s.{name.replace(' ', '')}")
        assert await catch_up(follower) == 3 + beyond
        assert [text for _, text in reader.since_restart] == ["kept", *names]
        assert len(reader.restarts) == 1
        await publish(place.jetstream, "live")
        await until(lambda: reader.seen[-1] == (4 + beyond, "live"), "it goes on")
        assert len(reader.restarts) == 1


async def test_a_backup_that_grew_is_noticed_without_anybody_asking(place: Place) -> None:
    await place.jetstream.add_stream(STREAM)
    await publish(place.jetstream, "kept")
    await place.save()
    await publish(place.jetstream, "lost")
    async with following(place.followers) as (_, reader):
        async with place.away():
            await place.put_back()
            await publish(place.jetstream, "new")
        await until(lambda: reader.seen[-1] == (2, "new"), "what is there instead is read")
        assert reader.since_restart == [(1, "kept"), (2, "new")]


async def test_a_backup_in_which_the_place_of_the_follower_is_empty_is_read_again(place: Place) -> None:
    await place.jetstream.add_stream(LAST_ALONE)
    await publish(place.jetstream, "kept", subject="s.b")
    await place.save()
    await publish(place.jetstream, "lost 1", "lost 2")
    async with following(place.followers, last_per_subject=True) as (follower, reader):
        async with place.away():
            await place.put_back()
            await publish(place.jetstream, "new 1", "new 2", "new 3")
        assert await catch_up(follower) == 4
        assert reader.since_restart == [(1, "kept"), (4, "new 3")]


async def test_a_backup_that_holds_all_that_was_read_is_no_other_stream(place: Place) -> None:
    await place.jetstream.add_stream(STREAM)
    await publish(place.jetstream, "one", "two")
    await place.save()
    async with following(place.followers) as (follower, reader):
        async with place.away():
            await publish(place.jetstream, "lost", "and never read")
            await place.put_back()
            await publish(place.jetstream, "three")
        assert await catch_up(follower) == 3
        assert (reader.restarts, reader.seen) == ([], [(1, "one"), (2, "two"), (3, "three")])


async def test_a_message_that_made_room_for_a_newer_one_while_nobody_read_is_no_backup(place: Place) -> None:
    await place.jetstream.add_stream(LAST_ALONE)
    await publish(place.jetstream, "one", "two")
    async with following(place.followers, last_per_subject=True) as (follower, reader):
        async with place.away():
            await publish(place.jetstream, "three", "four")
        assert await catch_up(follower) == 4
        assert (reader.restarts, reader.seen) == ([], [(2, "two"), (4, "four")])


async def test_a_message_that_made_room_for_one_that_was_dropped_on_its_way_is_no_backup(place: Place) -> None:
    await place.jetstream.add_stream(LAST_ALONE)
    await publish(place.jetstream, "one", "two")
    async with following(place.followers, last_per_subject=True) as (follower, reader):
        drop_one(follower)
        await publish(place.jetstream, "three")
        await publish(place.jetstream, "four", subject="s.b")
        assert await follower.catch_up() == 4
        assert (reader.restarts, reader.seen) == ([], [(2, "two"), (3, "three"), (4, "four")])


@pytest.mark.parametrize("how", ["restart", "kill"])
@pytest.mark.parametrize("removed", ["the last", "all"])
async def test_a_last_message_that_was_removed_before_the_server_restarts_is_no_backup(
    place: Place, how: str, removed: str
) -> None:
    await place.jetstream.add_stream(STREAM)
    await publish(place.jetstream, "one", "two")
    async with following(place.followers) as (follower, reader):
        first = follower._reader
        if removed == "all":
            await place.jetstream.purge_stream("S")
        else:
            await place.jetstream.delete_msg("S", 2)
        async with stopped(place.server, *place.clients, is_killed=how == "kill"):
            pass
        await until(lambda: follower._reader not in {None, first}, "another reader")
        assert await catch_up(follower) == 2
        await publish(place.jetstream, "three")
        await until(lambda: reader.seen[-1] == (3, "three"), "it goes on")
        assert (reader.restarts, reader.seen) == ([], [(1, "one"), (2, "two"), (3, "three")])


async def test_where_nothing_tells_any_more_all_is_read_once_more(place: Place) -> None:
    await place.jetstream.add_stream(LAST_ALONE)
    await publish(place.jetstream, "kept", subject="s.b")
    await publish(place.jetstream, "one")
    async with following(place.followers, last_per_subject=True) as (follower, reader):
        async with place.away():
            async with stopped(place.server, *place.clients):
                pass  # and with it the consumer is gone
            await publish(place.jetstream, "two")
        assert await catch_up(follower) == 3
        assert reader.since_restart == [(1, "kept"), (3, "two")]
        assert len(reader.restarts) == 1


async def test_who_begins_in_the_middle_gets_what_comes_after_it_though_nothing_stands_there_any_more(
    place: Place,
) -> None:
    """Nothing was read before, so nothing can be another stream than before."""
    await place.jetstream.add_stream(STREAM)
    await publish(place.jetstream, "one", "two", "three", "four")
    await place.jetstream.delete_msg(STREAM.name, 2)
    read: list[int] = []
    follower = Follower(place.followers, "S", lambda stored: read.append(stored.sequence), last_per_subject=False)
    follower.applied = 2
    try:
        await follower.start()
        assert read == [3, 4]
    finally:
        await follower.stop()
