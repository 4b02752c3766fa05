"""The rules of PMM's format for a check's own fields, one function for each, so that what is refused and why can be
read in one place. Each gets what was written and adds a fault for what is wrong: the place, what was found, what is
allowed. The rules for queries are in ``queries.py``, those for scripts beyond loading in ``lint.py``.
"""

import re
from typing import Literal, get_args

from shared.check_files.problems import Fault, Place, nearest_or_allowed, one_of
from shared.check_files.yaml_nodes import ScalarNode
from shared.checks import ENGINES, Engine

Interval = Literal["standard", "frequent", "rare"]
INTERVALS: tuple[Interval, ...] = get_args(Interval)

FAMILIES: dict[str, Engine] = {engine.upper(): engine for engine in ENGINES}
"""What PMM calls ``family`` and later ``technology``: MYSQL stands for MariaDB and Percona Server, too."""

MAX_NAME = 120
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def _tell_absence(field: str, place: Place | None, hint: str, faults: list[Fault]) -> None:
    """Say that a field is missing, unless it is there and was already called wrong."""
    if place is not None:
        faults.append(Fault(place, field, f"the check has no {field}", hint))


def name_rule(name: ScalarNode | None, absent: Place | None, faults: list[Fault]) -> str:
    """Return the name of the check; empty when there is none that can be used."""
    if name is None:
        _tell_absence("name", absent, "add for example `name: postgresql_my_check`", faults)
        return ""
    if not _NAME.fullmatch(name.text):
        hint = "letters, digits and _, not beginning with a digit"
        faults.append(Fault(name.place, "name", f"invalid check name {name.text!r}", hint))
    elif len(name.text) > MAX_NAME:
        faults.append(Fault(name.place, "name", f"the check's name is longer than {MAX_NAME} characters"))
    return name.text


def interval_rule(interval: ScalarNode | None, faults: list[Fault]) -> Interval:
    """Return the schedule that the check belongs to; ``standard`` when it says nothing."""
    if interval is None or not interval.text:
        return "standard"
    for known in INTERVALS:
        if interval.text == known:
            return known
    hint = nearest_or_allowed(interval.text, INTERVALS)
    faults.append(Fault(interval.place, "interval", f"unknown interval {interval.text!r}", hint))
    return "standard"


def text_rule(field: str, text: ScalarNode | None, absent: Place | None, faults: list[Fault]) -> str:
    """Return a text that every check must have."""
    if text is None or not text.text.strip():
        place = text.place if text else absent
        _tell_absence(field, place, f"add `{field}:` with a sentence for people", faults)
        return ""
    return text.text.strip()


def script_rule(script: ScalarNode | None, absent: Place | None, faults: list[Fault]) -> str:
    """Return the script. PMM refuses a tab anywhere in it, also inside a string."""
    if script is None or not script.text.strip():
        place = script.place if script else absent
        _tell_absence("script", place, "add `script: |` with check_context()", faults)
        return ""
    before, tab, _ = script.text.partition("\t")
    if tab:
        line = before.count("\n") + 1
        column = len(before) - (before.rfind("\n") + 1) + 1
        place = script.place_of(line, column)
        message = "the script has a tab; a script should use spaces for indentation, not tabs"
        faults.append(Fault(place, "script-tab", message, "use spaces, and \\t in a string"))
    return script.text


def version_rule(version: ScalarNode | None, guess: Literal[1, 2], check: Place, faults: list[Fault]) -> Literal[1, 2]:
    """Return the version of the format; a check without one is taken for what its fields look like."""
    if version is None or version.is_null:
        message = f"the check has no version; it is read as version {guess}"
        faults.append(Fault(check, "version", message, f"add `version: {guess}`", "warning"))
        return guess
    if version.value == 1:
        return 1
    if version.value == 2:
        return 2
    faults.append(Fault(version.place, "version", f"unexpected version {version.text!r}", one_of(("1", "2"))))
    return guess


def family_rule(
    family: ScalarNode | None, technology: ScalarNode | None, check: Place, faults: list[Fault]
) -> Engine | None:
    """Return the engine that a check of version 2 is for. ``technology`` is the newer word for ``family``."""
    given = [(word, node) for word, node in (("family", family), ("technology", technology)) if node and node.text]
    if not given:
        hint = f"add `technology:`; {one_of(FAMILIES)}"
        faults.append(Fault(check, "family", "the check has neither family nor technology", hint))
        return None
    engines: list[Engine | None] = []
    for word, node in given:
        engine = FAMILIES.get(node.text.upper())
        if engine is None:
            hint = nearest_or_allowed(node.text, FAMILIES)
            faults.append(Fault(node.place, "family", f"unknown {word} {node.text!r}", hint))
        engines.append(engine)
    if len(set(engines)) > 1 and None not in engines:
        faults.append(Fault(given[1][1].place, "family", "family and technology name different engines"))
    return engines[0]
