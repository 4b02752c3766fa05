"""Which regular expressions may stand in a matcher? Those that Alertmanager's engine (RE2) and Python's read alike, for
here they are only ever tried on a few short texts, to see whether they match about everything. Alertmanager stays the
judge: what passes here and not there is a refused silence, and says so.

Python's engine backtracks. With texts of three characters, few repetitions and small bounds the time stays polynomial,
so a hostile expression can't hold the silencer.
"""

import re
import warnings

LONGEST = 4096
MOST_REPETITIONS = 50
MOST_BOUND = 1000
"""RE2 refuses a larger repeat, also a nested one; here it is the product over the whole expression."""

PROBES = ("q7x", "ZK", "0")
"""Texts that nobody names anything: what matches one of these was not written to match something."""

_ESCAPES = frozenset("dDwWsSbBAntrfva")
_GROUP = re.compile(r"\(\?(?::|P<[A-Za-z_][A-Za-z0-9_]*>|[ims]+:)")
_LEADING_FLAGS = re.compile(r"\(\?[ims]+\)")
_BOUNDS = re.compile(r"\{(\d+)(?:,(\d*))?\}")
_HEXADECIMAL = re.compile(r"\\x[0-9A-Fa-f]{2}")
_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[*+?]|\{[^}]*\}|\(\?[^:)>]*[:)>]?|.", re.DOTALL)


def fault_of(expression: str) -> str | None:
    """Return what is wrong with a regular expression, for people, or None when it may be used."""
    if len(expression) > LONGEST:
        return f"it is longer than {LONGEST} characters"
    fault = _unshared(expression)
    if fault:
        return fault
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            re.compile(expression, re.ASCII)
    except (re.error, OverflowError, RecursionError, Warning) as broken:
        return f"{broken}"
    return None


def _unshared(expression: str) -> str | None:
    """Name the first construct that only one of the two engines has, or that both read differently."""
    repetitions, bound, was_repeated = 0, 1, False
    flags = _LEADING_FLAGS.match(expression)
    for found in _TOKEN.finditer(expression, flags.end() if flags else 0):
        part = found[0]
        is_repetition = part in {"*", "+", "?"} or _BOUNDS.fullmatch(part) is not None
        if part.startswith("\\"):
            if part[1:].isalnum() and part[1] not in _ESCAPES and not _HEXADECIMAL.match(expression, found.start()):
                return f"{part} is not known here"
        elif part.startswith("["):
            if "[:" in part or "\\p" in part.lower():
                return f"the class {part[:20]} is not known here; write its characters out"
        elif part.startswith("(?"):
            if not _GROUP.match(expression, found.start()):
                return f"{part[:10]} is not known to Alertmanager (RE2 has no look-around, conditions or comments)"
        elif is_repetition and was_repeated and part != "?":
            return f"a repetition directly after another one ({part})"
        elif part.startswith("{") and not is_repetition:
            return f"{part[:20]} is no repetition; write \\{{ for a brace"
        if is_repetition:
            repetitions += 1
            if bounds := _BOUNDS.fullmatch(part):
                bound *= max(1, *(int(number) for number in bounds.groups() if number))
            if repetitions > MOST_REPETITIONS or bound > MOST_BOUND:
                return f"it repeats too much: at most {MOST_REPETITIONS} repetitions, {MOST_BOUND} times in all"
        was_repeated = is_repetition
    return None


def matches_empty(expression: str) -> bool:
    """Say whether a valid expression matches a label that is not there."""
    return re.fullmatch(expression, "", re.ASCII) is not None


def matches_about_everything(expression: str) -> bool:
    """Say whether a valid expression matches texts that nobody would name anything."""
    return any(re.fullmatch(expression, probe, re.ASCII) for probe in PROBES)
