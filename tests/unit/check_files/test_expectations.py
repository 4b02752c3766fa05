"""What is written down of a finding must agree, and no finding may be there that is not written down."""

import pytest

from shared.events import Finding
from shared.severity import Severity
from watchword.check_files.expectations import Actual, Expected, ExpectedFinding, Wanted, differences


def found(summary: str, severity: str = "warning", **labels: str) -> Finding:
    return Finding(summary=summary, severity=Severity(severity), labels=labels, description="Long and changing.")


def wanted(labels: dict[str, str] | None = None, **texts: str) -> ExpectedFinding:
    return ExpectedFinding({name: Wanted(text) for name, text in texts.items()}, labels or {})


def failed(*findings: ExpectedFinding) -> Expected:
    return Expected("failed", findings)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        pytest.param(Expected("passed"), Actual("passed"), id="nothing found, nothing expected"),
        pytest.param(failed(wanted()), Actual("failed", [found("a", role="x")]), id="any finding"),
        pytest.param(
            failed(wanted({"role": "x"})), Actual("failed", [found("a", role="x", database="y")]), id="some labels"
        ),
        pytest.param(
            failed(wanted(summary="b"), wanted(summary="a")),
            Actual("failed", [found("a"), found("b")]),
            id="another order",
        ),
        pytest.param(
            failed(wanted(), wanted(summary="a")),
            Actual("failed", [found("a"), found("b")]),
            id="one that fits both gives way to one that fits a single one",
        ),
        pytest.param(
            failed(ExpectedFinding({"description": Wanted("changing", is_part=True)}, {})),
            Actual("failed", [found("a")]),
            id="a part of a text",
        ),
        pytest.param(failed(wanted(severity="error")), Actual("failed", [found("a", "error")]), id="a severity"),
        pytest.param(
            Expected("error", reason=Wanted("line 3", is_part=True)),
            Actual("error", reason="line 3, in check_context: x"),
            id="an error",
        ),
        pytest.param(
            Expected("passed", printed=("two",)), Actual("passed", printed=["one", "one two"]), id="what is printed"
        ),
    ],
)
def test_what_agrees_has_no_differences(expected: Expected, actual: Actual) -> None:
    assert differences(expected, actual) == []


@pytest.mark.parametrize(
    ("expected", "actual", "told"),
    [
        pytest.param(
            Expected("passed"),
            Actual("error", reason="line 1: division by zero"),
            ["status: expected passed, got error: line 1: division by zero"],
            id="an error instead of a verdict",
        ),
        pytest.param(
            Expected("passed"),
            Actual("failed", [found("Role a", role="a")]),
            ["status: expected passed, got failed", "not expected: warning 'Role a' (role=a)"],
            id="a finding instead of nothing",
        ),
        pytest.param(
            failed(wanted({"role": "a"}, summary="Role a", severity="error")),
            Actual("failed", [found("Role a", role="b")]),
            [
                "another finding: warning 'Role a' (role=b)",
                "  severity: expected 'error', got 'warning'",
                "  label role: expected 'a', got 'b'",
            ],
            id="a finding that is nearly the expected one is shown field by field",
        ),
        pytest.param(
            failed(wanted({"role": "a"}, summary="Role a"), wanted(summary="Role b")),
            Actual("failed", [found("Role b")]),
            ["not found: summary 'Role a' (role=a)"],
            id="one of two is missing",
        ),
        pytest.param(
            failed(wanted(summary="Role a")),
            Actual("failed", [found("Role a"), found("Role b")]),
            ["not expected: warning 'Role b'"],
            id="one too many",
        ),
        pytest.param(
            failed(wanted({"role": "a"})),
            Actual("failed", [found("Role a")]),
            ["not found: (role=a)", "not expected: warning 'Role a'"],
            id="a label that is not there",
        ),
        pytest.param(
            failed(wanted(summary="x"), wanted(summary="x")),
            Actual("failed", [found("x")]),
            ["not found: summary 'x'"],
            id="the same twice, found once",
        ),
        pytest.param(
            Expected("passed", printed=("two",)),
            Actual("passed", printed=["one"]),
            ["printed: expected 'two', got 'one'"],
            id="something else was printed",
        ),
        pytest.param(
            Expected("skipped", reason=Wanted("mariadb", is_part=True)),
            Actual("skipped", reason="applies to mysql"),
            ["reason: expected … 'mariadb' …, got 'applies to mysql'"],
            id="another reason",
        ),
    ],
)
def test_each_difference_is_told(expected: Expected, actual: Actual, told: list[str]) -> None:
    assert differences(expected, actual) == told
