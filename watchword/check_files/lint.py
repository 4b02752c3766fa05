"""What a careful reader would say about checks that load: does the script parse in PMM's dialect, does it define
``check_context`` with two parameters, would a query be refused when it runs, do the placeholders of a remediation mean
something. Each finding has the line and column in the file. Nothing is executed and no server is asked.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import starlark

from services.checker.script_dialect import find_problems
from shared.check_files.problems import Fault, Place, Problem, Severity, did_you_mean, one_of, problem
from shared.check_files.reading import Origin, Reading, read_checks
from shared.checks import Check, Query, QueryType
from shared.remediation import PLACEHOLDER

if TYPE_CHECKING:
    from services.checker.signatures import Signatures

_ENTRY = re.compile(r"^def\s+check_context\s*\((?P<parameters>[^)]*)\)", re.MULTILINE)
_LINT_PLACE = re.compile(r"(?:, also used at| due to) script:[\d:-]+")
_LINTS: dict[str, Severity] = {
    "duplicate-key": "error",
    "missing-return": "warning",
    "unreachable": "warning",
}
"""What the parser's own linter finds and a check's author should know; its matters of taste are left out."""
_LEADING_WORD = {
    QueryType.MYSQL_SHOW: "SHOW",
    QueryType.MYSQL_SELECT: "SELECT",
    QueryType.POSTGRESQL_SELECT: "SELECT",
    QueryType.CLICKHOUSE_SELECT: "SELECT",
}
_TEMPLATE_FIELDS = {
    QueryType.METRICS_INSTANT: ("ServiceName", "NodeName", "ServiceID"),
    QueryType.METRICS_RANGE: ("ServiceName", "NodeName", "ServiceID"),
    QueryType.CLICKHOUSE_SELECT: ("ServiceName", "ServiceID", "NodeName"),
}
_TEMPLATE = re.compile(r"\{\{-?\s*\.(?P<field>\w+)\s*-?\}\}")
_ANY_PLACEHOLDER = re.compile(r"\{\{[^{}]*\}\}")


def lint_paths(paths: Sequence[Path], beside: Sequence[Check] = ()) -> list[Problem]:
    """Read files and folders and return every problem: those of loading and those that only a reader sees."""
    return lint(read_checks(paths, beside))


def lint(reading: Reading, signatures: "Signatures | None" = None) -> list[Problem]:
    """Return the problems of a reading and those that linting adds, in the order of the files."""
    found = list(reading.problems)
    for check in reading.checks:
        origin = reading.origins[check.name]
        faults = [*_faults(check, origin), *_signature(check, origin, signatures)]
        found.extend(problem(origin.file, check.name, fault) for fault in faults)
    return sorted(found, key=lambda each: (str(each.file), each.line, each.column))


def _faults(check: Check, origin: Origin) -> Iterator[Fault]:
    yield from _script(check, origin)
    for index, query in enumerate(check.queries):
        places = origin.normalised.queries
        yield from _query(query, places[index] if index < len(places) else origin.normalised.place)
    yield from _remediation(check, origin)


def _signature(check: Check, origin: Origin, signatures: "Signatures | None") -> Iterator[Fault]:
    reason = signatures.refusal(check) if signatures else None
    if reason is not None:
        yield Fault(origin.normalised.place, "signature", reason.removeprefix("not run: "))


def _script(check: Check, origin: Origin) -> Iterator[Fault]:
    node = origin.normalised.script
    if node is None:
        return
    problems = find_problems(check.script)
    for found in problems:
        place = node.place_of(found.line, found.column)
        yield Fault(place, "script-dialect", found.text, _hint_for(found.text, check), found.severity)
    if any(found.severity == "error" for found in problems):
        return
    for lint in starlark.parse("script", check.script, starlark.Dialect.extended()).lint():
        if lint.short_name in _LINTS:
            begin = lint.resolved_location.span.begin
            place = node.place_of(begin.line + 1, begin.column + 1)
            yield Fault(place, "script-lint", _LINT_PLACE.sub("", lint.problem), severity=_LINTS[lint.short_name])
    entry = _ENTRY.search(check.script)
    names = [name for name in entry["parameters"].split(",") if name.strip()] if entry else []
    if entry and len(names) != 2 and "*" not in entry["parameters"]:
        line = check.script[: entry.start()].count("\n") + 1
        message = f"check_context takes two parameters, the answers and the context, not {len(names)}"
        yield Fault(node.place_of(line, 1), "script-entry", message, f"write `{_entry_line(check)}`")


def _hint_for(text: str, check: Check) -> str:
    if "reserved keyword" in text or "outside `def`" in text:
        return "Starlark has no while, try, import or class, and no if or for outside a function"
    return f"add `{_entry_line(check)}`" if "check_context is not defined" in text else ""


def _entry_line(check: Check) -> str:
    return f"def check_context({'rows' if check.format == 1 else 'docs'}, context):"


def _query(query: Query, place: Place) -> Iterator[Fault]:
    if query.type is QueryType.POSTGRESQL_SELECT and ";" in query.text:
        hint = "one statement for each query, without ';'"
        yield Fault(place, "query-semicolon", "a PostgreSQL query with ';' is refused when it runs", hint)
    word = _LEADING_WORD.get(query.type)
    if word and re.match(rf"\s*{word}\b", query.text, re.IGNORECASE):
        message = f"the query begins with {word}, which {query.type.value} puts in front by itself"
        yield Fault(place, "query-keyword", message, f"leave {word} out")
    for match in _TEMPLATE.finditer(query.text):
        known = _TEMPLATE_FIELDS.get(query.type, ())
        if known and match["field"] not in known:
            hint = did_you_mean(match["field"], known) or one_of(known)
            yield Fault(place, "query-template", f"unknown field .{match['field']} in the query", hint)
        elif not known:
            message = f"{query.type.value} fills in no templates; {match[0]} is sent as it stands"
            yield Fault(place, "query-template", message, severity="warning")


def _remediation(check: Check, origin: Origin) -> Iterator[Fault]:
    place = (origin.normalised.fields or {}).get("remediation", origin.normalised.place)
    for match in _ANY_PLACEHOLDER.finditer(check.remediation):
        if not PLACEHOLDER.fullmatch(match[0]):
            hint = "write {{label}}, {{label|identifier}} or {{label|literal}}"
            yield Fault(place, "remediation", f"{match[0]} is not a placeholder", hint)
