"""``watchword checks``: which checks there are, when they run, and what people change about that at run time: off, on
again, another schedule; for all targets or for one, with author and reason.
"""

import datetime as dt
from typing import Annotated

import typer
from rich.text import Text

from shared.configuration import Disabled, Interval
from shared.schedules import disabled_by, parse_timing
from watchword.cli.changing import change_of, known_check, report, target_engine
from watchword.cli.checks_shown import as_json, schedule_in_words, show, state, targets_where_off
from watchword.cli.exits import WrongUsage
from watchword.cli.options import Author, NatsUrl, Output
from watchword.cli.output import OutputFormat, login_name, note, print_json, print_table
from watchword.cli.session import asynchronous, session

CheckName = Annotated[str, typer.Argument(metavar="CHECK")]
OneTarget = Annotated[
    str | None, typer.Option("--target", "-t", metavar="NAME", help="On this target only; on all when silent.")
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; shown wherever the setting is.")]


@asynchronous
async def list_checks(
    target: OneTarget = None,
    engine: Annotated[str | None, typer.Option("--engine", metavar="ENGINE", help="Of one engine only.")] = None,
    output: Output = OutputFormat.TABLE,
    nats_url: NatsUrl = None,
) -> None:
    """List the checks: their engine, their schedule, and whether they are on.

    Example: `watchword checks list --target orders-db`
    """
    async with session(nats_url) as here:
        configuration = await here.configuration()
    engines = {engine} if engine else None
    if target is not None:
        engines = {target_engine(configuration, target)}
    chosen = [check for check in configuration.all_checks() if engines is None or check.engine in engines]
    if output is OutputFormat.JSON:
        print_json([as_json(check, configuration, target) for check in chosen])
        return
    if not chosen:
        note("there are no checks; write the built-in ones with: watchword apply")
        return
    rows: list[list[str | Text]] = [
        [
            check.name,
            check.engine,
            schedule_in_words(configuration, check, target),
            state(configuration, check, target),
            check.source,
            check.summary,
        ]
        for check in chosen
    ]
    print_table(["check", "engine", "schedule", "state", "source", "summary"], rows)


@asynchronous
async def show_check(
    check: CheckName, target: OneTarget = None, output: Output = OutputFormat.TABLE, nats_url: NatsUrl = None
) -> None:
    """Show one check: what it asks, what it means, how to fix it, and where it is off.

    Example: `watchword checks show postgresql_superuser_roles`
    """
    async with session(nats_url) as here:
        configuration = await here.configuration()
    found = known_check(configuration, check)
    if output is OutputFormat.JSON:
        definition = found.model_dump(mode="json", exclude={"signed", "signature"})
        print_json({**as_json(found, configuration, target), **definition})
        return
    show(found, configuration, target)


@asynchronous
async def disable_check(
    check: CheckName,
    target: OneTarget = None,
    reason: Reason = "",
    author: Author = None,
    output: Output = OutputFormat.TABLE,
    nats_url: NatsUrl = None,
) -> None:
    """Switch a check off, on all targets or on one; its alerts are withdrawn at once.

    Example: `watchword checks disable pg_trust --target orders-db --reason "inside the firewall"`
    """
    async with session(nats_url) as here:
        change = await change_of(here, "disabled", check, target)
        setting = Disabled(disabled=True, author=author or login_name(), reason=reason, at=dt.datetime.now(dt.UTC))
        await change.write(here, setting)
    report(change, setting, f"{check} is off {change.where}", output)


@asynchronous
async def enable_check(
    check: CheckName,
    target: OneTarget = None,
    reason: Reason = "",
    author: Author = None,
    output: Output = OutputFormat.TABLE,
    nats_url: NatsUrl = None,
) -> None:
    """Switch a check on again; it runs at once. What you say here weighs more than what the inventory file says.

    Example: `watchword checks enable pg_trust --target orders-db`
    """
    async with session(nats_url) as here:
        change = await change_of(here, "disabled", check, target)
        # Where only a person's word switched it off, taking that back is enough; otherwise ours must weigh more.
        before = change.configuration.settings.pop(("person", *change.names), None)
        is_off_without = disabled_by(change.configuration, check, target or "") is not None
        setting = Disabled(disabled=False, author=author or login_name(), reason=reason, at=dt.datetime.now(dt.UTC))
        written = setting if is_off_without else None
        if is_off_without or (before is not None and before.value is not None):
            await change.write(here, written)
    report(change, written, f"{check} is on {change.where}", output)
    if target is None and output is OutputFormat.TABLE:
        for name in targets_where_off(change.configuration, check):
            note(f"it is still off on {name}; see: watchword checks show {check}")


@asynchronous
async def schedule_check(
    check: CheckName,
    when: Annotated[
        str | None,
        typer.Argument(
            metavar="[WHEN]",
            help="standard, frequent, rare, a duration such as 15m or 12h, or cron: '0 3 * * * Europe/Berlin'.",
        ),
    ] = None,
    target: OneTarget = None,
    reset: Annotated[bool, typer.Option("--reset", help="Back to what the file or the check says.")] = False,
    reason: Reason = "",
    author: Author = None,
    output: Output = OutputFormat.TABLE,
    nats_url: NatsUrl = None,
) -> None:
    """Run a check on another schedule, on all targets or on one.

    Example: `watchword checks schedule pg_trust 15m --target orders-db`
    """
    if (when is None) != reset:
        raise WrongUsage("say when, such as 15m, or --reset")
    if when is not None:
        parse_timing(when)
    async with session(nats_url) as here:
        change = await change_of(here, "interval", check, target)
        setting = None
        if when is not None:
            now = dt.datetime.now(dt.UTC)
            setting = Interval(schedule=when, author=author or login_name(), reason=reason, at=now)
        if setting is not None or change.is_set:
            await change.write(here, setting)
    report(change, setting, f"{check} runs {when or 'on its usual schedule'} {change.where}", output)
