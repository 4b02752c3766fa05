"""Which processes make up the house, and with which settings do they run? NATS (one server, or a cluster of three, each
behind links that all but the referee go through), two Alertmanagers in a cluster, and nine stages. Times that a soak
has no time to wait for are shortened by the stages' own settings; no code is changed. What they do to one another is
for the referee.
"""

import contextlib
import http.client
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from examples.servers.programs import alertmanager_program, nats_program
from tests.soak.children import LOCALHOST, Child, free_port, wait_until
from tests.soak.servers_of_nats import Server, configuration, links_of

PROGRAM = str(Path(sys.executable).parent / "watchword")
LINKS = Path(__file__).parents[1] / "faults" / "links.py"
START_SECONDS = 120.0
POOLS_OF_CHECKERS = ("default", "default,far", "far")
SETTINGS = {
    "WATCHWORD_LOG_FORMAT": "json",
    "WATCHWORD_SCRIPT_WORKERS": "1",
    "WATCHWORD_SLOTS_NOW": "2",
    "WATCHWORD_SLOTS_BULK": "2",
    "WATCHWORD_SLOTS_DUE": "2",
    "WATCHWORD_CONNECT_SECONDS": "4",
    "WATCHWORD_STATEMENT_SECONDS": "5",
}
PUBLISHER = {
    "WATCHWORD_RESEND_SECONDS": "10",
    "WATCHWORD_SHORTEST_LEASE_SECONDS": "240",
    "WATCHWORD_RESOLVED_SECONDS": "240",
    "WATCHWORD_COMPARE_SECONDS": "30",
}
SILENCER = {"WATCHWORD_ROUND_SECONDS": "10", "WATCHWORD_GOSSIP_SECONDS": "10"}
_ALERTMANAGER = """\
route:
  receiver: nobody
receivers:
  - name: nobody
"""


@dataclass
class House:
    """All processes but the databases."""

    folder: Path
    is_cluster: bool
    nats: list[Child] = field(default_factory=list)
    links: list[Child] = field(default_factory=list)
    """By server of NATS: frozen, they drop every packet from and to it."""
    alertmanagers: list[Child] = field(default_factory=list)
    stages: dict[str, list[Child]] = field(default_factory=dict)
    alertmanager_ports: list[int] = field(default_factory=list)
    servers: list[Server] = field(default_factory=list)
    health_ports: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._plan_nats()
        self._plan_alertmanagers()
        for stage, settings in (
            ("scheduler", [{}, {}]),
            ("checker", [{"WATCHWORD_POOLS": pools} for pools in POOLS_OF_CHECKERS]),
            ("publisher", [PUBLISHER, PUBLISHER]),
            ("silencer", [SILENCER, SILENCER]),
        ):
            self.stages[stage] = [self._stage(stage, number, more) for number, more in enumerate(settings)]

    @property
    def nats_url(self) -> str:
        """Where NATS is, for the stages: behind the links."""
        return ",".join(f"nats://{LOCALHOST}:{server.door}" for server in self.servers)

    @property
    def nats_url_of_the_referee(self) -> str:
        """Where NATS is for somebody whom no harm is done to."""
        return ",".join(f"nats://{LOCALHOST}:{server.port}" for server in self.servers)

    @property
    def replicas(self) -> int:
        """Return how many copies each stream has."""
        return len(self.nats)

    @property
    def alertmanager_urls(self) -> list[str]:
        """Where the Alertmanagers are."""
        return [f"http://{LOCALHOST}:{port}" for port in self.alertmanager_ports]

    @property
    def logs(self) -> Path:
        """The folder with what all processes said."""
        return self.folder / "logs"

    @property
    def environment(self) -> dict[str, str]:
        """Return what the command line needs to know."""
        return {"WATCHWORD_NATS_URL": self.nats_url, "WATCHWORD_LOG_FORMAT": "json", "COLUMNS": "200"}

    def children(self) -> list[Child]:
        """Return all processes, those that use others first."""
        stages = (child for stage in self.stages.values() for child in stage)
        return [*stages, *self.alertmanagers, *self.links, *self.nats]

    def member(self, index: int) -> str:
        """Return what an Alertmanager is called."""
        return self.alertmanagers[index].name

    def start_servers(self) -> None:
        """Start NATS and the Alertmanagers, and wait until they answer."""
        for child in (*self.links, *self.nats, *self.alertmanagers):
            child.start()
        for number in range(len(self.nats)):
            wait_until(lambda at=number: self.takes_connections(at), f"nats-{number} takes connections", START_SECONDS)  # type: ignore[misc]  # mypy can't see the default's type
        for number in range(len(self.alertmanagers)):
            wait_until(lambda at=number: self.alertmanager_answers(at), f"{self.member(number)} answers", START_SECONDS)  # type: ignore[misc]  # as above

    def start_stages(self) -> None:
        """Start all stages; none waits for another."""
        for stage in self.stages.values():
            for child in stage:
                child.start()

    def takes_connections(self, index: int) -> bool:
        """Say whether a NATS server is up."""
        return _greets(self.servers[index].port)

    def alertmanager_answers(self, index: int) -> bool:
        """Say whether an Alertmanager is up."""
        return answers(self.alertmanager_ports[index], "/-/ready")

    def unready(self) -> list[str]:
        """Return the stages that don't say that they are ready."""
        return [name for name, port in self.health_ports.items() if not answers(port, "/readyz")]

    def stop(self) -> None:
        """End everything."""
        for child in self.children():
            child.kill()

    def _plan_nats(self) -> None:
        self.servers = [
            Server(number, *(free_port() for _ in range(4))) for number in range(3 if self.is_cluster else 1)
        ]
        ways_out = {(one.number, other.number): free_port() for one in self.servers for other in self.servers}
        for server in self.servers:
            folder = self.folder / server.name
            folder.mkdir(parents=True)
            (folder / "nats.conf").write_text(configuration(server, self.servers, ways_out, folder / "store"))
            command = [str(nats_program()), "--config", str(folder / "nats.conf")]
            self.nats.append(Child(server.name, partial(list, command), self.logs / f"{server.name}.log"))
            name = f"links-{server.number}"
            command = [sys.executable, "-I", str(LINKS), *links_of(server, self.servers, ways_out)]
            self.links.append(Child(name, partial(list, command), self.logs / f"{name}.log"))

    def _plan_alertmanagers(self) -> None:
        program = alertmanager_program()
        self.alertmanager_ports = [free_port(), free_port()]
        gossip = [free_port(), free_port()]
        for number, port in enumerate(self.alertmanager_ports):
            name = f"alertmanager-{number}"

            def command(number: int = number, port: int = port, name: str = name) -> list[str]:
                # A new folder at each start: it comes back empty, and has its silences from the other one.
                folder = self.folder / name / str(self.alertmanagers[number].starts)
                folder.mkdir(parents=True)
                (folder / "alertmanager.yml").write_text(_ALERTMANAGER)
                return [
                    *(str(program.path), f"--config.file={folder / 'alertmanager.yml'}"),
                    *(f"--storage.path={folder / 'state'}", f"--web.listen-address={LOCALHOST}:{port}"),
                    *(f"--cluster.listen-address={LOCALHOST}:{gossip[number]}", "--cluster.reconnect-interval=1s"),
                    f"--cluster.peer={LOCALHOST}:{gossip[1 - number]}",
                ]

            # Debian's reads its templates relative to the folder that it was unpacked to.
            child = Child(name, command, self.logs / f"{name}.log", working_folder=program.root)
            self.alertmanagers.append(child)

    def _stage(self, stage: str, number: int, settings: Mapping[str, str]) -> Child:
        name = f"{stage}-{number}"
        port = self.health_ports[name] = free_port()
        environment = {
            **SETTINGS,
            **settings,
            "WATCHWORD_NATS_URL": self.nats_url,
            "WATCHWORD_INSTANCE": name,
            "WATCHWORD_HTTP_PORT": str(port),
        }
        return Child(name, lambda: [PROGRAM, "serve", stage], self.logs / f"{name}.log", environment)


def answers(port: int, path: str) -> bool:
    """Say whether ``GET path`` is answered with 200."""
    connection = http.client.HTTPConnection(LOCALHOST, port, timeout=3)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _greets(port: int) -> bool:
    # JetStream is recovered from its files before the port opens.
    with contextlib.suppress(OSError), socket.create_connection((LOCALHOST, port), timeout=1) as connection:
        return connection.recv(4096).startswith(b"INFO ")
    return False
