"""``watchword init``, ``serve`` and ``up``: the streams, one stage, or everything on one machine."""

import asyncio
import importlib
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import structlog
import typer
from nats.errors import Error as NatsError

from shared.declaring import declare
from shared.errors import NatsUnavailable
from watchword.cli import up_shown
from watchword.cli.applying import show_problems
from watchword.cli.exits import GOOD
from watchword.cli.failures import in_words, unwrapped
from watchword.cli.options import NatsUrl, Output
from watchword.cli.output import OutputFormat, note, print_json, print_json_line, say
from watchword.cli.session import asynchronous, session

RESTART_SECONDS = 1.0

log = structlog.get_logger(__name__)


class StageName(StrEnum):
    """The four stages."""

    SCHEDULER = "scheduler"
    CHECKER = "checker"
    PUBLISHER = "publisher"
    SILENCER = "silencer"


@asynchronous
async def init(
    replicas: Annotated[int, typer.Option("--replicas", min=1, max=5, help="Copies of each stream in a cluster.")] = 1,
    output: Output = OutputFormat.TABLE,
    nats_url: NatsUrl = None,
) -> None:
    """Make the streams and buckets on a NATS server, or bring them to what this version needs.

    Safe to run again; `watchword up` does it by itself.

    Example: `watchword init --nats-url nats://nats:4222 --replicas 3`
    """
    changes: list[str] = []
    async with session(nats_url) as here:
        await declare(here.client, here.jetstream, replicas=replicas, report=changes.append)
    if output is OutputFormat.JSON:
        print_json({"changes": changes})
        return
    for change in (*changes, "the streams and buckets are as declared"):
        say(change)


def serve(
    stage: Annotated[StageName, typer.Argument(help="Which stage.")],
) -> None:
    """Run one stage until it is told to stop; its settings are WATCHWORD_… variables.

    Example: `WATCHWORD_POOLS=berlin watchword serve checker`
    """
    module = importlib.import_module(f"services.{stage.value}.app")
    has_failed = False
    while True:
        try:
            asyncio.run(module.make_app().run())
        except (ExceptionGroup, NatsError, TimeoutError, NatsUnavailable) as failed:
            passing = unwrapped(failed)
            # NATS is there and did not answer: it is electing a leader, or it went away a moment later. An address at
            # which nobody answers at all is a mistake, as long as it never was another one's.
            if not isinstance(passing, NatsError | TimeoutError) and not (
                has_failed and isinstance(passing, NatsUnavailable)
            ):
                raise
            has_failed = True
            log.warning("starting again", stage=stage.value, reason=in_words(passing))
            time.sleep(RESTART_SECONDS)
        else:
            return


def up(
    config: Annotated[
        Path | None, typer.Option("--config", "-c", metavar="FILE", help="Apply this inventory file first.")
    ] = None,
    data_dir: Annotated[
        Path, typer.Option("--data-dir", metavar="DIR", help="Where everything is kept between two starts.")
    ] = Path("watchword-data"),
    nats_port: Annotated[int, typer.Option("--nats-port", min=1, max=65535, help="For NATS, on 127.0.0.1.")] = 4222,
    alertmanager_port: Annotated[
        int, typer.Option("--alertmanager-port", min=1, max=65535, help="For Alertmanager, on 127.0.0.1.")
    ] = 9093,
    alertmanager_url: Annotated[
        list[str] | None,
        typer.Option("--alertmanager-url", metavar="URL", help="Use this Alertmanager instead of starting one."),
    ] = None,
    http_port: Annotated[
        int, typer.Option("--http-port", min=0, max=65535, help="For /healthz, /readyz and /metrics; 0 picks one.")
    ] = 8080,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Run everything on this machine: NATS, an Alertmanager, and the four stages.

    Example: `watchword up --config watchword.yaml`
    """
    from watchword.up import Choices, Place, run_everything  # noqa: PLC0415 (the stages take half a second to import)

    def report(place: Place) -> None:
        if place.inventory is not None:
            show_problems(place.inventory)
        if output is OutputFormat.JSON:
            print_json_line(up_shown.as_json(place))
        else:
            up_shown.show(place)
        sys.stdout.flush()

    choices = Choices(
        config=config,
        data_folder=data_dir,
        nats_port=nats_port,
        alertmanager_port=alertmanager_port,
        alertmanager_urls=tuple(alertmanager_url or ()),
        http_port=http_port,
    )
    asyncio.run(run_everything(choices, report, note))
    raise typer.Exit(GOOD)


def asyncapi(output: Output = OutputFormat.TABLE) -> None:
    """Print the AsyncAPI document of all events, as YAML or with `-o json`, for other programs and their generators.

    Example: `watchword asyncapi > asyncapi.yaml`
    """
    from watchword.asyncapi import as_yaml, document  # noqa: PLC0415 (needs all of FastStream)

    if output is OutputFormat.JSON:
        print_json(document())
    else:
        typer.echo(as_yaml(), nl=False)
