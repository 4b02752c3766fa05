"""Each rule of the format: what breaks it, at which line and column it is told, and what is said to be allowed."""

from pathlib import Path

import pytest

from shared.check_files.queries import QUERY_RULES
from shared.check_files.reading import read_checks
from shared.checks import QueryType

VERSION_1 = """\
checks:
  - version: 1
    name: a_check
    summary: A summary
    description: A description
    type: POSTGRESQL_SHOW
    script: |
      def check_context(rows, context):
          return []
"""
VERSION_2 = """\
checks:
  - version: 2
    name: a_check
    summary: A summary
    description: A description
    technology: POSTGRESQL
    interval: standard
    queries:
      - type: POSTGRESQL_SELECT
        query: 1 AS one
        parameters:
          all_dbs: false
    script: |
      def check_context(docs, context):
          return []
"""


def changed(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


@pytest.mark.parametrize(
    ("old", "new", "line", "column", "rule", "message", "hint"),
    [
        ("name: a_check", "name: 2fast", 3, 11, "name", "'2fast'", "letters, digits"),
        ("name: a_check", "name: a-check", 3, 11, "name", "'a-check'", "letters, digits"),
        ("name: a_check", "name: " + "a" * 121, 3, 11, "name", "longer than 120", ""),
        ("    name: a_check\n", "", 2, 5, "name", "no name", "name:"),
        ("name: a_check", "name: [a]", 3, 11, "wrong-type", "must be text", ""),
        ("name: a_check", "name: null", 2, 5, "name", "no name", ""),
        ("version: 2", "version: 3", 2, 14, "version", "unexpected version '3'", "allowed: 1, 2"),
        ("version: 2", "version: two", 2, 14, "version", "unexpected version 'two'", "allowed: 1, 2"),
        ("version: 2", "version: '2'", 2, 14, "version", "unexpected version", "allowed: 1, 2"),
        ("summary: A summary", "summary: ' '", 4, 14, "summary", "no summary", "summary:"),
        ("    description: A description\n", "", 2, 5, "description", "no description", ""),
        ("technology: POSTGRESQL", "technology: ORACLE", 6, 17, "family", "'ORACLE'", "POSTGRESQL, MYSQL, MONGODB"),
        ("technology: POSTGRESQL", "family: POSTGRES", 6, 13, "family", "'POSTGRES'", "did you mean 'POSTGRESQL'?"),
        ("    technology: POSTGRESQL\n", "", 2, 5, "family", "neither family nor technology", "technology:"),
        (
            *("technology: POSTGRESQL", "technology: POSTGRESQL\n    family: MYSQL"),
            *(6, 17, "family", "different engines", ""),
        ),
        ("interval: standard", "interval: 24h", 7, 15, "interval", "'24h'", "standard, frequent, rare"),
        ("interval: standard", "interval: Standard", 7, 15, "interval", "'Standard'", "did you mean 'standard'?"),
        ("interval: standard", "type: POSTGRESQL_SHOW", 7, 11, "forbidden-field", "'type' belongs", "version: 1"),
        ("interval: standard", "query: x", 7, 12, "forbidden-field", "'query' belongs", "version: 1"),
        ("interval: standard", "summary: again", 7, 5, "duplicate-field", "line 4", "keep one"),
        ("- type: POSTGRESQL_SELECT", "- kind: x", 9, 9, "query-type", "no type", "POSTGRESQL_SELECT"),
        ("type: POSTGRESQL_SELECT", "type: POSTGRES_SELECT", 9, 15, "query-type", "'POSTGRES_SELECT'", "did you mean"),
        ("type: POSTGRESQL_SELECT", "type: MYSQL_SELECT", 9, 15, "query-type", "does not belong", "POSTGRESQL_SHOW"),
        ("query: 1 AS one", "query: ' '", 9, 15, "query-text", "needs a query", ""),
        ("type: POSTGRESQL_SELECT", "type: POSTGRESQL_SHOW", 10, 16, "query-text", "takes no query", "leave"),
        ("all_dbs: false", "all_dbs: maybe", 12, 20, "query-parameter", "can't be 'maybe'", "true, false"),
        ("all_dbs: false", "all_dbs: [true]", 12, 20, "query-parameter", "single value", ""),
        ("all_dbs: false", "alldbs: true", 12, 11, "query-parameter", "'alldbs'", "allowed: all_dbs"),
        (
            "type: POSTGRESQL_SELECT",
            "type: METRICS_RANGE",
            9,
            15,
            "query-parameter",
            "needs the parameter 'range'",
            "5m",
        ),
        ("type: POSTGRESQL_SELECT", "type: CONNECTION", 10, 16, "query-text", "takes no query", ""),
        (
            "      - type: POSTGRESQL_SELECT",
            "      - text\n      - type: POSTGRESQL_SELECT",
            9,
            9,
            "queries",
            "mapping",
            "",
        ),
        ("    script: |", "    script: ''\n    since: |", 13, 13, "script", "no script", "check_context"),
        ("          return []", "          \treturn []", 15, 11, "script-tab", "not tabs", "spaces"),
        ("          return []", "          return ['\t']", 15, 20, "script-tab", "not tabs", "\\t in a string"),
        ("    script: |", "    parameters: {1x: 2}\n    script: |", 13, 18, "parameters", "'1x'", "letters"),
        ("    script: |", "    parameters: {x: [{}]}\n    script: |", 13, 21, "parameters", "no default", "a boolean"),
        ("    script: |", "    parameters: {x: .inf}\n    script: |", 13, 21, "parameters", "no default", ""),
        ("    script: |", "    parameters: {x: {describe: y}}\n    script: |", 13, 21, "parameters", "no default", ""),
        ("    script: |", "    parameters: {x: [[a]]}\n    script: |", 13, 21, "parameters", "no default", ""),
        ("    script: |", "    parameters: {x: 1, x: 2}\n    script: |", 13, 24, "duplicate-field", "'x'", ""),
        ("    script: |", "    requires: {versions: 12+}\n    script: |", 13, 26, "requires", "'12+'", ">=X"),
        ("    script: |", "    references: {a: b}\n    script: |", 13, 17, "wrong-type", "list of texts", ""),
    ],
)
def test_a_broken_rule_is_an_error_at_its_place(
    tmp_path: Path, old: str, new: str, line: int, column: int, rule: str, message: str, hint: str
) -> None:
    path = tmp_path / "x.yml"
    path.write_text(changed(VERSION_2, old, new))
    reading = read_checks([path])
    assert reading.checks == []
    problem = reading.errors[0]
    assert (problem.line, problem.column, problem.rule) == (line, column, rule), str(problem)
    assert message in problem.message
    assert hint in problem.hint


@pytest.mark.parametrize(
    ("old", "new", "line", "column", "rule", "message"),
    [
        ("    type: POSTGRESQL_SHOW\n", "", 2, 5, "query-type", "needs a type"),
        ("type: POSTGRESQL_SHOW", "type: METRICS_INSTANT", 6, 11, "query-type", "not a type of version 1"),
        ("type: POSTGRESQL_SHOW", "type: CONNECTION", 6, 11, "query-type", "not a type of version 1"),
        ("type: POSTGRESQL_SHOW", "type: MYSQL_SHOW", 6, 11, "query-text", "needs a query"),
        ("type: POSTGRESQL_SHOW", "type: POSTGRESQL_SHOW\n    query: x", 7, 12, "query-text", "takes no query"),
        ("type: POSTGRESQL_SHOW", "type: POSTGRESQL_SHOW\n    family: MYSQL", 7, 13, "forbidden-field", "'family'"),
        ("type: POSTGRESQL_SHOW", "type: POSTGRESQL_SHOW\n    queries: []", 7, 14, "forbidden-field", "'queries'"),
    ],
)
def test_a_broken_rule_of_version_1_is_an_error_at_its_place(
    tmp_path: Path, old: str, new: str, line: int, column: int, rule: str, message: str
) -> None:
    path = tmp_path / "x.yml"
    path.write_text(changed(VERSION_1, old, new))
    problem = read_checks([path]).errors[0]
    assert (problem.line, problem.column, problem.rule) == (line, column, rule), str(problem)
    assert message in problem.message


@pytest.mark.parametrize(
    ("old", "new", "line", "column", "hint"),
    [
        ("interval: standard", "intervall: rare", 7, 5, "did you mean 'interval'?"),
        ("interval: standard", "Interval: rare", 7, 5, "did you mean 'interval'?"),
        ("interval: standard", "owner: me", 7, 5, "allowed: version, name"),
        ("query: 1 AS one", "query: 1 AS one\n        querry: 2", 11, 9, "did you mean 'query'?"),
        ("    script: |", "    requires: {version: '>=12'}\n    script: |", 13, 16, "did you mean 'versions'?"),
        ("    script: |", "    requires: {flavours: mariaDB}\n    script: |", 13, 26, "did you mean 'mariadb'?"),
    ],
)
def test_an_unknown_field_is_a_warning_and_the_check_loads(
    tmp_path: Path, old: str, new: str, line: int, column: int, hint: str
) -> None:
    path = tmp_path / "x.yml"
    path.write_text(changed(VERSION_2, old, new))
    reading = read_checks([path])
    assert [check.name for check in reading.checks] == ["a_check"]
    (problem,) = reading.problems
    assert (problem.severity, problem.line, problem.column) == ("warning", line, column)
    assert hint in problem.hint


@pytest.mark.parametrize(("text", "version"), [(VERSION_1, 1), (VERSION_2, 2)], ids=["1", "2"])
def test_a_check_without_a_version_is_taken_for_what_it_looks_like(tmp_path: Path, text: str, version: int) -> None:
    path = tmp_path / "x.yml"
    path.write_text(changed(text, f"- version: {version}\n    name", "- name"))
    reading = read_checks([path])
    assert [check.format for check in reading.checks] == [version]
    assert [problem.severity for problem in reading.problems] == ["warning"]


def test_every_fault_of_a_check_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "x.yml"
    text = changed(VERSION_2, "interval: standard", "interval: daily")
    text = changed(text, "name: a_check", "name: a check")
    text = changed(text, "technology: POSTGRESQL", "technology: x")
    path.write_text(changed(text, "query: 1 AS one", "query:"))
    assert [problem.rule for problem in read_checks([path]).errors] == ["name", "family", "interval", "query-text"]


@pytest.mark.parametrize("query_type", QueryType)
def test_every_type_of_query_has_a_rule(query_type: QueryType) -> None:
    assert query_type in QUERY_RULES
