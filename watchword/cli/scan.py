"""``watchword scan``: the library once, on databases as they are, with no NATS, no Alertmanager and no configuration.
What to try first, and what to put into a CI job.
"""

import asyncio
import fnmatch
import getpass
import importlib.metadata
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from services.checker.engines.protocol import Limits
from shared.check_files.problems import nearest_or_allowed
from shared.check_files.reading import read_checks
from shared.checks import Check, Engine
from shared.severity import Severity
from watchword.check_files.library import built_in_checks_of
from watchword.cli.exits import WrongUsage
from watchword.cli.output import clean, is_terminal, note
from watchword.cli.report_output import FailOn, FormatOption, Least, OutputOption, deliver, destinations, exit_code
from watchword.cli.scan_looking import Looked, look_at, now
from watchword.cli.scan_places import Place, password_from, places_of
from watchword.cli.scan_progress import progress
from watchword.report.judgement import tasks
from watchword.report.model import Report, Status
from watchword.report.scanned import scan_report, target_state

DSN_VARIABLE = "WATCHWORD_DSN"


def scan(
    dsn: Annotated[
        list[str],
        typer.Argument(
            metavar="DSN…",
            envvar=DSN_VARIABLE,
            show_envvar=False,
            help="Databases: postgresql://user@host/database, mysql://user@host, mongodb://user@host. The variable "
            f"{DSN_VARIABLE} is read when none is given.",
        ),
    ],
    check: Annotated[
        list[str] | None, typer.Option("--check", "-c", metavar="NAME", help="A check, or a glob; may be repeated.")
    ] = None,
    checks_folder: Annotated[
        list[Path] | None,
        typer.Option("--checks-folder", metavar="DIR", exists=True, help="Own checks, too: a folder, or a file."),
    ] = None,
    severity: Least = None,
    fail_on: FailOn = Severity.DEBUG,
    password_env: Annotated[
        str | None, typer.Option("--password-env", metavar="NAME", help="The variable that has the password.")
    ] = None,
    password_file: Annotated[
        Path | None, typer.Option("--password-file", metavar="FILE", help="The file that has the password.")
    ] = None,
    ask_password: Annotated[bool, typer.Option("--ask-password", "-W", help="Ask for the password.")] = False,
    connect_seconds: Annotated[
        float, typer.Option("--connect-timeout", metavar="SECONDS", min=0.1, max=60, help="Time for connecting.")
    ] = Limits().connect_seconds,
    format_: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """Look at databases once, now: the built-in checks, without NATS, Alertmanager or configuration.

    Passwords: `--password-env`, `--password-file`, `PGPASSWORD`, `MYSQL_PWD`, or asked for on a terminal. One in the
    address works, too, and everybody on this machine can read it there. Nothing is written to a database.

    It ends with 0 when all is good, 1 when a check failed (with `--fail-on error` only from that severity on), 2 for
    wrong usage, 3 when something could not be looked at.

    Example: `watchword scan postgresql://me@localhost/postgres --output report.html`
    """
    where = destinations(format_, output or [])
    ask = (lambda: _ask("Password")) if ask_password else None
    password = password_from(password_env, password_file, ask)
    places = places_of(dsn, password, os.environ)
    if any(place.has_visible_password for place in places) and set(dsn) & set(sys.argv):
        note("others on this machine can see the password in the command; better: --password-env, or --ask-password")
    engines = list(dict.fromkeys(place.target.engine for place in places))
    checks = _chosen(check or [], checks_folder or [], engines)
    looked = asyncio.run(_look(places, checks, Limits(connect_seconds=connect_seconds)))
    report = scan_report(
        [target_state(one.place.target, one.examination, now()) for one in looked],
        [check for engine in engines for check in checks[engine]],
        version=importlib.metadata.version("watchword"),
        now=now(),
    )
    shown = report.only(severity) if severity is not None else report
    deliver(shown, where)
    if sys.stderr.isatty():
        note(f"\n{_next_command(report, looked, dsn)}")
    raise typer.Exit(exit_code(report, fail_on))


def _chosen(names: Sequence[str], folders: Sequence[Path], engines: Sequence[Engine]) -> dict[Engine, list[Check]]:
    """Return the checks that run on the servers of each engine: of the built-in ones and one's own those asked for."""
    known = [check for engine in engines for check in built_in_checks_of(engine)]
    if folders:
        reading = read_checks(folders, known)
        for problem in reading.problems:
            note(str(problem))
        if reading.errors:
            raise WrongUsage("own checks have errors (above); see: watchword checks lint")
        known += [check for check in reading.checks if check.engine in engines]
    for name in names:
        if not fnmatch.filter((check.name for check in known), name):
            hint = nearest_or_allowed(name, [check.name for check in known])
            raise WrongUsage(f"--check {name} matches none of {len(known)} checks; {hint}")
    asked = [check for check in known if not names or any(fnmatch.fnmatchcase(check.name, name) for name in names)]
    return {engine: [check for check in asked if check.engine == engine] for engine in engines}


async def _look(places: Sequence[Place], checks: Mapping[Engine, Sequence[Check]], limits: Limits) -> list[Looked]:
    async with progress(len(places)) as tell:
        looked = await look_at(places, checks.__getitem__, limits, tell)
    if not is_terminal():
        return looked
    # As the engines' own clients do: a password is asked for when the server wants one.
    return [await _again(one, checks, limits) if _wants_password(one) else one for one in looked]


def _wants_password(looked: Looked) -> bool:
    return looked.is_refused and looked.place.login.password is None and bool(looked.place.target.user)


async def _again(refused: Looked, checks: Mapping[Engine, Sequence[Check]], limits: Limits) -> Looked:
    target = refused.place.target
    password = _ask(f"Password of {target.user} at {target.name}")
    if not password:
        return refused
    (looked,) = await look_at([refused.place.with_password(password)], checks.__getitem__, limits)
    return looked


def _ask(what: str) -> str:
    if not is_terminal():
        raise WrongUsage("there is no terminal to ask for a password; say --password-env or --password-file")
    return getpass.getpass(f"{clean(what)}: ", stream=sys.stderr)


def _next_command(report: Report, looked: Sequence[Looked], dsns: Sequence[str]) -> str:
    """Return what to type next, for a person."""
    has_secret = any(one.place.has_visible_password for one in looked)
    again = "watchword scan " + " ".join("DSN" if has_secret else shlex.quote(dsn) for dsn in dsns)
    blind = report.counts()[Status.ERROR]
    found = tasks(report)
    if found:
        return f"Fix the first and look again: {again} --check {found[0].check.name}"
    if blind:
        return f"Something could not be looked at (above). When that is mended: {again}"
    return "Nothing to fix. To look all the time, and be told: watchword up --help"
