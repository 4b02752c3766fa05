"""All commands together, under their names."""

import importlib.metadata
from typing import Annotated

import typer

from watchword.cli import (
    alerts,
    applying,
    authoring,
    checks,
    dead,
    doctor,
    events,
    judging,
    muting,
    running,
    stages,
    targets,
    trying,
)

application = typer.Typer(
    name="watchword",
    help="Security checks for fleets of PostgreSQL, MySQL/MariaDB and MongoDB, as events on NATS, as alerts in "
    "Prometheus Alertmanager.",
    epilog="Exit codes: 0 good, 1 a check failed, 2 wrong usage, 3 could not look.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"watchword {importlib.metadata.version('watchword')}")
        raise typer.Exit


@application.callback()
def everywhere(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show where a failure happened, and all logs.")] = False,
) -> None:
    """Take the options that belong to no command; ``--debug`` is read before Typer sees it."""


_START, _LOOK, _ACT = "Run it", "Look", "Act"

application.command("up", rich_help_panel=_START)(stages.up)
application.command("init", rich_help_panel=_START)(stages.init)
application.command("serve", rich_help_panel=_START)(stages.serve)
application.command("doctor", rich_help_panel=_START)(doctor.doctor)
application.command("asyncapi", rich_help_panel=_START)(stages.asyncapi)

application.command("apply", rich_help_panel=_ACT)(applying.apply)
application.command("run", rich_help_panel=_ACT)(running.run)
application.command("mute", rich_help_panel=_ACT)(muting.mute)
application.command("unmute", rich_help_panel=_ACT)(muting.unmute)

application.command("alerts", rich_help_panel=_LOOK)(alerts.alerts)
application.command("mutes", rich_help_panel=_LOOK)(muting.mutes)
application.command("targets", rich_help_panel=_LOOK)(targets.targets)
checks.group.command("accept")(judging.accept)
checks.group.command("exceptions")(judging.exceptions)
checks.group.command("severity")(judging.severity)
checks.group.command("lint")(authoring.lint)
checks.group.command("test")(authoring.run_tests)
checks.group.command("try")(trying.try_file)
checks.group.command("new")(authoring.new)
application.add_typer(checks.group, name="checks", rich_help_panel=_LOOK)
application.command("events", rich_help_panel=_LOOK)(events.events)
application.add_typer(dead.group, name="dead", rich_help_panel=_LOOK)
