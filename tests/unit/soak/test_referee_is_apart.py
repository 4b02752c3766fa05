"""The referee can only judge what it has no part in."""

import ast
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "soak"
PRODUCT = {"services", "shared", "watchword"}
MODULES = sorted(FOLDER.glob("*.py"))


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
        assert first != "tests" or rest[:1] == ["soak"], f"{path.name} imports {name}"
        # What starts servers is no part of what is judged.
        assert first != "examples" or rest[:1] == ["servers"], f"{path.name} imports {name}"


def test_there_are_modules_to_look_at():
    assert len(MODULES) > 10
