"""``watchword checks lint``, ``test`` and ``new``, with real processes for the scripts; nothing else is needed."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from shared.checks import ENGINES
from tests.integration.command_line import CommandLine

GOOD = """\
checks:
  - version: 2
    name: mine
    summary: A summary
    description: A description
    technology: POSTGRESQL
    queries:
      - type: POSTGRESQL_SHOW
    remediation: |
      ALTER SYSTEM RESET {{setting}};
    script: |
      def check_context(docs, context):
          print(len(docs[0]), "settings")
          for row in docs[0]:
              if row["setting"] == "off":
                  return [{"summary": row["name"], "severity": "error", "labels": {"setting": row["name"]}}]
          return []
"""
TESTS = """\
tests:
  - name: off is found
    rows: [{name: ssl, setting: "off"}]
    findings: [{summary: ssl, remediation: ALTER SYSTEM RESET "ssl";}]
    printed: 1 settings
  - name: on is not
    rows: [{name: ssl, setting: "on"}]
    status: passed
"""


@pytest.fixture
def watchword() -> CommandLine:
    return CommandLine("nats://127.0.0.1:1")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yml"
    path.write_text(GOOD)
    (tmp_path / "mine.test.yml").write_text(TESTS)
    return path


@pytest.mark.parametrize("engine", ENGINES)
def test_a_new_check_has_no_problems_and_passes_its_tests_through_every_branch(
    watchword: CommandLine, tmp_path: Path, engine: str
) -> None:
    folder = tmp_path / "made"
    done = watchword("checks", "new", f"{engine}_mine", "--engine", engine, "--folder", str(folder))
    assert done.code == 0
    assert done.out.split() == [str(folder / f"{engine}_mine.yml"), str(folder / f"{engine}_mine.test.yml")]
    assert watchword("checks", "lint", str(folder), "--strict").code == 0
    done = watchword("checks", "test", str(folder), "-o", "json")
    assert done.code == 0
    (suite,) = done.json["checks"]
    assert len(suite["tests"]) == 3
    assert all(branch["times"] for branch in suite["branches"])
    assert len(suite["branches"]) >= 5


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("9lives", "-e", "mysql"), "can't be the name of a check"),
        (("mine", "-e", "oracle"), "allowed: postgresql, mysql, mongodb"),
        (("mysql_tls_disabled", "-e", "mysql"), "a check that comes with Watchword"),
        (("mine", "-e", "mysql", "-f", "."), "mine.yml is there already; nothing was written"),
    ],
)
def test_what_can_not_be_begun_is_wrong_usage(
    watchword: CommandLine, file: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], told: str
) -> None:
    monkeypatch.chdir(file.parent)
    done = watchword("checks", "new", *words)
    assert (done.code, done.out) == (2, "")
    assert told in done.err
    assert file.read_text() == GOOD


def test_lint_tells_each_problem_with_its_place_and_a_hint(watchword: CommandLine, file: Path) -> None:
    assert watchword("checks", "lint", str(file)).code == 0
    file.write_text(GOOD.replace("POSTGRESQL_SHOW", "POSTGRES_SHOW").replace("summary: A summary", "sumary: A"))
    done = watchword("checks", "lint", str(file.parent))
    assert done.code == 1
    assert (
        done.out.splitlines()[0]
        == f"{file}:2:5: error: mine: the check has no summary (add `summary:` with a sentence for people)"
    )
    assert (
        f"{file}:4:5: warning: mine: unknown field 'sumary' in this check; it is ignored (did you mean 'summary'?)"
        in done.out
    )
    assert "did you mean 'POSTGRESQL_SHOW'?" in done.out
    problems = watchword("checks", "lint", str(file), "-o", "json").json["problems"]
    assert {(problem["line"], problem["column"], problem["rule"]) for problem in problems} >= {
        (4, 5, "unknown-field"),
        (8, 15, "query-type"),
    }


def test_lint_ends_with_0_for_warnings_unless_it_is_strict_and_with_2_for_a_path_that_is_not_there(
    watchword: CommandLine, file: Path
) -> None:
    file.write_text(GOOD.replace("    summary:", "    tag: x\n    summary:"))
    assert watchword("checks", "lint", str(file)).code == 0
    assert watchword("checks", "lint", str(file), "--strict").code == 1
    done = watchword("checks", "lint", str(file.parent / "none.yml"))
    assert done.code == 2
    assert "there is no file or folder" in done.err


def test_lint_knows_the_names_of_the_built_in_checks(watchword: CommandLine, file: Path) -> None:
    file.write_text(GOOD.replace("name: mine", "name: mysql_tls_disabled"))
    done = watchword("checks", "lint", str(file))
    assert done.code == 1
    assert "two checks are named 'mysql_tls_disabled': this one and built-in" in done.out


def test_tests_pass_and_the_branches_that_never_ran_are_told(watchword: CommandLine, file: Path) -> None:
    done = watchword("checks", "test", str(file))
    assert done.code == 0
    assert done.out.splitlines() == [
        f"mine  ({file})",
        "  ok      off is found",
        "  ok      on is not",
        "  4 of 5 branches of the script ran",
        f"    {file}:14:22: the loop is never without items",
        "2 passed, 0 failed",
    ]


def test_a_mismatch_is_shown_field_by_field_and_ends_with_1(watchword: CommandLine, file: Path) -> None:
    fixture = file.with_name("mine.test.yml")
    fixture.write_text(TESTS.replace("summary: ssl,", "summary: ssl, severity: warning,"))
    report = file.with_name("report.xml")
    done = watchword("checks", "test", str(fixture), "--junit", str(report))
    assert done.code == 1
    assert f"  FAILED  off is found  ({fixture}:2)" in done.out
    assert "          another finding: error 'ssl' (setting=ssl)" in done.out
    assert "            severity: expected 'warning', got 'error'" in done.out
    assert done.out.endswith("1 passed, 1 failed\n")
    suite = ET.parse(report).getroot()[0]
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == ("mine", "2", "1")
    assert [case.get("name") for case in suite if len(case)] == ["off is found"]


def test_an_error_of_the_script_is_no_pass(watchword: CommandLine, file: Path) -> None:
    file.write_text(GOOD.replace('row["setting"]', 'row["seting"]'))
    done = watchword("checks", "test", str(file), "-o", "json")
    assert done.code == 1
    (suite,) = done.json["checks"]
    assert [test["is_passed"] for test in suite["tests"]] == [False, False]
    assert "status: expected passed, got error: line 4" in suite["tests"][1]["differences"][0]


def test_mistakes_in_the_files_end_with_2_and_keep_nothing_else_from_running(
    watchword: CommandLine, file: Path
) -> None:
    file.with_name("other.test.yml").write_text(TESTS)
    done = watchword("checks", "test", str(file.parent))
    assert done.code == 2
    assert "other.test.yml:1:1: there is no check file beside it" in done.err
    assert "2 passed, 0 failed" in done.out


def test_checks_without_tests_are_told_and_no_tests_at_all_are_wrong_usage(watchword: CommandLine, file: Path) -> None:
    file.with_name("more.yml").write_text(GOOD.replace("name: mine", "name: more"))
    done = watchword("checks", "test", str(file.parent))
    assert done.code == 0
    assert "more.yml) has no tests" in done.err
    done = watchword("checks", "test", str(file.with_name("more.yml")))
    assert done.code == 2
    assert "there are no tests for" in done.err
