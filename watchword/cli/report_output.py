"""Where a report goes: to the terminal or a pipe in one format, into files each in the format that its name speaks of.
A file appears whole or not at all.
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from shared.severity import Severity
from watchword.cli.exits import CHECK_FAILED, COULD_NOT_LOOK, GOOD, WrongUsage
from watchword.cli.output import clean, note
from watchword.report.as_table import together
from watchword.report.formats import SUFFIXES, Format, format_of, render
from watchword.report.judgement import judged
from watchword.report.model import Report

FormatOption = Annotated[
    Format | None,
    typer.Option("--format", "-f", "-o", help="How to print; a table when silent.", show_default=False),
]
OutputOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--output",
        metavar="FILE",
        help="Write into a file instead; the format is that of its name (.html, .json, .csv, .sarif, .xml, .md), or of "
        "--format. May be repeated.",
    ),
]
FailOn = Annotated[
    Severity,
    typer.Option("--fail-on", metavar="SEVERITY", help="End with 1 from this severity on; with any when silent."),
]
Least = Annotated[
    Severity | None,
    typer.Option("--severity", metavar="SEVERITY", help="Show only what is as severe as this, or worse."),
]


@dataclass(frozen=True, slots=True)
class Destination:
    """One place to write to; without a file it is standard output."""

    format: Format
    file: Path | None = None


def destinations(chosen: Format | None, files: Sequence[Path]) -> list[Destination]:
    """Return where to write what. Raises ``WrongUsage`` before anything was looked at."""
    found = []
    for file in files:
        if str(file) == "-":
            found.append(Destination(chosen or Format.TABLE))
            continue
        if str(file) in set(Format):
            raise WrongUsage(
                f"--output takes a file here; for the format say --format {file} (or -o {file}); for a file of this "
                f"name write --output ./{file}"
            )
        form = chosen if chosen is not None and len(files) == 1 else format_of(file) or chosen
        if form is None:
            raise WrongUsage(f"the format of {file} can't be told by its name; say --format, or name it {SUFFIXES}")
        if not file.parent.is_dir():
            raise WrongUsage(f"{file} can't be written: there is no folder {file.parent}")
        found.append(Destination(form, file))
    return found or [Destination(chosen or Format.TABLE)]


def deliver(report: Report, places: Sequence[Destination]) -> None:
    """Write a report to all of its destinations. Raises ``OSError``."""
    for place in places:
        if place.file is not None:
            _write(place.file, render(report, place.format))
            note(f"wrote {clean(str(place.file))} ({place.format.value})")
        elif place.format is Format.TABLE and sys.stdout.isatty():
            _show(report)
        else:
            sys.stdout.write(render(report, place.format))
            sys.stdout.flush()
    if all(place.file is not None for place in places):
        note("".join(text for text, _ in together(report)))


def _show(report: Report) -> None:
    from rich.text import Text  # noqa: PLC0415 (a tenth of a second, and nobody looks at the colours of a pipe)

    from watchword.cli.output import console  # noqa: PLC0415
    from watchword.report.as_table import lines  # noqa: PLC0415

    shown = console()
    for line in lines(report):
        shown.print(Text.assemble(*line), soft_wrap=True)


def _write(file: Path, text: str) -> None:
    file = file.resolve()
    if file.exists() and not file.is_file():  # a pipe or a device, which can't be replaced
        file.write_text(text, encoding="utf-8", newline="")
        return
    # Beside the file, so that renaming it is one step; with the rights that any new file gets.
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as written:
            written.write(text)
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(0o666 & ~mask)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def exit_code(report: Report, fail_on: Severity) -> int:
    """Return what a script should get."""
    return {"good": GOOD, "failed": CHECK_FAILED, "could not look": COULD_NOT_LOOK}[judged(report, fail_on)]
