"""How do the servers of NATS reach one another, so that one can be cut off without being told? Each has a process of
links: whatever comes in to it, from clients and other servers, and whatever goes out to other servers passes through
it. Who hears of a server hears of its links alone. Pure.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LOCALHOST = "127.0.0.1"


@dataclass(frozen=True)
class Server:
    """One server and its ports."""

    number: int
    port: int
    """Where it listens for clients."""
    route: int
    """Where it listens for other servers."""
    door: int
    """The link that leads to ``port``."""
    route_door: int
    """The link that leads to ``route``."""

    @property
    def name(self) -> str:
        """What it is called."""
        return f"nats-{self.number}"


WaysOut = Mapping[tuple[int, int], int]
"""The links from one server to another one, by the numbers of both."""


def configuration(server: Server, servers: Sequence[Server], ways_out: WaysOut, store: Path) -> str:
    """Return the server's configuration file."""
    lines = [
        f"server_name: {server.name}",
        f'listen: "{LOCALHOST}:{server.port}"',
        f'client_advertise: "{LOCALHOST}:{server.door}"',
        f"jetstream {{ store_dir: {json.dumps(str(store))}, max_file_store: 64GB }}",
    ]
    others = [f"nats://{LOCALHOST}:{ways_out[server.number, other.number]}" for other in _others(server, servers)]
    if others:
        listening = f'listen: "{LOCALHOST}:{server.route}", advertise: "{LOCALHOST}:{server.route_door}"'
        lines.append(f"cluster {{ name: soak, {listening}, routes: {json.dumps(others)} }}")
    return "\n".join(lines) + "\n"


def links_of(server: Server, servers: Sequence[Server], ways_out: WaysOut) -> list[str]:
    """Return the links of a server, each ``FROM:TO``."""
    ways_in = [f"{server.door}:{server.port}", f"{server.route_door}:{server.route}"]
    others = _others(server, servers)
    return [*ways_in, *(f"{ways_out[server.number, other.number]}:{other.route_door}" for other in others)]


def _others(server: Server, servers: Sequence[Server]) -> list[Server]:
    return [other for other in servers if other != server]
