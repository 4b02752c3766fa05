"""From one document's mapping to a normalised check, whatever generation of PMM wrote it: version 1 (``type``,
``query``), version 2 with ``family`` and ``category``, with ``advisor``, with ``category`` and ``subcategory``, or with
``technology``. Advisors are read for their texts; their category becomes that of their checks. A check with an error
is not returned, its faults are; nothing here knows files or other checks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from shared.check_files import rules
from shared.check_files.extensions import EXTENSION_FIELDS, parameters_of, references_of, requirements_of
from shared.check_files.fields import fields_of, list_field, text_field
from shared.check_files.problems import Fault, Place
from shared.check_files.queries import version_1_query, version_2_queries
from shared.check_files.yaml_nodes import ListNode, MapNode, Node, ScalarNode
from shared.checks import Check, Engine, Query

COMMON_FIELDS = ("version", "name", "summary", "description", "advisor", "category", "tiers", "interval", "script")
VERSION_1_FIELDS = ("type", "query")
VERSION_2_FIELDS = ("family", "technology", "subcategory", "queries")
CHECK_FIELDS = (*COMMON_FIELDS, *VERSION_1_FIELDS, *VERSION_2_FIELDS, *EXTENSION_FIELDS)
ADVISOR_FIELDS = ("version", "name", "summary", "description", "category", "tiers", "checks")


@dataclass(frozen=True, slots=True)
class Advisor:
    """What PMM 2.36 to 3.5 grouped checks by."""

    name: str
    summary: str
    description: str
    category: str


@dataclass(frozen=True, slots=True)
class Normalised:
    """One check as far as it could be read, and what is wrong with it."""

    name: str
    place: Place
    check: Check | None
    faults: tuple[Fault, ...]
    script: ScalarNode | None = None
    """The script as it stands in the file, so that a line of it can be found there."""
    fields: Mapping[str, Place] | None = None
    """Where each field's value begins."""
    queries: tuple[Place, ...] = ()
    """Where each query begins."""


def read_advisor(node: Node) -> tuple[Advisor | None, tuple[Fault, ...]]:
    """Read one entry of ``advisors:``. One that lacks a text is read all the same; PMM would refuse it."""
    if not isinstance(node, MapNode):
        return None, (Fault(node.place, "advisor", "an advisor must be a mapping"),)
    faults: list[Fault] = []
    fields = fields_of(node, ADVISOR_FIELDS, "advisor", faults)
    texts = {name: text_field(fields, name, faults) for name in ("name", "summary", "description", "category")}
    for field, text in texts.items():
        if text is None or not text.text.strip():
            faults.append(Fault(node.place, "advisor", f"the advisor has no {field}", severity="warning"))
    found = {field: text.text.strip() if text else "" for field, text in texts.items()}
    return (Advisor(**found) if found["name"] else None), tuple(faults)


def normalise(node: Node, advisors: Mapping[str, Advisor], source: str) -> Normalised:
    """Read one entry of ``checks:``."""
    faults: list[Fault] = []
    if not isinstance(node, MapNode):
        fault = Fault(node.place, "check", "a check must be a mapping", "write `- version: 2` and its fields below")
        return Normalised("", node.place, None, (fault,))
    fields = fields_of(node, CHECK_FIELDS, "check", faults)
    texts = {name: text_field(fields, name, faults) for name in (*COMMON_FIELDS, *VERSION_1_FIELDS) if name != "tiers"}
    absent = {name: None if name in fields else node.place for name in texts}
    name_node = texts["name"]
    name = rules.name_rule(name_node, absent["name"], faults)
    version = rules.version_rule(texts["version"], _version_by_fields(fields), node.place, faults)
    interval = rules.interval_rule(texts["interval"], faults)
    script = rules.script_rule(texts["script"], absent["script"], faults)
    summary = rules.text_rule("summary", texts["summary"], absent["summary"], faults)
    description = rules.text_rule("description", texts["description"], absent["description"], faults)
    _forbidden_fields(version, fields, faults)
    queries, engine = _queries(version, fields, texts, node.place, faults)
    advisor = _stripped(texts["advisor"])
    parameters = parameters_of(fields, faults)
    requirements = requirements_of(fields, faults)
    references = references_of(fields, faults)
    category = advisors[advisor].category if advisor in advisors else _stripped(texts["category"])
    remediation = text_field(fields, "remediation", faults)
    since = text_field(fields, "since", faults)
    subcategory = text_field(fields, "subcategory", faults)
    check = None
    if engine is not None and not any(fault.severity == "error" for fault in faults):
        check = Check(
            name=name,
            engine=engine,
            format=version,
            summary=summary,
            description=description,
            category=category,
            subcategory=_stripped(subcategory),
            advisor=advisor,
            interval=interval,
            queries=queries,
            script=script,
            source=source,
            remediation=_stripped(remediation),
            references=references,
            since=_stripped(since),
            parameters=parameters,
            requires=requirements,
        )
    return Normalised(
        name=name,
        place=name_node.place if name_node else node.place,
        check=check,
        faults=tuple(faults),
        script=texts["script"],
        fields={field: value.place for field, value in fields.items()},
        queries=_places(fields.get("queries")),
    )


def _version_by_fields(fields: Mapping[str, Node]) -> Literal[1, 2]:
    return 1 if "type" in fields and "queries" not in fields else 2


def _forbidden_fields(version: Literal[1, 2], fields: Mapping[str, Node], faults: list[Fault]) -> None:
    """Refuse the fields that belong to the other version, as PMM does."""
    for field in VERSION_2_FIELDS if version == 1 else VERSION_1_FIELDS:
        if field in fields:
            other = 3 - version
            hint = f"remove it, or write `version: {other}`"
            message = f"{field!r} belongs to version {other}, this check is of version {version}"
            faults.append(Fault(fields[field].place, "forbidden-field", message, hint))


def _queries(
    version: Literal[1, 2],
    fields: dict[str, Node],
    texts: Mapping[str, ScalarNode | None],
    check: Place,
    faults: list[Fault],
) -> tuple[tuple[Query, ...], Engine | None]:
    if version == 1:
        query, engine = version_1_query(texts["type"], texts["query"], check, faults)
        return ((query,) if query else ()), engine
    family = text_field(fields, "family", faults)
    technology = text_field(fields, "technology", faults)
    engine = rules.family_rule(family, technology, check, faults)
    return version_2_queries(list_field(fields, "queries", faults), engine, check, faults), engine


def _stripped(text: ScalarNode | None) -> str:
    return text.text.strip() if text else ""


def _places(node: Node | None) -> tuple[Place, ...]:
    return tuple(item.place for item in node.items) if isinstance(node, ListNode) else ()
