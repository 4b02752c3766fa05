"""``watchword account``: the statements that make the account which the checkers use, for an administrator to run."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from shared.check_files.reading import read_checks
from watchword.check_files.library import built_in_checks
from watchword.cli.exits import WrongUsage
from watchword.cli.options import Output
from watchword.cli.output import OutputFormat, print_json
from watchword.monitoring_account import FLAVOURS, USER_IN_CHECKS, PrivilegeNotUnderstood, as_script
from watchword.monitoring_account import account as account_for

Flavour = StrEnum("Flavour", {name: name for name in FLAVOURS})  # type: ignore[misc]  # the names are those of a table


def account(
    engine: Annotated[Flavour, typer.Argument(help="For which server.", show_default=False)],
    user: Annotated[str, typer.Option("--user", metavar="NAME", help="How the account is called.")] = USER_IN_CHECKS,
    host: Annotated[
        str,
        typer.Option(
            "--host",
            metavar="ADDRESS",
            help="From where the checkers connect. MySQL and MariaDB make it a part of the account, MongoDB restricts "
            "the account to it, for PostgreSQL it belongs into pg_hba.conf.",
        ),
    ] = "",
    tls: Annotated[bool, typer.Option("--tls", help="MySQL and MariaDB: let the account in over TLS alone.")] = False,
    check_folder: Annotated[
        list[Path] | None,
        typer.Option("--check-folder", metavar="PATH", help="Files or folders with checks of your own, too."),
    ] = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Print the statements that make the checkers' account: just what the checks need, and what each grant is for.

    It holds no password: PostgreSQL and MongoDB ask for it, for MySQL you write it where `<new password>` stands.
    What you leave out makes the checks named above it an error, which names what is missing.

    Example: `watchword account mariadb --host 10.1.2.% --tls`
    """
    checks = list(built_in_checks())
    if check_folder:
        reading = read_checks(check_folder, checks)
        if reading.errors:
            raise WrongUsage("\n".join(map(str, reading.errors)))
        checks += reading.checks
    try:
        made = account_for(checks, engine.value, user=user, host=host, has_tls=tls)
    except PrivilegeNotUnderstood as not_understood:
        raise WrongUsage(str(not_understood)) from not_understood
    if output is OutputFormat.JSON:
        steps = [{"statement": step.statement, "checks": list(step.checks)} for step in made.steps]
        print_json({"engine": made.engine, "flavour": made.flavour, "user": user, "statements": steps})
    else:
        typer.echo(as_script(made), nl=False)
