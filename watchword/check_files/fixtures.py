"""The tests of a check, as its author writes them in ``NAME.test.yml`` beside ``NAME.yml``: what the queries answer,
and what the check should make of it. Every mistake in such a file is collected with its line and column. Running the
tests is left to ``testing.py``, comparing to ``expectations.py``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.checker.engines.protocol import Document, Server, Value
from shared.check_files.queries import GO_TRUTHS
from shared.check_files.reading import SUFFIXES, TEST_SUFFIXES
from shared.check_files.yaml_nodes import BrokenDocument, ListNode, MapNode, Node, ScalarNode, documents
from shared.checks import Check, Query, QueryType
from shared.severity import Severity
from watchword.check_files.expectations import STATUSES, Expected, ExpectedFinding, Status, Wanted
from watchword.inventory.problems import Problem
from watchword.inventory.spots import Complaints, Spot, nearest_name

CASE_FIELDS = (
    *("name", "check", "rows", "answers", "parameters", "server"),
    *("status", "findings", "reason", "printed"),
)
FINDING_FIELDS = ("summary", "description", "severity", "labels", "read_more_url", "remediation")
SERVER_FIELDS = ("version", "flavour")


@dataclass(frozen=True, slots=True)
class Case:
    """One test of one check."""

    name: str
    line: int
    check: Check
    answers: tuple[Document, ...]
    """One for each query of the check, in the order of the file."""
    parameters: Mapping[str, Value]
    """The values that this test sets; the others have their defaults."""
    server: Server | None
    """What answers, when the test says; it decides whether the check applies."""
    expected: Expected


def is_fixture(path: Path) -> bool:
    """Say whether a file holds tests, by its name."""
    return path.name.endswith(TEST_SUFFIXES)


def fixtures_of(check_file: Path) -> list[Path]:
    """Return the files with the tests of a check file that are there."""
    candidates = (check_file.with_name(check_file.stem + suffix) for suffix in TEST_SUFFIXES)
    return [path for path in candidates if path.exists()]


def check_file_of(fixture: Path) -> Path | None:
    """Return the check file that a file with tests belongs to, or None when there is none beside it."""
    stem = next(fixture.name.removesuffix(suffix) for suffix in TEST_SUFFIXES if fixture.name.endswith(suffix))
    return next((path for suffix in SUFFIXES if (path := fixture.with_name(stem + suffix)).exists()), None)


def read_fixture(path: Path, checks: Sequence[Check]) -> tuple[list[Case], list[Problem]]:
    """Read the tests in a file, for the checks of the file that it belongs to."""
    complaints = Complaints(path)
    cases = [case for spot in _entries(path, complaints) if (case := _case(spot, checks)) is not None]
    return cases, complaints.problems


def _entries(path: Path, complaints: Complaints) -> Iterator[Spot]:
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as unreadable:
        reason = unreadable.strerror if isinstance(unreadable, OSError) else "not UTF-8 text"
        complaints.problems.append(Problem(path, 1, 1, "", f"can't be read: {reason}"))
        return
    found = 0
    for document in documents(text):
        if isinstance(document, BrokenDocument):
            place = document.place
            complaints.problems.append(Problem(path, place.line, place.column, "", document.message, document.hint))
            return
        root = Spot(document, "", complaints)
        if not isinstance(document, MapNode):
            root.complain("not a file of tests", "begin it with `tests:`")
            continue
        fields = root.fields(("tests",))
        for spot in fields["tests"].items() if "tests" in fields else ():
            found += 1
            yield spot
    if not found and not complaints.problems:
        complaints.problems.append(Problem(path, 1, 1, "", "the file holds no tests", "begin it with `tests:`"))


def _case(spot: Spot, checks: Sequence[Check]) -> Case | None:
    fields = spot.fields(CASE_FIELDS)
    check = _check(spot, fields, checks)
    name = fields["name"].text() if "name" in fields else None
    if "name" not in fields and spot.is_map:
        spot.complain("'name' is missing", "say what the test shows: `- name: …`")
    if check is None or name is None:
        return None
    answers = _answers(spot, fields, check)
    parameters = _parameters(fields.get("parameters"), check)
    server = _server(fields.get("server"), check)
    expected = _expected(spot, fields)
    if spot.errors_below():
        return None
    return Case(name, spot.place.line, check, answers, parameters, server, expected)


def _check(spot: Spot, fields: Mapping[str, Spot], checks: Sequence[Check]) -> Check | None:
    known = {check.name: check for check in checks}
    if "check" in fields:
        name = fields["check"].text()
        if name is not None and name not in known:
            fields["check"].complain(f"there is no check {name!r}", nearest_name(name, known, "none can be loaded"))
        return known.get(name or "")
    if len(known) == 1:
        return checks[0]
    if spot.is_map and known:
        spot.complain("'check' is missing", "the file holds several: " + ", ".join(known))
    elif known:
        spot.complain(f"must be fields (name: value), not {spot.shape}", "begin a test with '- name: …'")
    else:
        spot.complain("there is no check to test", "the file beside it holds none that can be loaded")
    return None


def _answers(spot: Spot, fields: Mapping[str, Spot], check: Check) -> tuple[Document, ...]:
    if "rows" in fields and "answers" in fields:
        fields["rows"].complain("give either rows or answers")
        return ()
    if "rows" in fields:
        if len(check.queries) > 1:
            hint = "write `answers:` with one item for each query"
            fields["rows"].complain(f"{check.name} has {len(check.queries)} queries", hint)
            return ()
        return (_document(fields["rows"], check.queries[0]),)
    if "answers" in fields:
        items = fields["answers"].items()
        if len(items) != len(check.queries):
            message = f"{len(items)} answers for the {len(check.queries)} queries of {check.name}"
            fields["answers"].complain(message, "write one item for each query; [] for an answer without rows")
            return ()
        return tuple(_document(item, query) for item, query in zip(items, check.queries, strict=True))
    if "server" not in fields:
        spot.complain("it does not say what the queries answer", "write `rows:` or `answers:`; [] for no rows")
    return tuple({} if _asks_all_databases(query) else [] for query in check.queries)


def _asks_all_databases(query: Query) -> bool:
    return query.parameter("all_dbs") in GO_TRUTHS


def _document(spot: Spot, query: Query) -> Document:
    """Read the answer to one query. One document of MongoDB may stand there without its list."""
    if _asks_all_databases(query):
        if spot.is_map:
            return {database: _rows(rows) for database, rows in spot.entries().items()}
        spot.complain(f"must be databases with their rows, not {spot.shape}", "the query asks all databases")
        return {}
    if spot.is_map and query.type.value.startswith("MONGODB_"):
        return [_row(spot)]
    if spot.is_map and query.type is not QueryType.CONNECTION:
        spot.complain("must be a list of rows, not fields", "begin each row with '- '")
        return []
    return [_row(spot)] if spot.is_map else _rows(spot)


def _rows(spot: Spot) -> list[Mapping[str, Value]]:
    return [_row(item) for item in spot.items()]


def _row(spot: Spot) -> dict[str, Value]:
    if not spot.is_map:
        spot.complain(f"a row must be fields (column: value), not {spot.shape}")
    return {name: _value(inner.node) for name, inner in spot.entries().items()} if spot.is_map else {}


def _value(node: Node) -> Value:
    if isinstance(node, ScalarNode):
        return node.value
    if isinstance(node, ListNode):
        return [_value(item) for item in node.items]
    return {key.text: _value(inner) for key, inner in node.fields}


def _parameters(spot: Spot | None, check: Check) -> dict[str, Value]:
    if spot is None:
        return {}
    values: dict[str, Value] = {}
    for name, inner in spot.entries().items():
        if name not in check.parameters:
            hint = nearest_name(name, check.parameters, "it has none")
            inner.complain(f"check {check.name} has no parameter {name!r}", hint, at=inner.key)
        elif (value := inner.plain()) is not None:
            values[name] = value
    return values


def _server(spot: Spot | None, check: Check) -> Server | None:
    if spot is None:
        return None
    fields = spot.fields(SERVER_FIELDS)
    texts = {name: text for name, inner in fields.items() if (text := inner.text()) is not None}
    flavour = texts.get("flavour", check.requires.flavours[0] if check.requires.flavours else check.engine)
    return Server(check.engine, flavour, texts.get("version", ""), is_encrypted=False)


def _expected(spot: Spot, fields: Mapping[str, Spot]) -> Expected:
    if "status" not in fields and "findings" not in fields:
        spot.complain("it does not say what is expected", "write `findings:`, or `status: passed`")
    findings = tuple(_finding(item) for item in fields["findings"].items()) if "findings" in fields else ()
    written = fields["status"].choice(STATUSES) if "status" in fields else None
    status: Status | None = next((known for known in STATUSES if known == written), None)
    if findings and status not in {None, "failed"}:
        fields["status"].complain(f"a check with findings has failed, it is not {status}")
    if status == "failed" and not findings:
        fields["status"].complain("a check that failed has findings", "list them as `findings:`")
    printed = _printed(fields.get("printed"))
    reason = _wanted(fields["reason"]) if "reason" in fields else None
    return Expected(status or ("failed" if findings else "passed"), findings, reason, printed)


def _finding(spot: Spot) -> ExpectedFinding:
    if not spot.is_map:
        spot.complain(f"a finding must be fields (name: value), not {spot.shape}")
        return ExpectedFinding({}, {})
    fields = spot.fields(FINDING_FIELDS)
    if "severity" in fields:
        fields["severity"].choice([one.value for one in Severity])
    labels = fields.pop("labels").entries() if "labels" in fields else {}
    texts = {name: wanted for name, inner in fields.items() if (wanted := _wanted(inner)) is not None}
    return ExpectedFinding(texts, {name: text for name, inner in labels.items() if (text := inner.text()) is not None})


def _wanted(spot: Spot) -> Wanted | None:
    """Read a text that must be equal, or ``{contains: text}``."""
    if not spot.is_map:
        text = spot.text()
        return Wanted(text.strip()) if text is not None else None
    fields = spot.fields(("contains",))
    text = fields["contains"].text() if "contains" in fields else None
    if "contains" not in fields:
        spot.complain("must be text, or `contains: text`")
    return Wanted(text.strip(), is_part=True) if text is not None else None


def _printed(spot: Spot | None) -> tuple[str, ...]:
    if spot is None:
        return ()
    texts = [spot.text()] if spot.is_text else [item.text() for item in spot.items()]
    return tuple(text for text in texts if text is not None)
