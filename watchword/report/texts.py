"""Texts that come from databases, made fit for a report: none is longer than a reader wants, and none has a character
that XML, a terminal or a spreadsheet takes for something else than text. What a format escapes beyond that is for the
format.
"""

import datetime as dt
import re
from collections.abc import Mapping

LONGEST_LINE = 500
LONGEST_TEXT = 8_000
MOST_LABELS = 40

_UNPRINTABLE = re.compile(
    # Controls but tab and line feed; what changes the direction of text; halves of surrogate pairs; no characters.
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufdd0-\ufdef\ufeff\ufffe\uffff]"
)
_BLANK = re.compile(r"\s+")
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def text(raw: str, longest: int = LONGEST_TEXT) -> str:
    """Return a text of several lines. What can't be printed shows as ``\N{REPLACEMENT CHARACTER}``."""
    # Cut first: nobody should wait until a megabyte is cleaned.
    kept = raw[: longest + 1].replace("\r\n", "\n")
    clean = _UNPRINTABLE.sub(REPLACEMENT, kept)
    return clean if len(clean) <= longest else clean[: longest - 1] + "…"


def line(raw: str, longest: int = LONGEST_LINE) -> str:
    """Return a text on one line."""
    return _BLANK.sub(" ", text(raw, longest)).strip()


def labels(raw: Mapping[str, str]) -> dict[str, str]:
    """Return the labels of a finding, by name."""
    return {line(name, 200): line(value) for name, value in sorted(raw.items())[:MOST_LABELS]}


def labels_in_words(found: Mapping[str, str]) -> str:
    """Return labels for people: ``role=app, database=shop``."""
    return ", ".join(f"{name}={value}" for name, value in sorted(found.items()))


def moment(at: dt.datetime) -> str:
    """Return a moment for people, in UTC: reports travel."""
    return f"{at.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"


def stamp(at: dt.datetime) -> str:
    """Return a moment for programs."""
    return at.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
