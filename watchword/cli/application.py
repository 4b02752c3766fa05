"""All commands together, under their names. None of their modules is loaded before the command is called."""

from typing import Annotated

import typer

from watchword.cli.lazy import MARKUP, Later, lazy_group

_START, _LOOK, _ACT = "Run it", "Look", "Act"
_CLI = "watchword.cli"

_CHECKS = (
    Later(
        "list", "List the checks: their engine, their schedule, and whether they are on.", f"{_CLI}.checks:list_checks"
    ),
    Later(
        "show",
        "Show one check: what it asks, what it means, how to fix it, and where it is off.",
        f"{_CLI}.checks:show_check",
    ),
    Later(
        "disable",
        "Switch a check off, on all targets or on one; its alerts are withdrawn at once.",
        f"{_CLI}.checks:disable_check",
    ),
    Later(
        "enable",
        "Switch a check on again; it runs at once. What you say here weighs more than what the inventory file says.",
        f"{_CLI}.checks:enable_check",
    ),
    Later("schedule", "Run a check on another schedule, on all targets or on one.", f"{_CLI}.checks:schedule_check"),
    Later(
        "accept",
        "Accept findings of a check on a target until a date: they are still looked for and shown, and fire no alert.",
        f"{_CLI}.judging:accept",
    ),
    Later(
        "exceptions",
        "List what is accepted: until when, by whom, why, and what it is about now.",
        f"{_CLI}.judging:exceptions",
    ),
    Later(
        "severity",
        "Give the findings of a check another severity, on all targets or on one. The check runs again at once.",
        f"{_CLI}.judging:severity",
    ),
    Later(
        "lint",
        "Say what is wrong with check files: file:line:column, the rule, and a hint. Nothing is executed.",
        f"{_CLI}.authoring:lint",
    ),
    Later(
        "test",
        "Run the tests of checks: `NAME.test.yml` beside `NAME.yml` says what the queries answer and what is expected.",
        f"{_CLI}.authoring:run_tests",
    ),
    Later(
        "try",
        "Try a check file on a real server: what it asks, gets, prints and finds. Nothing is published.",
        f"{_CLI}.trying:try_file",
    ),
    Later(
        "new",
        "Begin a check: write a file that works as it is, and its tests, for you to change.",
        f"{_CLI}.authoring:new",
    ),
)
_DEAD = (
    Later("list", "List the dead letters, the newest first.", f"{_CLI}.dead:list_letters"),
    Later(
        "show", "Show one dead letter whole: why it was refused, its headers, its bytes.", f"{_CLI}.dead:show_letter"
    ),
    Later(
        "replay",
        "Publish dead letters again where they came from, once; who did it and when is kept.",
        f"{_CLI}.dead:replay_letters",
    ),
    Later("drop", "Remove dead letters for good.", f"{_CLI}.dead:drop_letters"),
)

COMMANDS = (
    Later(
        "scan",
        "Look at databases once, now: the built-in checks, without NATS, Alertmanager or configuration.",
        f"{_CLI}.scan:scan",
        _START,
    ),
    Later(
        "up", "Run everything on this machine: NATS, an Alertmanager, and the four stages.", f"{_CLI}.stages:up", _START
    ),
    Later(
        "init",
        "Make the streams and buckets on a NATS server, or bring them to what this version needs.",
        f"{_CLI}.stages:init",
        _START,
    ),
    Later(
        "serve",
        "Run one stage until it is told to stop; its settings are WATCHWORD_… variables.",
        f"{_CLI}.stages:serve",
        _START,
    ),
    Later(
        "doctor",
        "Look at every part: is it there, does it work, do the clocks agree, and what is to be done.",
        f"{_CLI}.doctor:doctor",
        _START,
    ),
    Later(
        "nats-users",
        "Print the users of a NATS server, each with the subjects that it needs and no other, for its configuration.",
        f"{_CLI}.nats_users:nats_users",
        _START,
    ),
    Later(
        "account",
        "Print the statements that make the checkers' account: just what the checks need, and what each grant is for.",
        f"{_CLI}.account:account",
        _START,
    ),
    Later(
        "asyncapi",
        "Print the AsyncAPI document of all events, as YAML or with `-o json`, for other programs and their "
        "generators.",
        f"{_CLI}.stages:asyncapi",
        _START,
    ),
    Later(
        "apply",
        "Write the inventory file into the configuration; all stages follow within a second.",
        f"{_CLI}.applying:apply",
        _ACT,
    ),
    Later("run", "Run checks now: all of them on all targets, or those that you name.", f"{_CLI}.running:run", _ACT),
    Later(
        "mute",
        "Mute alerts: they go on firing, but leave the list of active alerts and notify nobody.",
        f"{_CLI}.muting:mute",
        _ACT,
    ),
    Later("unmute", "End mutes before their time.", f"{_CLI}.muting:unmute", _ACT),
    Later("alerts", "Show the active alerts, the worst first.", f"{_CLI}.alerts:alerts", _LOOK),
    Later(
        "mutes", "List the mutes that are in force: who muted what, why, and until when.", f"{_CLI}.muting:mutes", _LOOK
    ),
    Later(
        "targets",
        "List the targets, and how many checks passed, failed, or could not look at each.",
        f"{_CLI}.targets:targets",
        _LOOK,
    ),
    Later(
        "events",
        "Follow the events live until Ctrl-C; with `-o json` each is one line of JSON.",
        f"{_CLI}.events:events",
        _LOOK,
    ),
    Later(
        "report",
        "Report how the fleet stands: by target and by check, what is accepted, what could not be looked at.",
        f"{_CLI}.report:report",
        _LOOK,
    ),
    Later("checks", "See, judge and switch checks; write, test and try your own.", panel=_LOOK, commands=_CHECKS),
    Later("dead", "See what could not be handled; replay it after a fix, or drop it.", panel=_LOOK, commands=_DEAD),
)

application = typer.Typer(
    name="watchword",
    cls=lazy_group(COMMANDS),
    help="Security checks for fleets of PostgreSQL, MySQL/MariaDB and MongoDB, as events on NATS, as alerts in "
    "Prometheus Alertmanager.",
    epilog="Exit codes: 0 good, 1 a check failed, 2 wrong usage, 3 could not look.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=MARKUP,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        import importlib.metadata  # noqa: PLC0415

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
