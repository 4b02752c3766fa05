"""``watchword targets``: the inventory as the configuration has it, with how each target stands."""

import datetime as dt
from typing import Annotated

import typer
from rich.text import Text

from shared.targets import Target
from watchword.cli.options import NatsUrl, Output
from watchword.cli.output import OutputFormat, ago, note, print_json, print_table
from watchword.cli.session import asynchronous, session
from watchword.cli.standings import Standing, standings


@asynchronous
async def targets(
    name: Annotated[list[str] | None, typer.Argument(metavar="[NAME]…", help="Only these.")] = None,
    output: Output = OutputFormat.TABLE,
    nats_url: NatsUrl = None,
) -> None:
    """List the targets, and how many checks passed, failed, or could not look at each.

    Example: `watchword targets -o json`
    """
    async with session(nats_url) as here:
        configuration = await here.configuration()
        found = await standings(here)
    chosen = [target for target in configuration.all_targets() if not name or target.name in name]
    if output is OutputFormat.JSON:
        print_json([_as_json(target, found.get((target.engine, target.name), Standing())) for target in chosen])
        return
    if not chosen:
        note("the inventory is empty; write targets into watchword.yaml, then: watchword apply")
        return
    now = dt.datetime.now(dt.UTC)
    counts = ["failed", "accepted", "passed", "skipped", "errors"]
    columns = ["target", "engine", "address", "pool", *counts, "last look", "labels"]
    print_table(columns, [_row(target, found.get((target.engine, target.name), Standing()), now) for target in chosen])


def _row(target: Target, standing: Standing, now: dt.datetime) -> list[str | Text]:
    failed, errors = standing.counts["failed"], standing.counts["error"]
    return [
        target.name,
        target.engine,
        target.address,
        target.pool,
        Text(str(failed), style="red" if failed else ""),
        str(standing.counts["accepted"]),
        str(standing.counts["passed"]),
        str(standing.counts["skipped"]),
        Text(str(errors), style="yellow" if errors else ""),
        ago(standing.last_look, now) if standing.last_look else "never",
        ", ".join(f"{label}={value}" for label, value in sorted(target.labels.items())),
    ]


def _as_json(target: Target, standing: Standing) -> dict[str, object]:
    counts = {status: standing.counts[status] for status in ("failed", "accepted", "passed", "skipped", "error")}
    return {
        **target.model_dump(mode="json", exclude_none=True),
        "address": target.address,
        "counts": counts,
        "errors": standing.errors,
        "last_look": standing.last_look,
    }
