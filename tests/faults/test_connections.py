"""A NATS server that is there and takes part in nothing: it lets in and says nothing, or takes nothing any more of what
is sent to it. Whoever hangs on it leaves it for another one, and leaves nothing of itself behind.
"""

import asyncio

from shared.connecting import SafeClient
from shared.ending import end
from tests.faults.links import LOCALHOST, Link, link_to
from tests.integration.checker_fleet import eventually
from watchword.embedded import EmbeddedServer

MORE_THAN_BUFFERS_HOLD = 40
"""So many messages of half a megabyte: the system keeps some of them for a receiver that takes none."""


async def _ignore(_: Exception) -> None:
    """The servers are harmed on purpose."""


async def test_who_has_much_to_say_to_a_server_that_takes_nothing_any_more_goes_to_another_one(
    nats: EmbeddedServer,
) -> None:
    def url(link: Link) -> str:
        return f"nats://{LOCALHOST}:{link.port}"

    async with link_to(nats.process.port) as deaf, link_to(nats.process.port) as other:
        client = SafeClient()
        await client.connect(
            [url(deaf), url(other)],
            dont_randomize=True,
            ping_interval=1,
            connect_timeout=1,
            reconnect_time_wait=0.05,
            max_reconnect_attempts=-1,
            error_cb=_ignore,
        )

        async def say_much() -> None:
            for _ in range(MORE_THAN_BUFFERS_HOLD):
                await client.publish("anything", bytes(500_000))

        deaf.drop()
        saying = asyncio.create_task(say_much())
        try:
            await eventually(lambda: other.connections and client.is_connected, "another connection", 60)
            await client.flush(30)
        finally:
            await end(saying)
            client.sever()
            await client.close()


async def test_a_server_that_lets_in_and_says_nothing_keeps_no_connection_of_those_that_were_tried(
    nats: EmbeddedServer,
) -> None:
    tries, standing, most = 0, 0, 0

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal tries, standing, most
        tries, standing = tries + 1, standing + 1
        most = max(most, standing)
        try:
            while await reader.read(1000):
                pass
        except ConnectionError:
            pass  # it was ended at once
        finally:
            standing -= 1
            writer.close()

    silent = await asyncio.start_server(say_nothing, LOCALHOST)
    async with link_to(nats.process.port) as link:
        client = SafeClient()
        await client.connect(
            [f"nats://{LOCALHOST}:{port}" for port in (link.port, silent.sockets[0].getsockname()[1])],
            dont_randomize=True,
            connect_timeout=0.2,
            reconnect_time_wait=0.01,
            max_reconnect_attempts=-1,
            error_cb=_ignore,
        )
        await link.cut()  # from now on there is nobody but the silent one
        await eventually(lambda: tries >= 6, "several tries", 60)
        await link.join()
        await eventually(lambda: client.is_connected and not standing, "all is as before", 60)
        await client.close()
    silent.close()
    assert most <= 2  # the one before is perhaps still ending
