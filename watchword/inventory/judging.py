"""How findings are judged here, in the section ``settings`` of the inventory file: which severity they have, which of
them are accepted until when, by whom and why, and which values the parameters of checks have on targets with certain
labels.
"""

import datetime as dt
from collections.abc import Mapping

from shared.accepted import exception_names, parse_until
from shared.checks import Check
from shared.configuration import ParametersSet, RiskAccepted, SeverityOverride
from shared.errors import ScheduleRefused
from shared.parameters import parameter_names
from shared.severity import Severity
from watchword.inventory.collected import AUTHOR, Collected
from watchword.inventory.spots import Spot
from watchword.inventory.targets import check_values

JUDGING = ("severity", "exceptions", "parameters")
_SEVERITY_FIELDS = ("check", "target", "severity", "reason")
_EXCEPTION_FIELDS = ("check", "target", "labels", "until", "reason", "by")
_NEEDED = ("check", "target", "until", "reason", "by")
_PARAMETERS_FIELDS = ("check", "labels", "values", "reason")


def read_judging(parts: Mapping[str, Spot], collected: Collected, checks: Mapping[str, Check]) -> None:
    """Read these parts of the settings. What is broken is left out, after a complaint."""
    for item in parts["severity"].items() if "severity" in parts else ():
        _severity(item, collected)
    for item in parts["exceptions"].items() if "exceptions" in parts else ():
        _exception(item, collected)
    for item in parts["parameters"].items() if "parameters" in parts else ():
        _parameters(item, collected, checks)


def _severity(item: Spot, collected: Collected) -> None:
    fields = item.fields(_SEVERITY_FIELDS)
    texts = _texts(item, fields, needed=("check", "severity"))
    level = fields["severity"].choice([one.value for one in Severity]) if "severity" in texts else None
    if "check" in texts:
        collected.is_check(fields["check"], texts["check"])
    if "target" in texts:
        collected.is_target(fields["target"], texts["target"])
    if item.errors_below() or level is None:
        return
    setting = SeverityOverride(author=AUTHOR, severity=Severity(level), reason=texts.get("reason", ""))
    names = [texts["check"], *([texts["target"]] if "target" in texts else [])]
    collected.add(item, setting, "severity", *names)


def _exception(item: Spot, collected: Collected) -> None:
    fields = item.fields(_EXCEPTION_FIELDS)
    texts = _texts(item, {name: spot for name, spot in fields.items() if name != "labels"}, _NEEDED)
    until = _until(fields["until"], texts["until"]) if "until" in texts else None
    _know(fields, texts, collected)
    labels = _labels(fields)
    if item.errors_below() or until is None:
        return
    check, target = texts["check"], texts["target"]
    setting = RiskAccepted(
        author=AUTHOR,
        reason=texts["reason"],
        check=check,
        target=target,
        labels=labels,
        until=until,
        by=texts["by"],
    )
    collected.add(item, setting, *exception_names(check, target, labels))


def _know(fields: Mapping[str, Spot], texts: Mapping[str, str], collected: Collected) -> None:
    """Warn of names that this file does not have: findings of other programs can be accepted, too."""
    for name, known in (("check", collected.checks), ("target", collected.targets)):
        if name in texts and texts[name] not in known:
            message = f"this file has no {name} {texts[name]!r}"
            fields[name].complain(message, "right for the findings of another program only", severity="warning")


def _until(spot: Spot, text: str) -> dt.datetime | None:
    try:
        until = parse_until(text)
    except ScheduleRefused as refused:
        spot.complain(str(refused))
        return None
    if until <= dt.datetime.now(dt.UTC):
        spot.complain("its time is over, so nothing is accepted", "remove it, or extend it", severity="warning")
    return until


def _parameters(item: Spot, collected: Collected, checks: Mapping[str, Check]) -> None:
    fields = item.fields(_PARAMETERS_FIELDS)
    shown = {name: spot for name, spot in fields.items() if name not in {"labels", "values"}}
    texts = _texts(item, shown, needed=("check",))
    if "values" not in fields and item.is_map:
        item.complain("'values' is missing", "write `values: {parameter: value}`")
    labels = _labels(fields)
    values = fields["values"].entries() if "values" in fields else {}
    if "check" in texts and collected.is_check(fields["check"], texts["check"]) and texts["check"] in checks:
        check_values(values, checks[texts["check"]])
    plain = {name: value for name, spot in values.items() if (value := spot.plain()) is not None}
    if item.errors_below():
        return
    setting = ParametersSet(
        author=AUTHOR, reason=texts.get("reason", ""), check=texts["check"], labels=labels, values=plain
    )
    collected.add(item, setting, *parameter_names(texts["check"], labels))


def _labels(fields: Mapping[str, Spot]) -> dict[str, str]:
    inner = fields["labels"].entries() if "labels" in fields else {}
    return {name: text for name, spot in inner.items() if (text := spot.text()) is not None}


def _texts(item: Spot, fields: Mapping[str, Spot], needed: tuple[str, ...]) -> dict[str, str]:
    """Return the fields that are text; complain about those that are missing."""
    if item.is_map:
        for name in needed:
            if name not in fields:
                item.complain(f"{name!r} is missing", _WHAT_FOR.get(name, ""))
    return {name: text for name, spot in fields.items() if (text := spot.text()) is not None}


_WHAT_FOR = {
    "until": "an exception ends by itself; give a date such as 2027-01-31",
    "reason": "say why it is accepted",
    "by": "say who accepts it",
}
