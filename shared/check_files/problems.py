"""What is wrong with a check file, and where. A fault is found while one document is read and knows only its place; a
problem is the same with its file and check, ready to be shown. An error keeps its check from loading, a warning does
not. Both are values: nothing here prints, raises or decides what to do about them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

Severity = Literal["error", "warning"]
_LONGEST_TEXT = 1000


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A position in a file. Lines and columns begin at 1 and count characters, as editors do."""

    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True)
class Fault:
    """One broken rule at one place of a document."""

    place: Place
    rule: str
    """The rule's short name, the same in ``docs/check-format.md``: ``query-type``, ``script-tab``, …"""
    message: str
    hint: str = ""
    severity: Severity = "error"


@dataclass(frozen=True, slots=True)
class Problem:
    """One broken rule of one file, for people."""

    file: Path
    line: int
    column: int
    severity: Severity
    check_name: str
    """Empty when the file as a whole is meant, or a check without a name."""
    message: str
    hint: str = ""
    rule: str = ""

    def __str__(self) -> str:
        """Return the line that editors and CI jobs understand: ``file:line:column: severity: …``."""
        check = f"{self.check_name}: " if self.check_name else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.file}:{self.line}:{self.column}: {self.severity}: {check}{self.message}{hint}"


def problem(file: Path, check_name: str, fault: Fault) -> Problem:
    """Say in which file and check a fault was found."""
    return Problem(
        file=file,
        line=fault.place.line,
        column=fault.place.column,
        severity=fault.severity,
        check_name=_shortened(check_name),
        message=_shortened(fault.message),
        hint=fault.hint,
        rule=fault.rule,
    )


def _shortened(text: str) -> str:
    """Return a text for a line on a terminal: what is wrong may quote a value of a megabyte."""
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT // 2]}…{text[-_LONGEST_TEXT // 2 :]}"


def one_of(allowed: Iterable[str]) -> str:
    """Return the allowed values as a hint."""
    return "allowed: " + ", ".join(allowed)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint with the known word that is nearest to a mistyped one, or nothing."""
    spelled = {word.lower(): word for word in known}
    near = get_close_matches(word.lower(), sorted(spelled), n=1, cutoff=0.7)
    return f"did you mean {spelled[near[0]]!r}?" if near else ""


def nearest_or_allowed(word: str, known: Iterable[str]) -> str:
    """Return a hint with the known word that was probably meant, and all that are allowed."""
    words = list(known)
    return "; ".join(filter(None, (did_you_mean(word, words), one_of(words))))
