"""The page about the inventory names everything that the file may say, and its example can be applied."""

import re
import textwrap
from pathlib import Path

import pytest

from shared.schedules import NAMED_SCHEDULES
from shared.settings import ProcessSettings
from shared.targets import ALLOWED_OPTIONS, RESERVED_LABELS
from watchword.check_files.library import built_in_checks
from watchword.inventory.dsn import MODES
from watchword.inventory.reading import SECTIONS, read_inventory
from watchword.inventory.secrets import TLS_FIELDS
from watchword.inventory.targets import FIELDS
from watchword.inventory.targets import __file__ as module

PAGE = (Path(module).parents[2] / "docs" / "configuration.md").read_text()
OPTIONS = {option for options in ALLOWED_OPTIONS.values() for option in options}


@pytest.mark.parametrize(
    "word",
    sorted({*FIELDS, *TLS_FIELDS, *MODES, *OPTIONS, *RESERVED_LABELS, *NAMED_SCHEDULES, "basic_auth", "bearer_token"}),
)
def test_the_page_names_it(word: str) -> None:
    assert f"`{word}`" in PAGE or re.search(rf"`[^`]*\b{re.escape(word)}\b[^`]*`", PAGE)


@pytest.mark.parametrize("section", SECTIONS)
def test_the_page_has_a_heading_for_each_section(section: str) -> None:
    assert any(section in heading for heading in re.findall(r"^### (.*)$", PAGE, re.MULTILINE))


@pytest.mark.parametrize("name", sorted(ProcessSettings.model_fields))
def test_the_page_names_each_variable(name: str) -> None:
    assert f"`WATCHWORD_{name.upper()}`" in PAGE


def test_the_example_can_be_applied(tmp_path: Path) -> None:
    example = next(block for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if block.startswith("targets:"))
    (tmp_path / "my-checks").mkdir()
    (tmp_path / "watchword.yaml").write_text(example)
    inventory = read_inventory(tmp_path / "watchword.yaml", built_in_checks())
    assert set(inventory.targets) == {"orders-db"}
    assert not inventory.passwords
    assert ("interval", "postgresql_end_of_life", "orders-db") in inventory.settings


def test_the_examples_of_the_page_about_exceptions_can_be_applied(tmp_path: Path) -> None:
    page = (Path(module).parents[2] / "docs" / "exceptions.md").read_text()
    file = tmp_path / "watchword.yaml"
    blocks = [textwrap.dedent(block) for block in re.findall(r"(?:^(?:    .*)?\n)+", page, re.MULTILINE)]
    examples = [block for block in blocks if re.match(r"\s*(settings|targets):", block)]
    assert len(examples) == 3
    for example in examples:
        file.write_text(example)
        inventory = read_inventory(file, built_in_checks())
        assert inventory.settings or inventory.targets
        assert {warning.message for warning in inventory.warnings} <= {"this file has no target 'orders-db'"}
