"""Three NATS servers with replicated streams whose every wire is a link that can be harmed: clients come through one
link to each server, and each server reaches each other one through a link of that pair. Nobody is told of an address
behind a link, so a server that is cut off is cut off from everybody. The servers ask each other more often than by
their own choice whether they live: until they know, a part of what clients ask for goes to the one that is cut off.
"""

import asyncio
import contextlib
import dataclasses
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from shared.streams import streams
from tests.faults.links import LOCALHOST, Link
from tests.faults.small_disk import SmallDisk, nats_on
from tests.integration.checker_fleet import eventually
from watchword.embedded import EmbeddedServer, NatsSettings, embedded_nats
from watchword.processes import free_port

COUNT = 3
ALL_STREAMS = tuple(config.name or "" for config in streams())
NOWHERE = f"{LOCALHOST}:1"
"""What each server tells the others of the way to it, and they each other: else two may meet past their links."""


@dataclass
class Cluster:
    """The servers and the links between them and to them."""

    servers: list[EmbeddedServer]
    clients: list[Link]
    routes: dict[tuple[int, int], Link]
    """From which server to which."""

    @property
    def url(self) -> str:
        """Where clients find it, all servers by their links."""
        return ",".join(f"nats://{LOCALHOST}:{link.port}" for link in self.clients)

    @property
    def direct_urls(self) -> list[str]:
        """Where each server is found past its link, for who stands beside the harm."""
        return [f"nats://{LOCALHOST}:{link.to_port}" for link in self.clients]

    def wires(self, number: int) -> list[Link]:
        """Return every link that one server hangs on."""
        return [self.clients[number], *(link for pair, link in self.routes.items() if number in pair)]

    def cut_off(self, number: int) -> None:
        """Drop every packet from and to a server: nobody is refused, nobody is told."""
        for link in self.wires(number):
            link.drop()

    def cut_off_from_the_others(self, number: int) -> None:
        """Drop every packet between a server and the others; its clients notice nothing."""
        for pair, link in self.routes.items():
            if number in pair:
                link.drop()

    def slow_down(self, number: int, bytes_each_second: float) -> None:
        """Let little pass between a server and the others from now on."""
        for pair, link in self.routes.items():
            if number in pair:
                link.bytes_each_second = bytes_each_second

    def mend(self, number: int) -> None:
        """Let packets through again, first those that waited."""
        for link in self.wires(number):
            link.mend()


@contextlib.asynccontextmanager
async def cluster_in(folder: Path, disk: SmallDisk | None = None) -> AsyncIterator[Cluster]:
    """Start a cluster, and end it after the block. A disk is that of the first server."""
    async with contextlib.AsyncExitStack() as stack:
        client_ports = [free_port() for _ in range(COUNT)]
        route_ports = [free_port() for _ in range(COUNT)]

        async def linked(port: int) -> Link:
            link = Link(port)
            await link.open()
            stack.push_async_callback(link.close)
            return link

        clients = [await linked(port) for port in client_ports]
        pairs = [(a, b) for a in range(COUNT) for b in range(COUNT) if a != b]
        routes = {(a, b): await linked(route_ports[b]) for a, b in pairs}
        servers = []
        for number in range(COUNT):
            to_others = ", ".join(f'"nats://{LOCALHOST}:{link.port}"' for (a, _), link in routes.items() if a == number)
            configuration = (
                f'cluster {{ name: faults, listen: "{LOCALHOST}:{route_ports[number]}", no_advertise: true, '
                f'advertise: "{NOWHERE}", pool_size: -1, ping_interval: 2s, routes: [{to_others}] }}'
            )
            plain = NatsSettings(folder / f"nats-{number}", port=client_ports[number], server_name=f"n{number}")
            settings = dataclasses.replace(plain, extra_configuration=configuration)
            servers.append(nats_on(disk, settings) if disk and number == 0 else embedded_nats(settings))
        for server in servers:
            server.process.spawn()
            stack.callback(server.process.kill)
        for server in servers:
            await asyncio.to_thread(server.process.wait_until_ready)  # the links live in this loop
        yield Cluster(servers, clients, routes)


async def leader_of(jetstream: JetStreamContext, stream: str) -> int | None:
    """Return the number of the server that leads a stream; None while none does."""
    information = await jetstream.stream_info(stream)
    name = information.cluster.leader if information.cluster else None
    return int(name.removeprefix("n")) if name else None


async def make_leader(client: Client, number: int, *names: str) -> None:
    """Have a server lead these streams."""
    wish = json.dumps({"placement": {"preferred": f"n{number}"}}).encode()
    for name in names:

        async def does_lead(name: str = name) -> bool:
            with contextlib.suppress(NatsError, TimeoutError):  # while the members agree
                if await leader_of(client.jetstream(), name) == number:
                    return True
                await client.request(f"$JS.API.STREAM.LEADER.STEPDOWN.{name}", wish, timeout=5)
            return False

        await eventually(does_lead, f"n{number} leads {name}")
