"""Everything on one machine, in one process tree: a NATS server, an Alertmanager unless there is one, and the four
stages, which run side by side in this process. It guarantees that nothing outlives it, that it stops in seconds with
nothing lost, and that it starts again on its data. How a server is started is in ``embedded.py``, what is configured in
``up_configuration.py``, what a stage does in ``services``.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from faststream import FastStream

from services.checker.app import make_checker
from services.checker.settings import CheckerSettings
from services.publisher.app import make_publisher
from services.publisher.settings import PublisherSettings
from services.scheduler.app import make_scheduler
from services.scheduler.settings import SchedulerSettings
from services.silencer.app import make_silencer
from services.silencer.settings import SilencerSettings
from shared import connecting, telemetry
from shared.alertmanager_settings import AlertmanagerSettings as AlertmanagerEnvironment
from shared.alertmanager_settings import alertmanagers_of
from shared.configuration import Alertmanager, Configuration
from shared.declaring import declare
from shared.errors import WatchwordError
from shared.health import serving
from shared.stage import Stage
from watchword.check_files.library import built_in_checks
from watchword.data_folder import locked, private_pool
from watchword.embedded import (
    AlertmanagerSettings,
    EmbeddedServer,
    NatsSettings,
    embedded_alertmanager,
    embedded_nats,
)
from watchword.environment import read_environment
from watchword.inventory.bucket import read_bucket
from watchword.inventory.planning import Plan
from watchword.inventory.reading import Inventory, read_inventory
from watchword.side_by_side import side_by_side
from watchword.up_configuration import given_alertmanagers, name_alertmanagers, named_by_others, write_configuration

QUICK_SECONDS = 1.0
"""Longer than this it only takes to find a program that has to be fetched first."""
READY_SECONDS = 15.0
"""After this long it is said what is missing: an Alertmanager of somebody else may be down."""
_NOT_FOR_OUR_NATS = ("nats_user", "nats_password", "nats_token", "nats_credentials")
_NOT_FOR_OUR_NATS_EITHER = ("nats_ca_file", "nats_cert_file", "nats_key_file", "http_port")

log = structlog.get_logger(__name__)


class ServerGone(WatchwordError):
    """A server that ``watchword up`` had started ended by itself."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What somebody wants of ``watchword up``."""

    config: Path | None = None
    data_folder: Path = Path("watchword-data")
    nats_port: int = 4222
    alertmanager_port: int = 9093
    alertmanager_urls: Sequence[str] = ()
    http_port: int = 8080


@dataclass(frozen=True, slots=True)
class Place:
    """Where everything is, once it is up."""

    nats_url: str
    alertmanager_urls: Sequence[str]
    is_alertmanager_ours: bool
    health_url: str
    data_folder: Path
    inventory: Inventory | None
    plan: Plan
    configuration: Configuration
    private_pool: str
    problems: Sequence[str] = ()
    """What still keeps stages from being ready."""


@dataclass(slots=True)
class _Running:
    """What runs so far."""

    servers: list[EmbeddedServer] = field(default_factory=list)
    stages: dict[str, Callable[[], Sequence[str]]] = field(default_factory=dict)


async def run_everything(choices: Choices, report: Callable[[Place], None], say: Callable[[str], None]) -> None:
    """Run until SIGINT or SIGTERM, then stop cleanly; call ``report`` once when everything is up.

    Raises what keeps it from starting: ``PortInUse``, ``ServerProgramMissing``, ``DataFolderInUse``,
    ``InventoryRefused``…; and ``ServerGone`` when a server ends under it.
    """
    inventory = read_inventory(choices.config, built_in_checks()) if choices.config else None
    given = given_alertmanagers(choices.alertmanager_urls, inventory)
    environment = read_environment(AlertmanagerEnvironment)
    level = environment.log_level if "WATCHWORD_LOG_LEVEL" in os.environ else "warning"
    telemetry.configure_logging(environment.log_format, level)
    work = asyncio.create_task(_run(choices, inventory, given, environment, report, say), name="watchword up")
    is_asked_to_stop = False

    def stop() -> None:
        nonlocal is_asked_to_stop
        if is_asked_to_stop:  # whoever asks twice does not want to wait; our servers die with us
            os._exit(1)
        is_asked_to_stop = True
        work.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        await work
    except asyncio.CancelledError:
        if not is_asked_to_stop:
            raise
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def _run(
    choices: Choices,
    inventory: Inventory | None,
    given: Sequence[Alertmanager],
    environment: AlertmanagerEnvironment,
    report: Callable[[Place], None],
    say: Callable[[str], None],
) -> None:
    running = _Running(stages={"up": lambda: ["is starting"]})
    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(locked(choices.data_folder.resolve()))
        health = serving(running.stages, environment.http_host, choices.http_port)
        health_port = await stack.enter_async_context(health)
        nats = embedded_nats(NatsSettings(folder / "nats", port=choices.nats_port))
        await stack.enter_async_context(nats)
        running.servers.append(nats)
        pool = private_pool(folder)
        ours = {**dict.fromkeys((*_NOT_FOR_OUR_NATS, *_NOT_FOR_OUR_NATS_EITHER)), "nats_url": nats.url}
        environment = environment.model_copy(update=ours)
        async with connecting.connected(environment, "watchword-up") as client:
            jetstream = client.jetstream(timeout=10)
            await declare(client, jetstream)
            before = (await read_bucket(jetstream)).view
            is_ours = not given and not named_by_others(before, inventory)
            if is_ours:
                given = [await _start_alertmanager(choices, folder, stack, running, say)]
            plan = await write_configuration(jetstream, inventory, built_in_checks(), pool)
            if given:
                await name_alertmanagers(jetstream, given)
            configuration = (await read_bucket(jetstream)).view
        passwords = dict(inventory.passwords) if inventory else {}
        ours["pools"] = ",".join(_pools(configuration, pool))
        applications = _stages(ours, passwords)
        await stack.enter_async_context(side_by_side(applications))
        running.stages.update({stage.name: stage.problems for _, stage in applications})
        del running.stages["up"]
        problems = await _problems_left(running.stages)
        urls = [url for one in alertmanagers_of(configuration, environment) for url in one.urls]
        health_url = f"http://{environment.http_host}:{health_port}"
        report(Place(nats.url, urls, is_ours, health_url, folder, inventory, plan, configuration, pool, problems))
        await _until_a_server_ends(running.servers)


async def _start_alertmanager(
    choices: Choices,
    folder: Path,
    stack: contextlib.AsyncExitStack,
    running: _Running,
    say: Callable[[str], None],
) -> Alertmanager:
    plan = AlertmanagerSettings(folder / "alertmanager", port=choices.alertmanager_port)
    looking = asyncio.create_task(asyncio.to_thread(embedded_alertmanager, plan))
    await asyncio.wait({looking}, timeout=QUICK_SECONDS)
    if not looking.done():
        say("fetching an Alertmanager, once; the next start finds it")
    server = await looking
    await stack.enter_async_context(server)
    running.servers.append(server)
    return Alertmanager(name="embedded", urls=(server.url,))


def _pools(configuration: Configuration, private: str) -> list[str]:
    """Return the pools to serve: those of the environment, or of everything that is configured; and our own."""
    named = os.environ.get("WATCHWORD_POOLS", "")
    pools = named.split(",") if named else ["default", *(target.pool for target in configuration.all_targets())]
    others = [pool for pool in pools if not pool.startswith("private-")]
    return list(dict.fromkeys([*others, private]))


def _stages(over: dict[str, Any], passwords: dict[str, str]) -> list[tuple[FastStream, Stage]]:
    applications = [
        make_publisher(read_environment(PublisherSettings, **over)),
        make_silencer(read_environment(SilencerSettings, **over)),
        make_checker(read_environment(CheckerSettings, **over), passwords),
        make_scheduler(read_environment(SchedulerSettings, **over)),
    ]
    for _, stage in applications:
        stage.is_health_served_elsewhere = True
    return applications


async def _problems_left(stages: Mapping[str, Callable[[], Sequence[str]]]) -> list[str]:
    """Wait until all stages are ready, and return what keeps them from it after a while."""
    deadline = time.monotonic() + READY_SECONDS
    while problems := [f"{name}: {problem}" for name, ask in stages.items() for problem in ask()]:
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(0.05)
    return problems


async def _until_a_server_ends(servers: Sequence[EmbeddedServer]) -> None:
    """Wait for ever, or raise ``ServerGone`` when a server ends that nobody asked to."""
    waiting = {asyncio.create_task(server.wait_ended()): server for server in servers}
    try:
        ended, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
    for task in ended:
        server = waiting[task]
        message = (
            f"{server.name} ended by itself with exit code {task.result()}, so everything stops. Its last lines, from "
            f"{server.log_path}:\n{server.process.log_tail()}"
        )
        raise ServerGone(message)
