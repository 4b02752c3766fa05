"""The rules for a check's queries: which types there are, which engine each belongs to, whether it has a text, and
which parameters it takes. Own query types are allowed in version 2 only. Whether a server would accept the text is
left to the server.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from shared.check_files.durations import DURATION_HINT, parse_go_duration
from shared.check_files.fields import fields_of, map_field, text_field
from shared.check_files.problems import Fault, Place, nearest_or_allowed, one_of
from shared.check_files.yaml_nodes import ListNode, MapNode, ScalarNode
from shared.checks import ENGINES, Engine, Query, QueryType

GO_BOOLEANS = ("true", "false", "True", "False", "TRUE", "FALSE", "t", "f", "T", "F", "1", "0")
"""What Go's ``strconv.ParseBool`` takes."""

GO_TRUTHS = ("true", "True", "TRUE", "t", "T", "1")

QUERY_FIELDS = ("type", "query", "parameters")


@dataclass(frozen=True, slots=True)
class ParameterRule:
    """What a parameter of a query may be."""

    is_valid: Callable[[str], bool]
    hint: str
    is_required: bool = False


@dataclass(frozen=True, slots=True)
class QueryRule:
    """What a type of query needs."""

    engines: tuple[Engine, ...]
    text: Literal["required", "empty"]
    parameters: Mapping[str, ParameterRule] | None = field(default_factory=dict)
    """None when any parameter is let through unseen."""
    is_in_version_1: bool = False


def _duration(is_required: bool) -> ParameterRule:
    return ParameterRule(lambda text: parse_go_duration(text) is not None, DURATION_HINT, is_required)


_MYSQL: tuple[Engine, ...] = ("mysql",)
_POSTGRESQL: tuple[Engine, ...] = ("postgresql",)
_MONGODB: tuple[Engine, ...] = ("mongodb",)
_BOOLEAN = ParameterRule(GO_BOOLEANS.__contains__, one_of(GO_BOOLEANS))
_PMM_COMMAND = QueryRule(_MONGODB, "empty", is_in_version_1=True)
_OWN_COMMAND = QueryRule(_MONGODB, "empty")

QUERY_RULES: Mapping[QueryType, QueryRule] = {
    QueryType.MYSQL_SHOW: QueryRule(_MYSQL, "required", is_in_version_1=True),
    QueryType.MYSQL_SELECT: QueryRule(_MYSQL, "required", is_in_version_1=True),
    QueryType.POSTGRESQL_SHOW: QueryRule(_POSTGRESQL, "empty", is_in_version_1=True),
    QueryType.POSTGRESQL_SELECT: QueryRule(_POSTGRESQL, "required", {"all_dbs": _BOOLEAN}, is_in_version_1=True),
    QueryType.MONGODB_GETPARAMETER: _PMM_COMMAND,
    QueryType.MONGODB_BUILDINFO: _PMM_COMMAND,
    QueryType.MONGODB_GETCMDLINEOPTS: _PMM_COMMAND,
    QueryType.MONGODB_REPLSETGETSTATUS: _PMM_COMMAND,
    QueryType.MONGODB_GETDIAGNOSTICDATA: _PMM_COMMAND,
    QueryType.METRICS_INSTANT: QueryRule(ENGINES, "required", {"lookback": _duration(is_required=False)}),
    QueryType.METRICS_RANGE: QueryRule(
        ENGINES,
        "required",
        {
            "range": _duration(is_required=True),
            "step": _duration(is_required=True),
            "lookback": _duration(is_required=False),
        },
    ),
    QueryType.CLICKHOUSE_SELECT: QueryRule(ENGINES, "required", None),
    QueryType.MONGODB_USERSINFO: _OWN_COMMAND,
    QueryType.MONGODB_ROLESINFO: _OWN_COMMAND,
    QueryType.MONGODB_CONNECTIONSTATUS: _OWN_COMMAND,
    QueryType.MONGODB_SERVERSTATUS: _OWN_COMMAND,
    QueryType.MONGODB_HOSTINFO: _OWN_COMMAND,
    QueryType.MONGODB_LISTDATABASES: _OWN_COMMAND,
    QueryType.MONGODB_PROFILE: _OWN_COMMAND,
    QueryType.MONGODB_GETLOG: _OWN_COMMAND,
    QueryType.CONNECTION: QueryRule(ENGINES, "empty"),
}
"""One rule for each type; a type without a rule can't be read from a file."""


def version_1_query(
    type_: ScalarNode | None, text: ScalarNode | None, check: Place, faults: list[Fault]
) -> tuple[Query | None, Engine | None]:
    """Return the one query of a check of version 1, and the engine that its type belongs to."""
    if type_ is None or not type_.text:
        hint = one_of(type_.value for type_, rule in QUERY_RULES.items() if rule.is_in_version_1)
        faults.append(Fault(check, "query-type", "a check of version 1 needs a type", hint))
        return None, None
    known = _query_type(type_, faults)
    if known is None:
        return None, None
    rule = QUERY_RULES[known]
    if not rule.is_in_version_1:
        hint = "use version 2 with `queries:`"
        faults.append(Fault(type_.place, "query-type", f"{known.value} is not a type of version 1", hint))
        return None, None
    return Query(type=known, text=_text(known, rule, text, type_.place, faults)), rule.engines[0]


def version_2_queries(
    queries: ListNode | None, engine: Engine | None, check: Place, faults: list[Fault]
) -> tuple[Query, ...]:
    """Return the queries of a check of version 2, in the order of the file."""
    if queries is None or not queries.items:
        place = queries.place if queries else check
        hint = "add `queries:` with a list of `- type: …`"
        faults.append(Fault(place, "queries", "a check of version 2 needs at least one query", hint))
        return ()
    read: list[Query] = []
    for item in queries.items:
        if isinstance(item, MapNode):
            query = _version_2_query(item, engine, faults)
            if query is not None:
                read.append(query)
        else:
            hint = "write `- type: …` and below it `query: …`"
            faults.append(Fault(item.place, "queries", "a query must be a mapping", hint))
    return tuple(read)


def _version_2_query(node: MapNode, engine: Engine | None, faults: list[Fault]) -> Query | None:
    fields = fields_of(node, QUERY_FIELDS, "query", faults)
    type_ = text_field(fields, "type", faults)
    if type_ is None or not type_.text:
        faults.append(Fault(node.place, "query-type", "the query has no type", one_of(_types_for(engine))))
        return None
    known = _query_type(type_, faults, engine)
    if known is None:
        return None
    rule = QUERY_RULES[known]
    if engine is not None and engine not in rule.engines:
        message = f"{known.value} does not belong to {engine.upper()}"
        faults.append(Fault(type_.place, "query-type", message, one_of(_types_for(engine))))
    text = _text(known, rule, text_field(fields, "query", faults), type_.place, faults)
    parameters = _parameters(known, rule, map_field(fields, "parameters", faults), type_.place, faults)
    return Query(type=known, text=text, parameters=parameters)


def _query_type(type_: ScalarNode, faults: list[Fault], engine: Engine | None = None) -> QueryType | None:
    try:
        return QueryType(type_.text)
    except ValueError:
        hint = nearest_or_allowed(type_.text, _types_for(engine))
        faults.append(Fault(type_.place, "query-type", f"unknown type of query {type_.text!r}", hint))
        return None


def _types_for(engine: Engine | None) -> list[str]:
    return [known.value for known, rule in QUERY_RULES.items() if engine is None or engine in rule.engines]


def _text(known: QueryType, rule: QueryRule, text: ScalarNode | None, place: Place, faults: list[Fault]) -> str:
    written = text.text if text else ""
    if rule.text == "required" and not written.strip():
        faults.append(Fault(place, "query-text", f"{known.value} needs a query"))
    elif rule.text == "empty" and written:
        where = text.place if text else place
        faults.append(Fault(where, "query-text", f"{known.value} takes no query", "leave `query` out"))
    return written


def _parameters(
    known: QueryType, rule: QueryRule, node: MapNode | None, place: Place, faults: list[Fault]
) -> tuple[tuple[str, str], ...]:
    written = {key.text: (key, value) for key, value in node.fields} if node else {}
    for name, parameter in (rule.parameters or {}).items():
        if parameter.is_required and name not in written:
            message = f"{known.value} needs the parameter {name!r}"
            faults.append(Fault(place, "query-parameter", message, parameter.hint))
    read: list[tuple[str, str]] = []
    for name, (key, value) in sorted(written.items()):
        if not isinstance(value, ScalarNode):
            faults.append(Fault(value.place, "query-parameter", f"the parameter {name!r} must be a single value"))
        elif rule.parameters is not None and name not in rule.parameters:
            hint = one_of(rule.parameters) if rule.parameters else f"{known.value} takes no parameters"
            faults.append(Fault(key.place, "query-parameter", f"unknown parameter {name!r}", hint))
        elif rule.parameters is not None and not rule.parameters[name].is_valid(value.text):
            message = f"the parameter {name!r} can't be {value.text!r}"
            faults.append(Fault(value.place, "query-parameter", message, rule.parameters[name].hint))
        else:
            read.append((name, value.text))
    return tuple(read)
