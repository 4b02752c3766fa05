import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import typer

from watchword.cli.application import COMMANDS, application
from watchword.cli.lazy import Later


def commands(known: Sequence[Later], name: str = "watchword") -> Iterator[tuple[str, Later]]:
    """Yield every command that does something, with its full name."""
    for command in sorted(known, key=lambda one: one.name):
        if command.commands:
            yield from commands(command.commands, f"{name} {command.name}")
        else:
            yield f"{name} {command.name}", command


PLACES = dict(commands(COMMANDS))
ALL: dict[str, Any] = {name: command.load() for name, command in PLACES.items()}


def test_every_command_that_was_promised_is_there() -> None:
    words = """
        scan report up init serve apply run alerts mute unmute mutes targets events doctor asyncapi
        checks-list checks-show checks-disable checks-enable checks-schedule
        checks-lint checks-test checks-try checks-new checks-accept checks-exceptions checks-severity
        dead-list dead-show dead-replay dead-drop
    """
    promised = {f"watchword {word.replace('-', ' ')}" for word in words.split()}
    assert promised <= ALL.keys()


@pytest.mark.parametrize("name", sorted(ALL))
def test_every_command_explains_itself_with_an_example_that_can_be_parsed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ALL[name]
    line = next(line.strip() for line in command.help.splitlines() if line.strip().startswith("Example: `"))
    _, found, words = line.removeprefix("Example: `").rstrip("`").partition(name)
    assert found
    arguments = shlex.split(words.partition(">")[0])
    for file in arguments:
        if file.endswith((".yml", ".yaml")):
            Path(file).touch()
    with command.make_context(name, arguments):
        pass
    assert all(option.help for option in command.params if option.param_type_name == "option" and option.name != "help")


REPORTS = {"watchword report", "watchword scan"}


@pytest.mark.parametrize("name", sorted(REPORTS))
def test_reports_are_printed_in_more_forms(name: str) -> None:
    (form,) = [option for option in ALL[name].params if "--format" in option.opts]
    assert "-o" in form.opts  # as everywhere
    assert list(form.type.choices) == ["table", "html", "json", "csv", "sarif", "junit", "markdown"]


@pytest.mark.parametrize("name", sorted(ALL.keys() - {"watchword serve"} - REPORTS))
def test_every_command_prints_for_people_and_for_programs(name: str) -> None:
    (output,) = [option for option in ALL[name].params if "--output" in option.opts]
    assert "-o" in output.opts
    assert list(output.type.choices) == ["table", "json"]


@pytest.mark.parametrize("name", sorted(ALL))
def test_what_help_says_of_a_command_is_the_first_line_of_the_commands_own_help(name: str) -> None:
    assert PLACES[name].summary == " ".join(ALL[name].help.split("\n\n")[0].split())


def test_help_loads_no_command() -> None:
    program = "import sys; from watchword.cli import main; main(['--help'])"
    check = (
        "import atexit, sys; "
        "atexit.register(lambda: print(sorted({'nats', 'pydantic', 'psycopg', 'yaml'} & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", f"{check}; {program}"], capture_output=True, text=True, check=True)
    for command in COMMANDS:
        assert f" {command.name} " in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_command_that_is_misspelt_is_told_the_one_that_was_meant() -> None:
    command = typer.main.get_command(application)
    with (
        pytest.raises(Exception, match="Did you mean 'targets'"),
        command.make_context("watchword", ["tragets"]) as here,
    ):
        command.invoke(here)
