"""A file of tests becomes tests, or every mistake in it with its line and column."""

from pathlib import Path

import pytest

from services.checker.engines.protocol import Server
from shared.checks import Check, Parameter, Query, QueryType, Requirements
from watchword.check_files.expectations import Expected, ExpectedFinding, Wanted
from watchword.check_files.fixtures import Case, check_file_of, fixtures_of, read_fixture


def check(name: str = "mine", *types: str, engine: str = "postgresql", **fields: object) -> Check:
    queries = [Query(type=QueryType(one)) for one in types or ("POSTGRESQL_SHOW",)]
    required = {"name": name, "engine": engine, "summary": "s", "description": "d", "script": "x", "queries": queries}
    return Check.model_validate({**required, **fields})


ALL_DATABASES = Query(type=QueryType.POSTGRESQL_SELECT, text="1", parameters=(("all_dbs", "true"),))


def read(folder: Path, text: str, *checks: Check) -> list[Case]:
    path = folder / "mine.test.yml"
    path.write_text(text)
    cases, problems = read_fixture(path, checks or (check(),))
    assert [str(problem) for problem in problems] == []
    return cases


def mistakes(folder: Path, text: str, *checks: Check) -> list[str]:
    path = folder / "mine.test.yml"
    path.write_text(text)
    cases, problems = read_fixture(path, checks or (check(),))
    assert cases == []
    return [str(problem).removeprefix(f"{path}:") for problem in problems]


def test_a_test_says_what_is_answered_and_what_is_expected(tmp_path: Path) -> None:
    (case,) = read(
        tmp_path,
        """
tests:
  - name: one
    rows:
      - {name: a, number: 12, text: "12", is_on: true, nothing: null, part: 1.5, date: 2026-01-01, list: [1, {a: b}]}
    parameters: {most: 3}
    findings:
      - summary: A is on
        description: {contains: on}
        severity: error
        labels: {name: a, number: 12}
    printed: a line
""",
        check(parameters={"most": Parameter(default=1)}),
    )
    assert (case.name, case.line, case.parameters, case.server) == ("one", 3, {"most": 3}, None)
    row = {"name": "a", "number": 12, "text": "12", "is_on": True, "nothing": None, "part": 1.5, "date": "2026-01-01"}
    assert case.answers == ([{**row, "list": [1, {"a": "b"}]}],)
    texts = {"summary": Wanted("A is on"), "description": Wanted("on", is_part=True), "severity": Wanted("error")}
    assert case.expected == Expected(
        "failed", (ExpectedFinding(texts, {"name": "a", "number": "12"}),), None, ("a line",)
    )


def test_several_queries_have_one_answer_each(tmp_path: Path) -> None:
    two = check("mine", "POSTGRESQL_SHOW", queries=[Query(type=QueryType.POSTGRESQL_SHOW), ALL_DATABASES])
    (case,) = read(tmp_path, "tests: [{name: one, answers: [[], {a: [{x: 1}], b: []}], status: passed}]", two)
    assert case.answers == ([], {"a": [{"x": 1}], "b": []})
    assert case.expected == Expected("passed")


def test_an_answer_of_mongodb_needs_no_list(tmp_path: Path) -> None:
    mongodb = check("mine", "MONGODB_BUILDINFO", engine="mongodb")
    (case,) = read(tmp_path, "tests: [{name: one, rows: {version: 8.0.1, nested: {a: 1}}, findings: []}]", mongodb)
    assert case.answers == ([{"version": "8.0.1", "nested": {"a": 1}}],)


def test_a_test_names_its_check_where_the_file_has_several(tmp_path: Path) -> None:
    cases = read(
        tmp_path,
        "tests: [{name: one, check: b, rows: [], status: passed}, {name: two, check: a, rows: [], status: error}]",
        check("a"),
        check("b"),
    )
    assert [(case.check.name, case.expected.status) for case in cases] == [("b", "passed"), ("a", "error")]


def test_a_server_that_a_check_does_not_apply_to_needs_no_answers(tmp_path: Path) -> None:
    (case,) = read(
        tmp_path,
        "tests: [{name: one, server: {version: '9.6', flavour: postgresql}, status: skipped, reason: {contains: x}}]",
        check(requires=Requirements(versions=">=10")),
    )
    assert case.server == Server("postgresql", "postgresql", "9.6", is_encrypted=False)
    assert case.answers == ([],)


BOTH = (check("a"), check("b"))


@pytest.mark.parametrize(
    ("text", "checks", "told"),
    [
        ("", (), "1:1: the file holds no tests; begin it with `tests:`"),
        ("- 1\n", (), "1:1: not a file of tests; begin it with `tests:`"),
        ("tests: [\n", (), "2:1: not YAML"),
        ("test: []\n", (), "1:1: test: unknown field; did you mean 'tests'?"),
        ("tests:\n- rows: []\n  status: passed\n", (), "2:3: tests[0]: 'name' is missing"),
        ("tests:\n- name: x\n  rows: []\n", (), "2:3: tests[0]: it does not say what is expected"),
        ("tests:\n- name: x\n  status: passed\n", (), "2:3: tests[0]: it does not say what the queries answer"),
        (
            "tests:\n- {name: x, row: [], status: passed}\n",
            (),
            "2:13: tests[0].row: unknown field; did you mean 'rows'?",
        ),
        ("tests:\n- {name: x, rows: [], status: pased}\n", (), "2:31: tests[0].status: can't be 'pased'; did you mean"),
        (
            "tests:\n- {name: x, rows: [], status: passed}\n",
            BOTH,
            "2:3: tests[0]: 'check' is missing; the file holds several",
        ),
        (
            "tests:\n- {name: x, check: c, rows: [], status: passed}\n",
            BOTH,
            "2:20: tests[0].check: there is no check 'c'",
        ),
        ("tests:\n- {name: x, rows: [1], status: passed}\n", (), "2:20: tests[0].rows[0]: a row must be fields"),
        ("tests:\n- {name: x, rows: {a: 1}, status: passed}\n", (), "2:19: tests[0].rows: must be a list of rows"),
        ("tests:\n- {name: x, rows: [], answers: [[]], status: passed}\n", (), "give either rows or answers"),
        ("tests:\n- {name: x, answers: [[], []], status: passed}\n", (), "2 answers for the 1 queries of mine"),
        (
            "tests:\n- {name: x, rows: [], status: passed}\n",
            (check("mine", "POSTGRESQL_SHOW", "POSTGRESQL_SHOW"),),
            "mine has 2 queries; write `answers:`",
        ),
        (
            "tests:\n- {name: x, rows: [], status: passed}\n",
            (check("mine", queries=[ALL_DATABASES]),),
            "must be databases with their rows, not a list",
        ),
        ("tests:\n- {name: x, rows: [], status: failed}\n", (), "a check that failed has findings"),
        ("tests:\n- {name: x, rows: [], status: passed, findings: [{}]}\n", (), "a check with findings has failed"),
        ("tests:\n- {name: x, rows: [], findings: [a]}\n", (), "a finding must be fields"),
        ("tests:\n- {name: x, rows: [], findings: [{severity: bad}]}\n", (), "findings[0].severity: can't be 'bad'"),
        ("tests:\n- {name: x, rows: [], findings: [{sumary: a}]}\n", (), "unknown field; did you mean 'summary'?"),
        ("tests:\n- {name: x, rows: [], findings: [{summary: {has: a}}]}\n", (), "must be text, or `contains: text`"),
        ("tests:\n- {name: x, rows: [], status: passed, parameters: {a: 1}}\n", (), "check mine has no parameter 'a'"),
    ],
)
def test_mistakes_are_told_where_they_are(tmp_path: Path, text: str, checks: tuple[Check, ...], told: str) -> None:
    found = mistakes(tmp_path, text, *checks)
    assert any(told in line for line in found), found


def test_a_file_without_a_check_that_loads_is_told(tmp_path: Path) -> None:
    path = tmp_path / "mine.test.yml"
    path.write_text("tests: [{name: x, rows: [], status: passed}]\n")
    cases, problems = read_fixture(path, [])
    assert (cases, [problem.message for problem in problems]) == ([], ["there is no check to test"])


def test_tests_and_checks_find_each_other_by_their_names(tmp_path: Path) -> None:
    for name in ("a.yml", "a.test.yml", "b.yaml", "b.test.yaml", "c.test.yml"):
        (tmp_path / name).touch()
    assert fixtures_of(tmp_path / "a.yml") == [tmp_path / "a.test.yml"]
    assert fixtures_of(tmp_path / "b.yaml") == [tmp_path / "b.test.yaml"]
    assert check_file_of(tmp_path / "b.test.yaml") == tmp_path / "b.yaml"
    assert check_file_of(tmp_path / "c.test.yml") is None
