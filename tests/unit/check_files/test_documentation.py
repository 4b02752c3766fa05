"""The page about the format names every rule, field and type that the code knows."""

import re
from pathlib import Path

import pytest

import shared.check_files
import watchword.check_files
from shared.check_files.extensions import FLAVOURS
from shared.check_files.generations import ADVISOR_FIELDS, CHECK_FIELDS
from shared.checks import QueryType
from watchword.check_files.lint import lint_paths

READER = Path(shared.check_files.__file__).parent
PACKAGE = Path(watchword.check_files.__file__).parent
PAGE = (PACKAGE.parent.parent / "docs" / "check-format.md").read_text()
RULE = re.compile(r'(?:Fault\([^"]*?|_file_problem\(|_tell_absence\()"(?P<rule>[a-z][a-z-]*)"', re.DOTALL)


def rules() -> set[str]:
    files = [path for folder in (READER, PACKAGE) for path in folder.glob("*.py")]
    return {rule for path in files for rule in RULE.findall(path.read_text())}


@pytest.mark.parametrize("word", sorted({*CHECK_FIELDS, *ADVISOR_FIELDS, *QueryType, *FLAVOURS, *rules()}))
def test_the_page_names_it(word: str) -> None:
    assert f"`{word}`" in PAGE


def test_rules_are_found_in_the_code() -> None:
    assert {"name", "query-type", "script-dialect", "duplicate-name", "yaml"} <= rules()


def test_the_example_of_the_page_is_a_good_check(tmp_path: Path) -> None:
    lines = PAGE.split("\n\n    checks:\n")[1].split("\n\n## ")[0].splitlines()
    path = tmp_path / "example.yml"
    path.write_text("checks:\n" + "\n".join(line[4:] for line in lines))
    assert [str(problem) for problem in lint_paths([path])] == []
