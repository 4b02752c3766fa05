"""Our fields beside PMM's, all optional: ``parameters`` (thresholds that a target can override), ``requires`` (where a
check applies and what its account needs), ``remediation``, ``references`` and ``since``. A file without them is as
good; a file with them is refused by PMM itself, which knows no other fields than its own.
"""

import math
import re

from shared.check_files.fields import fields_of, map_field, text_field, texts_field
from shared.check_files.problems import Fault, did_you_mean
from shared.check_files.yaml_nodes import ListNode, MapNode, Node, ScalarNode
from shared.checks import Parameter, Requirements

EXTENSION_FIELDS = ("remediation", "references", "since", "parameters", "requires")

FLAVOURS = ("postgresql", "mysql", "mariadb", "percona", "mongodb")
"""The flavours that the checkers tell apart."""

_REQUIRES_FIELDS = ("privileges", "versions", "flavours")
_PARAMETER_FIELDS = ("default", "description")
_PARAMETER_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_VERSION_BOUND = re.compile(r"(>=|<=|>|<|==?)\s*[0-9]+(\.[0-9]+)*")


def parameters_of(fields: dict[str, Node], faults: list[Fault]) -> dict[str, Parameter]:
    """Return the parameters of a check: ``name: default`` or ``name: {default: …, description: …}``."""
    node = map_field(fields, "parameters", faults)
    read: dict[str, Parameter] = {}
    for key, value in node.fields if node else ():
        if not _PARAMETER_NAME.fullmatch(key.text):
            hint = "letters, digits and _, not beginning with a digit"
            faults.append(Fault(key.place, "parameters", f"invalid name of a parameter {key.text!r}", hint))
        elif key.text in read:
            faults.append(Fault(key.place, "duplicate-field", f"the parameter {key.text!r} is written twice"))
        else:
            parameter = _parameter(key, value, faults)
            if parameter is not None:
                read[key.text] = parameter
    return read


def _parameter(key: ScalarNode, node: Node, faults: list[Fault]) -> Parameter | None:
    if not isinstance(node, MapNode):
        default = _default(node)
        description = ""
    else:
        fields = fields_of(node, _PARAMETER_FIELDS, "parameter", faults)
        written = fields.get("default")
        default = _default(written) if written is not None else None
        text = text_field(fields, "description", faults)
        description = text.text.strip() if text else ""
    if default is None:
        message = f"the parameter {key.text!r} has no default that can be used"
        hint = "a boolean, a number, a text or a list of texts"
        faults.append(Fault(node.place, "parameters", message, hint))
        return None
    return Parameter(default=default, description=description)


def _default(node: Node) -> bool | int | float | str | tuple[str, ...] | None:
    if isinstance(node, ScalarNode):
        value = node.value
        return None if isinstance(value, float) and not math.isfinite(value) else value
    if isinstance(node, ListNode) and all(isinstance(item, ScalarNode) and not item.is_null for item in node.items):
        return tuple(item.text for item in node.items if isinstance(item, ScalarNode))
    return None


def requirements_of(fields: dict[str, Node], faults: list[Fault]) -> Requirements:
    """Return where the check applies and what its account needs; everywhere and nothing when it does not say."""
    node = map_field(fields, "requires", faults)
    if node is None:
        return Requirements()
    inner = fields_of(node, _REQUIRES_FIELDS, "'requires'", faults)
    versions = text_field(inner, "versions", faults)
    for bound in versions.text.split(",") if versions and versions.text else ():
        if versions and not _VERSION_BOUND.fullmatch(bound.strip()):
            message = f"{bound.strip()!r} is not a bound on the server's version"
            hint = "write >=X, >X, <=X, <X or =X, several with commas, for example '>=10.4, <12'"
            faults.append(Fault(versions.place, "requires", message, hint))
    flavours = texts_field(inner, "flavours", faults)
    for flavour in flavours:
        hint = did_you_mean(flavour, FLAVOURS)
        if flavour not in FLAVOURS and hint:
            place = inner["flavours"].place
            faults.append(Fault(place, "requires", f"unknown flavour {flavour!r}", hint, "warning"))
    return Requirements(
        privileges=texts_field(inner, "privileges", faults),
        versions=versions.text.strip() if versions else "",
        flavours=flavours,
    )


def references_of(fields: dict[str, Node], faults: list[Fault]) -> tuple[str, ...]:
    """Return the references: sections of a benchmark, addresses of vendors' pages, numbers of vulnerabilities."""
    return texts_field(fields, "references", faults)
