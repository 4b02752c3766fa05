"""A plan for people and for programs: what is added, what is removed, and of what changes each field before and after.
Passwords can't be shown, for a plan holds none; long texts such as scripts are only named.
"""

from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from shared.checks import Check
from shared.configuration import (
    SEVERAL_OF_A_CHECK,
    Alertmanagers,
    DeadMansSwitch,
    Disabled,
    Installation,
    Interval,
    MetricsSource,
    Muting,
    ParametersSet,
    RiskAccepted,
    SeverityOverride,
)
from shared.targets import Target
from watchword.inventory.bucket import as_json
from watchword.inventory.planning import Plan, Step

LONGEST_VALUE = 80
FEW = 6
"""Built-in checks shown one by one; more of them are counted."""


def plan_lines(plan: Plan) -> list[str]:
    """Return the plan for people, a line for each entry and an indented one for each field that changes."""
    lines = []
    built_in = [step for step in plan.steps if _is_new_built_in(step)]
    if len(built_in) > FEW:
        lines.append(f"+ {len(built_in)} built-in checks")
    for step in plan.steps:
        if len(built_in) > FEW and _is_new_built_in(step):
            continue
        lines.append(f"{_MARKS[step.action]} {step.kind} {title(step)}{_about(step)}")
        lines += [f"    {line}" for line in changes(step)]
    lines += [f"  check {name} stays as it is, for its file can't be read" for name in plan.kept_checks]
    return lines


_MARKS = {"add": "+", "change": "~", "remove": "-"}


def summary(plan: Plan) -> str:
    """Return in one line what a plan would do."""
    return _counts(plan, "to add", "to change", "to remove") or "nothing to change"


def outcome(plan: Plan) -> str:
    """Return in one line what a plan has done."""
    return _counts(plan, "added", "changed", "removed") or "nothing changed"


def _counts(plan: Plan, *words: str) -> str:
    counts = zip((plan.count("add"), plan.count("change"), plan.count("remove")), words, strict=True)
    return ", ".join(f"{number} {word}" for number, word in counts if number)


def plan_as_json(plan: Plan) -> list[dict[str, object]]:
    """Return the plan for programs."""
    return [
        {
            "action": step.action,
            "kind": step.kind,
            "name": title(step),
            "before": as_json(step.before),
            "after": as_json(step.value),
        }
        for step in plan.steps
    ]


def title(step: Step) -> str:
    """Return the name of an entry as people know it."""
    if step.kind != "setting":
        return ".".join(step.names)
    _, kind, *names = step.names
    if kind in SEVERAL_OF_A_CHECK:  # the last name is a digest
        labels = getattr(step.value or step.before, "labels", {})
        names[-1:] = [", ".join(f"{name}={value}" for name, value in sorted(labels.items()))] if labels else []
    return " ".join((kind, *names[:1], *(f"on {name}" for name in names[1:])))


def changes(step: Step) -> Iterator[str]:
    """Yield what changes in an entry, field by field."""
    before, after = as_json(step.before), as_json(step.value)
    if step.action != "change" or after is None:
        return
    if before is None:
        yield "the entry there can't be read; it is written anew"
        return
    old, new = _flat(before), _flat(after)
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) == new.get(name):
            continue
        shown = [_shown(fields.get(name)) for fields in (old, new)]
        if isinstance(step.value, Check) and any(len(text) > LONGEST_VALUE for text in shown):
            yield f"{name} changes"
        else:
            yield f"{name}: {shown[0]} → {shown[1]}"


def _flat(value: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, inner in value.items():
        if isinstance(inner, Mapping) and inner:
            flat |= _flat(inner, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = inner
    return flat


def _shown(value: object) -> str:
    if value is None:
        return "(none)"
    if isinstance(value, list):
        return ", ".join(_shown(item) for item in value) or "(none)"
    return " ".join(str(value).split()) or "(none)"


def _is_new_built_in(step: Step) -> bool:
    return step.action == "add" and isinstance(step.value, Check) and step.value.source == "built-in"


def _about(step: Step) -> str:
    """Return what to know of an entry that is new or goes, in a few words."""
    value = step.value if step.action == "add" else None
    words = _words(value) if value is not None else ""
    return f": {words}" if words else ""


def _words(value: BaseModel) -> str:
    match value:
        case Target():
            return f"{value.engine} at {value.address}, pool {value.pool}"
        case Check():
            return f"{value.engine}, {value.source}"
        case Disabled():
            return value.reason
        case Interval():
            return value.schedule
        case SeverityOverride():
            return value.severity
        case RiskAccepted():
            return f"until {value.until:%Y-%m-%d %H:%M} UTC by {value.accepted_by}: {value.reason}"
        case ParametersSet():
            return ", ".join(f"{name} = {_shown(one)}" for name, one in value.values.items())
        case Alertmanagers():
            return ", ".join(" + ".join(one.urls) for one in value.alertmanagers)
        case Muting():
            return value.default
        case DeadMansSwitch():
            return "on" if value.enabled else "off"
        case MetricsSource() | Installation():
            return value.url
        case _:
            return ""
