import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from watchword.cli.application import application


def commands(command: Any, name: str = "watchword") -> Iterator[tuple[str, Any]]:
    """Yield every command that does something, with its full name."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
        return
    for word, one in sorted(inner.items()):
        yield from commands(one, f"{name} {word}")


ALL = dict(commands(typer.main.get_command(application)))


def test_every_command_that_was_promised_is_there() -> None:
    words = """
        up init serve apply run alerts mute unmute mutes targets events doctor asyncapi
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


@pytest.mark.parametrize("name", sorted(ALL.keys() - {"watchword serve"}))
def test_every_command_prints_for_people_and_for_programs(name: str) -> None:
    (output,) = [option for option in ALL[name].params if "--output" in option.opts]
    assert "-o" in output.opts
    assert list(output.type.choices) == ["table", "json"]
