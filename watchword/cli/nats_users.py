"""``watchword nats-users``: the users of a NATS server, one for each kind of program, for its configuration."""

import os
from pathlib import Path
from typing import Annotated

import typer

from shared.nats_users import DEFAULT_POOL, users
from watchword.cli.exits import WrongUsage
from watchword.cli.options import Output
from watchword.cli.output import OutputFormat, note, print_json
from watchword.nats_configuration import new_passwords, password_variable, users_file


def nats_users(
    pool: Annotated[
        list[str] | None, typer.Option("--pool", metavar="NAME", help="A pool of checkers; `default` when silent.")
    ] = None,
    producer: Annotated[
        list[str] | None,
        typer.Option("--producer", metavar="ENGINE", help="Another program that publishes results of this engine."),
    ] = None,
    new_passwords_to: Annotated[
        Path | None,
        typer.Option("--new-passwords", metavar="FILE", help="Write a new password for each user into a new file."),
    ] = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Print the users of a NATS server, each with the subjects that it needs and no other, for its configuration.

    A password is a variable of the NATS server's environment. With `--new-passwords` an environment file with all of
    them is written beside; nobody else can read it.

    Example: `watchword nats-users --pool default --pool berlin --new-passwords .env > deploy/nats/users.conf`
    """
    named = users(pool or [DEFAULT_POOL], producer or [])
    text = users_file(named)
    if new_passwords_to is not None:
        _write_secretly(new_passwords_to, new_passwords(named))
        note(f"wrote {len(named)} passwords to {new_passwords_to}")
    if output is OutputFormat.JSON:
        print_json(
            [
                {
                    "user": one.name,
                    "about": one.about,
                    "inbox_prefix": one.inbox_prefix,
                    "password": password_variable(one),
                    "publish": list(one.publish),
                    "subscribe": list(one.subscribe),
                }
                for one in named
            ]
        )
    else:
        typer.echo(text, nl=False)


def _write_secretly(path: Path, text: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise WrongUsage(f"{path} exists; passwords in it may be in use, so name another file, or remove it") from None
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
