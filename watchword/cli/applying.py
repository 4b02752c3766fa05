"""``watchword apply``: from the inventory file to the configuration bucket, with a plan shown before anything is
written.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from watchword.check_files.library import built_in_checks
from watchword.cli.exits import GOOD, WRONG_USAGE
from watchword.cli.options import NatsUrl, Output
from watchword.cli.output import OutputFormat, clean, is_terminal, note, print_json, say
from watchword.cli.session import asynchronous, session
from watchword.inventory.applying import write_plan
from watchword.inventory.planning import Plan, entries, make_plan, require_targets
from watchword.inventory.reading import DEFAULT_FILE, Inventory, read_inventory
from watchword.inventory.showing import outcome, plan_as_json, plan_lines, summary

_STYLES = {"+": "green", "~": "yellow", "-": "red"}


@asynchronous
async def apply(
    file: Annotated[Path, typer.Argument(metavar="[FILE]", help="The inventory file.")] = DEFAULT_FILE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask before something is removed.")] = False,
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="Remove all targets when the file has none.")
    ] = False,
    output: Output = OutputFormat.TABLE,
    nats_url: NatsUrl = None,
) -> None:
    """Write the inventory file into the configuration; all stages follow within a second.

    What changes is shown first. What people set at run time (checks disabled, other schedules) stays as it is. Run
    again, it changes nothing.

    Example: `watchword apply watchword.yaml --dry-run`
    """
    inventory = read_inventory(file, built_in_checks())
    entries(inventory)  # refuses passwords in clear before anything is looked at
    show_problems(inventory)
    async with session(nats_url) as here:
        snapshot = await here.snapshot()
        plan = make_plan(inventory, snapshot)
        if not allow_empty:
            require_targets(inventory, snapshot)
        if output is OutputFormat.TABLE:
            show_plan(plan)
        is_written = bool(plan.steps) and not dry_run
        if is_written and plan.count("remove") and not yes and is_terminal():
            typer.confirm("Apply this?", abort=True, err=True)
        if is_written:
            await write_plan(here.jetstream, plan)
        if output is OutputFormat.JSON:
            print_json({"applied": is_written, "steps": plan_as_json(plan)})
        elif is_written:
            say(f"applied: {outcome(plan)}")
    broken = any(problem.severity == "error" for problem in inventory.check_problems)
    raise typer.Exit(WRONG_USAGE if broken else GOOD)


def show_problems(inventory: Inventory) -> None:
    """Say on standard error what is wrong without keeping the file from being applied."""
    for problem in (*inventory.check_problems, *inventory.warnings):
        note(str(problem))


def show_plan(plan: Plan) -> None:
    """Print a plan for people."""
    for line in plan_lines(plan):
        say(Text(clean(line, keep_lines=True), style=_STYLES.get(line[:1], "")))
    say(summary(plan))
