"""What check authors have under ``watchword checks``: ``lint`` tells what is wrong with check files, ``test`` runs
their tests, ``new`` begins one. None of them needs a server, NATS or an inventory; ``try`` is in ``trying.py``.
"""

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shared.check_files.problems import Problem
from shared.check_files.reading import read_checks
from shared.check_files.rules import MAX_NAME
from shared.checks import ENGINES, Check, Engine
from watchword.check_files import lint as linter
from watchword.check_files.library import built_in_checks, built_in_folder
from watchword.check_files.template import new_check
from watchword.cli.exits import CHECK_FAILED, GOOD, WRONG_USAGE, WrongUsage
from watchword.cli.options import Output
from watchword.cli.output import OutputFormat, note, print_json, say
from watchword.cli.tests_shown import as_json, as_junit, show
from watchword.words import counted

if TYPE_CHECKING:
    from services.checker.signatures import Signatures

Paths = Annotated[list[Path], typer.Argument(metavar="PATH…", help="Check files, and folders of them.")]
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def lint(
    paths: Paths,
    strict: Annotated[bool, typer.Option("--strict", help="End with 1 for warnings, too.")] = False,
    public_key: Annotated[
        str | None,
        typer.Option(
            "--public-key", metavar="KEY", help="Verify the signatures, as a checker with this minisign key does."
        ),
    ] = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Say what is wrong with check files: file:line:column, the rule, and a hint. Nothing is executed.

    It ends with 0 when all checks can be loaded, 1 when one can't, 2 when a path is not there.

    Example: `watchword checks lint checks/ my_check.yml`
    """
    _require(paths)
    reading = read_checks(paths, _built_in_checks(paths))
    problems = linter.lint(reading, _signatures(public_key))
    errors = sum(problem.severity == "error" for problem in problems)
    if output is OutputFormat.JSON:
        checks = [check.name for check in reading.checks]
        print_json({"checks": checks, "problems": [_as_json(problem) for problem in problems]})
    else:
        for problem in problems:
            say(str(problem))
        warnings = len(problems) - errors
        read = counted(len(reading.checks), "check")
        note(f"{read} read: {counted(errors, 'error')}, {counted(warnings, 'warning')}")
    raise typer.Exit(CHECK_FAILED if errors or (strict and problems) else GOOD)


def run_tests(
    paths: Paths,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write a report for CI servers, too.")
    ] = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Run the tests of checks: `NAME.test.yml` beside `NAME.yml` says what the queries answer and what is expected.

    It ends with 0 when all tests passed, 1 when one failed, 2 when a file has mistakes or there are no tests.

    Example: `watchword checks test my_check.yml --junit report.xml`
    """
    from watchword.check_files import testing  # noqa: PLC0415 (brings the drivers of all engines)

    _require(paths)
    report = asyncio.run(testing.run_tests(paths))
    for problem in report.problems:
        note(str(problem))
    if not report.tests:
        if report.errors:
            raise typer.Exit(WRONG_USAGE)
        names = ", ".join(str(path) for path in paths)
        raise WrongUsage(f"there are no tests for {names}; write them into NAME.test.yml beside NAME.yml")
    if junit is not None:
        junit.write_text(as_junit(report), "utf-8")
    if output is OutputFormat.JSON:
        print_json(as_json(report))
    else:
        show(report)
    if any(test.differences for test in report.tests):
        raise typer.Exit(CHECK_FAILED)
    raise typer.Exit(WRONG_USAGE if report.errors else GOOD)


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Letters, digits and _: postgresql_my_check.")],
    engine: Annotated[str, typer.Option("--engine", "-e", metavar="ENGINE", help=", ".join(ENGINES))],
    folder: Annotated[Path, typer.Option("--folder", "-f", metavar="DIR", help="Where to write it.")] = Path(),
    output: Output = OutputFormat.TABLE,
) -> None:
    """Begin a check: write a file that works as it is, and its tests, for you to change.

    Example: `watchword checks new postgresql_my_check --engine postgresql --folder my-checks`
    """
    known: Engine | None = next((one for one in ENGINES if one == engine), None)
    if known is None:
        raise WrongUsage(f"--engine can't be {engine!r}; allowed: {', '.join(ENGINES)}")
    if not _NAME.fullmatch(name) or len(name) > MAX_NAME:
        raise WrongUsage(f"{name!r} can't be the name of a check: letters, digits and _, not beginning with a digit")
    if name in {check.name for check in built_in_checks()}:
        raise WrongUsage(f"{name} is a check that comes with Watchword; choose another name")
    files = folder / f"{name}.yml", folder / f"{name}.test.yml"
    for file in files:
        if file.exists():
            raise WrongUsage(f"{file} is there already; nothing was written")
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in zip(files, new_check(name, known), strict=True):
        file.write_text(text, "utf-8")
    if output is OutputFormat.JSON:
        print_json({"check": name, "files": [str(file) for file in files]})
        return
    for file in files:
        say(str(file))
    note(f"next: watchword checks test {files[0]}")
    note(f"      watchword checks try {files[0]} --dsn URL")


def _signatures(public_key: str | None) -> "Signatures | None":
    if public_key is None:
        return None
    from services.checker.signatures import Signatures, public_keys  # noqa: PLC0415 (brings cryptography)

    try:
        return Signatures(public_keys(public_key))
    except ValueError as broken:
        raise WrongUsage(f"--public-key: {broken}") from None


def _require(paths: Sequence[Path]) -> None:
    for path in paths:
        if not path.exists():
            raise WrongUsage(f"there is no file or folder {path}")


def _built_in_checks(paths: Sequence[Path]) -> tuple[Check, ...]:
    """Return the checks whose names are taken; none when the built-in ones themselves are meant."""
    folder = built_in_folder().resolve()
    is_meant = any(folder.is_relative_to(path.resolve()) or path.resolve().is_relative_to(folder) for path in paths)
    return () if is_meant else built_in_checks()


def _as_json(problem: Problem) -> dict[str, object]:
    return {
        "file": str(problem.file),
        "line": problem.line,
        "column": problem.column,
        "severity": problem.severity,
        "check": problem.check_name,
        "rule": problem.rule,
        "message": problem.message,
        "hint": problem.hint,
    }
