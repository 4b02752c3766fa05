"""The referee can only judge what it has no part in."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
WHAT_HARMS = ("links", "http_faults")
"""Modules of the tests of faults that stand between two programs and know neither."""
PRODUCT = {"services", "shared", "watchword"}
MODULES = sorted([*(TESTS / "soak").glob("*.py"), *(TESTS / "faults" / f"{name}.py" for name in WHAT_HARMS)])


def imported_by(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_the_referee_imports_nothing_of_the_product_and_nothing_of_other_tests(path):
    for name in imported_by(path):
        first, *rest = name.split(".")
        assert first not in PRODUCT, f"{path.name} imports {name}"
        is_known = rest[:1] == ["soak"] or rest in [["faults", harming] for harming in WHAT_HARMS]
        assert first != "tests" or is_known, f"{path.name} imports {name}"
        # What starts servers is no part of what is judged.
        assert first != "examples" or rest[:1] == ["servers"], f"{path.name} imports {name}"


def test_there_are_modules_to_look_at():
    assert len(MODULES) > 10
