"""The forms that a report can be written in, by name. Each is a module with a pure ``render``, loaded when it is asked
for.
"""

import importlib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from watchword.report.model import Report


class Format(StrEnum):
    """How to write a report."""

    TABLE = "table"
    HTML = "html"
    JSON = "json"
    CSV = "csv"
    SARIF = "sarif"
    JUNIT = "junit"
    MARKDOWN = "markdown"


_BY_SUFFIX: Mapping[str, Format] = {
    ".txt": Format.TABLE,
    ".html": Format.HTML,
    ".htm": Format.HTML,
    ".json": Format.JSON,
    ".csv": Format.CSV,
    ".sarif": Format.SARIF,
    ".xml": Format.JUNIT,
    ".md": Format.MARKDOWN,
}

SUFFIXES = ", ".join(_BY_SUFFIX)


def format_of(file: Path) -> Format | None:
    """Return the format that the name of a file speaks of; ``results.sarif.json`` is SARIF."""
    if file.name.endswith(".sarif.json"):
        return Format.SARIF
    return _BY_SUFFIX.get(file.suffix.lower())


def render(report: Report, chosen: Format) -> str:
    """Return the report in a format."""
    text: str = importlib.import_module(f"watchword.report.as_{chosen.value}").render(report)
    return text
