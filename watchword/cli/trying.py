"""``watchword checks try``: one run of a check file against one real server. Nothing is published; what the server
answered, what the script made of it and how long both took is shown instead.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shared import subjects
from shared.check_files.reading import read_checks
from shared.checks import Check
from shared.configuration import Configuration, MetricsSource
from shared.targets import Target
from watchword.cli.exits import CHECK_FAILED, COULD_NOT_LOOK, GOOD, WrongUsage
from watchword.cli.options import NatsUrl, Output
from watchword.cli.output import OutputFormat, note, print_json
from watchword.cli.session import asynchronous, session
from watchword.data_folder import PRIVATE_PREFIX
from watchword.environment import read_environment
from watchword.inventory.dsn import DsnRefused
from watchword.inventory.spots import nearest_name

if TYPE_CHECKING:
    from watchword.check_files.trial import Trial

DSN_VARIABLE = "WATCHWORD_DSN"


@asynchronous
async def try_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A check file.", exists=True, dir_okay=False)],
    target: Annotated[
        str | None, typer.Option("--target", "-t", metavar="NAME", help="A target of the configuration.")
    ] = None,
    dsn: Annotated[
        str | None,
        typer.Option(
            "--dsn",
            metavar="URL",
            envvar=DSN_VARIABLE,
            show_envvar=False,
            help="A server, without NATS and inventory: postgresql://user@host/database. Put it into the variable "
            f"{DSN_VARIABLE} when it has a password: nobody else on this machine can read it there.",
        ),
    ] = None,
    check: Annotated[
        list[str] | None,
        typer.Option("--check", "-c", metavar="NAME", help="Only this check of the file; may be repeated."),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            "--metrics", metavar="URL", help="A Prometheus for METRICS_ queries, with --dsn: http://host:9090."
        ),
    ] = None,
    rows: Annotated[int, typer.Option("--rows", metavar="N", min=0, help="Rows shown of each answer.")] = 20,
    output: Output = OutputFormat.TABLE,
    nats_url: NatsUrl = None,
) -> None:
    """Try a check file on a real server: what it asks, gets, prints and finds. Nothing is published.

    Secrets are resolved here by the rules of a checker: from `WATCHWORD_SECRET_…` variables and the folder
    `WATCHWORD_SECRETS_FOLDER`. It ends with 0 when all checks passed, 1 when one failed, 3 when one could not look.

    Example: `watchword checks try my_check.yml --dsn postgresql://me@localhost/postgres`
    """
    # The drivers of all engines take half a second to load, and no other command needs them.
    from services.checker.settings import CheckerSettings  # noqa: PLC0415
    from watchword.check_files.trial import target_of, try_checks  # noqa: PLC0415
    from watchword.cli.trial_shown import as_json, show  # noqa: PLC0415

    settings = read_environment(CheckerSettings)
    configuration, passwords = Configuration(), {}
    if target is not None:
        async with session(nats_url) as here:
            configuration = await here.configuration()
        place = _known_target(configuration, target)
    elif dsn is not None:
        try:
            place, password = target_of(dsn)
        except DsnRefused as refused:
            raise WrongUsage(f"--dsn: {refused}" + (f"; {refused.hint}" if refused.hint else "")) from None
        if password is not None:
            passwords[place.name] = password
        if metrics is not None:
            source = MetricsSource(url=metrics)
            configuration.apply(subjects.setting_key("person", "metrics"), source.model_dump_json().encode(), 1)
    else:
        raise WrongUsage("say where: --target NAME, or --dsn URL")
    chosen = _checks(file, check or [], place)
    trial = await try_checks(chosen, place, configuration=configuration, settings=settings, passwords=passwords)
    if output is OutputFormat.JSON:
        print_json(as_json(trial, rows))
    else:
        show(trial, rows)
    raise typer.Exit(_exit_code(trial))


def _known_target(configuration: Configuration, name: str) -> Target:
    found = configuration.target(name)
    if found is None:
        known = [target.name for target in configuration.all_targets()]
        raise WrongUsage(f"there is no target {name!r}; {nearest_name(name, known, 'see: watchword targets')}")
    if found.pool.startswith(PRIVATE_PREFIX):
        note(f"the password of {name} is in the memory of `watchword up` alone; if it needs one, use --dsn")
    return found


def _checks(file: Path, names: Sequence[str], target: Target) -> list[Check]:
    reading = read_checks([file])
    for problem in reading.problems:
        note(str(problem))
    known = [check.name for check in reading.checks]
    for name in names:
        if name not in known:
            raise WrongUsage(f"{file} has no check {name!r} that can run; {nearest_name(name, known, 'see above')}")
    chosen = [check for check in reading.checks if not names or check.name in names]
    if not chosen:
        raise WrongUsage(f"{file} has no check that can run")
    fitting = [check for check in chosen if check.engine == target.engine]
    if not fitting:
        engines = ", ".join(sorted({check.engine for check in chosen}))
        raise WrongUsage(f"{file} has checks for {engines}, and {target.address} is {target.engine}")
    for check in chosen:
        if check.engine != target.engine:
            note(f"{check.name} is left out: it is for {check.engine}")
    return fitting


def _exit_code(trial: "Trial") -> int:
    came_to = {one.outcome.status for one in trial.tried}
    if "failed" in came_to:
        return CHECK_FAILED
    return COULD_NOT_LOOK if "error" in came_to else GOOD
