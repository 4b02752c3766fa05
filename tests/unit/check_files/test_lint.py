"""The linter says what loading does not: scripts that can't run, queries that would be refused, odd placeholders."""

from pathlib import Path

import pytest

from watchword.check_files.lint import lint_paths

CHECK = """\
checks:
  - version: 2
    name: a_check
    summary: A summary
    description: A description
    technology: POSTGRESQL
    queries:
      - type: POSTGRESQL_SELECT
        query: 1 AS one
      - type: METRICS_INSTANT
        query: up{service_name="{{.ServiceName}}"}
    remediation: |
      DROP ROLE {{role}}; -- {{ role|literal }} {{role | identifier}}
    script: |
      LIMIT = 1

      def check_context(docs, context):
          return []
"""


def linted(folder: Path, old: str, new: str) -> list[tuple[int, int, str, str, str]]:
    path = folder / "x.yml"
    assert old in CHECK
    path.write_text(CHECK.replace(old, new))
    return [(each.line, each.column, each.severity, each.message, each.hint) for each in lint_paths([path])]


def test_a_good_check_has_no_problems(tmp_path: Path) -> None:
    assert linted(tmp_path, "LIMIT = 1", "LIMIT = 1") == []


@pytest.mark.parametrize(
    ("old", "new", "line", "column", "severity", "message", "hint"),
    [
        ("          return []", "          return [)", 18, 19, "error", "unexpected", ""),
        ("          return []", "          while True:\n              pass", 18, 11, "error", "`while`", "no while"),
        ("LIMIT = 1", "if True:\n          LIMIT = 1", 15, 7, "error", "`if`", "outside a function"),
        ("LIMIT = 1", "import os", 15, 7, "error", "`import`", "no while"),
        ("LIMIT = 1", "LIMIT = f'{1}'", 15, 15, "error", "f-strings", ""),
        ("LIMIT = 1", "LIMIT = 1\n      LIMIT = 2", 16, 7, "error", "reassign global LIMIT", ""),
        (
            "check_context(",
            "check(",
            15,
            7,
            "error",
            "check_context is not defined",
            "def check_context(docs, context):",
        ),
        ("(docs, context)", "(docs)", 17, 7, "error", "two parameters", "write `def check_context(docs, context):`"),
        ("          return []", "          if docs:\n              return []", 17, 7, "warning", "No `return`", ""),
        ("          return []", "          return []\n          return docs", 19, 11, "warning", "Unreachable", ""),
        ("LIMIT = 1", "LIMIT = {'a': 1, 'a': 2}", 15, 16, "error", "Duplicate dictionary key", ""),
        ("query: 1 AS one", "query: 1; DROP TABLE x", 8, 9, "error", "';'", "one statement"),
        ("query: 1 AS one", "query: SELECT 1", 8, 9, "error", "begins with SELECT", "leave SELECT out"),
        ("query: 1 AS one", "query: \"'{{.NodeName}}'\"", 8, 9, "warning", "no templates", ""),
        (".ServiceName}}", ".ServerName}}", 10, 9, "error", ".ServerName", "did you mean 'ServiceName'?"),
        ("{{ role|literal }}", "{{ role|raw }}", 12, 18, "error", "{{ role|raw }}", "{{label|literal}}"),
    ],
)
def test_what_would_fail_later_is_told_now(
    tmp_path: Path, old: str, new: str, line: int, column: int, severity: str, message: str, hint: str
) -> None:
    (found,) = linted(tmp_path, old, new)
    assert found[:3] == (line, column, severity)
    assert message in found[3]
    assert hint in found[4]


def test_what_loading_finds_is_listed_too_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.yml"
    second = CHECK.removeprefix("checks:\n").replace("name: a_check", "name: 1x")
    path.write_text(CHECK.replace("check_context(", "check(") + second)
    assert [problem.rule for problem in lint_paths([path])] == ["script-dialect", "name"]


def test_linting_does_not_execute(tmp_path: Path) -> None:
    assert linted(tmp_path, "LIMIT = 1", "LIMIT = [x for x in range(1000000000)]") == []
