"""A run in which a built-in check is not proven fails, also with workers; a run of some proofs does not."""

from pathlib import Path

import pytest

from tests.integration.library_proofs.ledger import LEDGER, missing
from watchword.check_files.library import built_in_checks

pytest_plugins = ["pytester"]

CHECKS = [check.name for check in built_in_checks()]
NOT_PROVEN = f"*{CHECKS[-1]} was not proven in this run*"
ROOT = Path(__file__).parents[2]
HOOKS = """
from tests.integration.library_proofs.ledger import (
    pytest_collection_finish, pytest_configure, pytest_deselected, pytest_sessionfinish, pytest_terminal_summary,
    pytest_testnodedown,
)
"""
PROOFS = """
from tests.integration.library_proofs.ledger import Ledger

def test_one(request):
    prove({checks}[:1], request)

def test_others(request):
    prove({checks}[1:], request)

def prove(checks, request):
    for check in checks:
        if check not in {unproven}:
            Ledger(request.config).write(check, "", "a server", "seen")
"""


def run_of_proofs(pytester: pytest.Pytester, unproven: list[str], *arguments: str) -> pytest.RunResult:
    pytester.makeini(f"[pytest]\npythonpath = {ROOT}\nasyncio_default_fixture_loop_scope = function")
    pytester.makeconftest(HOOKS)
    folder = pytester.mkdir("tests") / "integration"
    folder.mkdir()
    (folder / "test_library.py").write_text(PROOFS.format(checks=CHECKS, unproven=unproven))
    (folder / "test_other.py").write_text("def test_other(): pass\n")
    # In a process of its own: the modules of the same names are loaded in this one.
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", "--import-mode=importlib", *arguments)


def test_a_check_without_a_line_fails_the_run(pytester: pytest.Pytester) -> None:
    result = run_of_proofs(pytester, CHECKS[-1:], "-n", "2")
    result.assert_outcomes(passed=3)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([NOT_PROVEN])


def test_a_run_that_proves_all_writes_its_ledger_and_passes(pytester: pytest.Pytester) -> None:
    result = run_of_proofs(pytester, [])
    assert result.ret == pytest.ExitCode.OK
    assert Path(pytester.path / LEDGER).read_text().splitlines() == [f"{name}: on a server: seen" for name in CHECKS]


@pytest.mark.parametrize(
    "arguments",
    [
        ["-k", "test_one"],
        ["tests/integration/test_library.py::test_one"],
        ["--deselect", "tests/integration/test_library.py::test_others"],
        ["tests/integration/test_other.py"],
    ],
    ids=["by_name", "by_id", "deselected", "other_tests"],
)
def test_a_run_of_some_asks_for_no_more_than_it_ran(pytester: pytest.Pytester, arguments: list[str]) -> None:
    result = run_of_proofs(pytester, CHECKS[-1:], *arguments)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.no_fnmatch_line("*was not proven in this run*")


def test_a_line_is_for_a_check_whatever_its_case() -> None:
    assert missing(["one", "two", "three"], ["one (case): on x", "two: on x"]) == ["three"]
