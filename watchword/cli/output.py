"""What commands print: tables for people, JSON for programs, on standard output; notes and complaints on standard
error. Colours only on a terminal and never with NO_COLOR; in a pipe a row is one line however wide. What comes from
servers and other programs is cleaned, so that no name or text can steer the terminal. Rich and structlog are loaded
when something needs them: together they take longer to load than most commands to run.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

from shared.severity import Severity

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

PIPED_WIDTH = 100_000
_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

_PLACE = re.compile(r"[^\n:]+:\d+:\d+: ")

SEVERITY_STYLES: dict[str, str] = {
    Severity.EMERGENCY: "bold white on red",
    Severity.ALERT: "bold red",
    Severity.CRITICAL: "bold red",
    Severity.ERROR: "red",
    Severity.WARNING: "yellow",
    Severity.NOTICE: "cyan",
    Severity.INFO: "blue",
    Severity.DEBUG: "dim",
}


class OutputFormat(StrEnum):
    """How to print."""

    TABLE = "table"
    JSON = "json"


def console() -> Console:
    """Return standard output for people."""
    from rich.console import Console  # noqa: PLC0415

    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)


def notes() -> Console:
    """Return standard error, for what is not the answer itself."""
    from rich.console import Console  # noqa: PLC0415

    return Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else PIPED_WIDTH)


def complain(message: str) -> None:
    """Say on standard error what went wrong, in plain words. Lines that begin with ``file:line:column:`` stay as they
    are, for editors read them.
    """
    from rich.text import Text  # noqa: PLC0415

    begin = "" if _PLACE.match(message) else "error: "
    notes().print(Text.assemble((begin, "bold red"), clean(message, keep_lines=True)), soft_wrap=True)


def note(message: str) -> None:
    """Say something on standard error that is not the answer."""
    sys.stderr.write(clean(message, keep_lines=True) + "\n")


def say(message: str | Text) -> None:
    """Print a line of the answer for people."""
    if isinstance(message, str):
        sys.stdout.write(clean(message, keep_lines=True) + "\n")
    else:
        console().print(message, soft_wrap=True)


def print_json(value: object) -> None:
    """Print a value for programs."""
    sys.stdout.write(_as_json(value, indent=2) + "\n")


def print_json_line(value: object) -> None:
    """Print a value as one line, at once: for what goes on and on."""
    sys.stdout.write(_as_json(value) + "\n")
    sys.stdout.flush()


def _as_json(value: object, indent: int | None = None) -> str:
    text = json.dumps(value, indent=indent, default=_plain, ensure_ascii=False)
    # JSON leaves the controls above 0x7f as they are, and they steer some terminals; halves of pairs can't be written.
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _plain(value: object) -> object:
    if isinstance(value, dt.datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> None:
    """Print rows under their headings; a heading alone when there are none."""
    if not sys.stdout.isatty():
        sys.stdout.writelines(_plain_lines([[column.upper() for column in columns], *rows]))
        return
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, show_edge=False, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column.upper(), overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(clean(cell)) for cell in row))
    console().print(table)


def _plain_lines(rows: Iterable[Sequence[str | Text]]) -> Iterator[str]:
    """Yield rows in columns for a pipe: each one line however wide, nothing that a terminal alone understands."""
    from rich.cells import cell_len  # noqa: PLC0415

    cells = [[clean(cell if isinstance(cell, str) else cell.plain) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = (cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(padded).rstrip() + "\n"


def clean(text: str, *, keep_lines: bool = False) -> str:
    """Return a text that can't steer a terminal; on one line unless lines are kept."""
    harmless = _STEERING.sub(" ", text.replace("\r\n", "\n"))
    return harmless if keep_lines else " ".join(harmless.split())


def severity(name: str) -> Text:
    """Return a severity in its colour."""
    from rich.text import Text  # noqa: PLC0415

    return Text(clean(name), style=SEVERITY_STYLES.get(name, ""))


def rank(name: str) -> int:
    """Return where a severity stands when the worst come first; unknown ones come last."""
    return next((one.rank for one in Severity if one.value == name), len(Severity) + 1)


def ago(moment: dt.datetime, now: dt.datetime) -> str:
    """Return how long ago a moment was: ``45s``, ``12m``, ``3h``, ``5d``."""
    return span(now - moment)


def span(length: dt.timedelta) -> str:
    """Return a length of time in its largest unit, rounded down."""
    seconds = max(0, int(length.total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size or (unit == "d" and seconds >= size):
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def local(moment: dt.datetime) -> str:
    """Return a moment in the reader's time zone."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"


def is_terminal() -> bool:
    """Say whether somebody can be asked something."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def quiet_logs(*, is_debugging: bool) -> None:
    """Keep the logs of the shared rooms out of a command's answer; everything of them when debugging.

    To be called once the command's modules are loaded: what has not loaded structlog by then logs nothing with it.
    """
    if is_debugging:
        from shared.telemetry import configure_logging  # noqa: PLC0415

        configure_logging("text", "debug")
        return
    logging.getLogger().setLevel(logging.CRITICAL)
    if "structlog" not in sys.modules:
        return
    import structlog  # noqa: PLC0415

    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
    )


def login_name() -> str:
    """Return who is at the keyboard, for the author of a mute or a setting."""
    import getpass  # noqa: PLC0415

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return os.environ.get("USER", "") or f"uid {os.getuid()}"
