"""``docs/write-a-check.md``, executed from its first line to its last: the files it shows are written, the commands it
shows are run, and each must say what the page says it does (… stands for anything).
"""

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from examples.servers.database import DatabaseServer
from examples.servers.postgresql import postgresql
from tests.e2e.installation import Up, installation, until
from tests.integration.command_line import PROGRAM

PAGE = Path(__file__).parents[2] / "docs" / "write-a-check.md"
BLOCK = re.compile(r"^```(?P<language>\w+)(?: (?P<file>\S+))?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
ADDRESS = "postgresql://postgres@127.0.0.1:5432/postgres"
"""What stands on the page for the address of the reader's own server."""


@dataclass(frozen=True)
class Step:
    """One block of the page."""

    language: str
    file: str
    text: str
    line: int

    def __str__(self) -> str:
        return f"{PAGE.name}:{self.line}"


def steps() -> Iterator[Step]:
    page = PAGE.read_text()
    for block in BLOCK.finditer(page):
        line = page[: block.start()].count("\n") + 1
        yield Step(block["language"], block["file"] or "", block["text"], line)


@dataclass
class Reader:
    """Somebody who types what the page says."""

    folder: Path
    server: DatabaseServer
    up: Up
    environment: dict[str, str]

    def do(self, step: Step) -> None:
        """Do what a block says."""
        if step.file:
            file = self.folder / step.file
            file.parent.mkdir(exist_ok=True)
            file.write_text(step.text.replace(ADDRESS, self.server.dsn))
        elif step.language == "sql":
            with psycopg.connect(self.server.dsn, autocommit=True) as connection:
                connection.execute(step.text.encode())
        elif step.text.startswith("export "):
            name, _, value = step.text.removeprefix("export ").strip().partition("=")
            self.environment[name] = value.replace(ADDRESS, self.server.dsn)
        else:
            command, _, expected = step.text.removeprefix("$ ").partition("\n")
            assert step.text.startswith("$ watchword "), step
            if command == "watchword up --config watchword.yaml":
                place = self.up.start("--config", str(self.folder / "watchword.yaml"))
                self.environment["WATCHWORD_NATS_URL"] = place["nats_url"]
                until(self.up.is_ready, "readiness", 60)
            else:
                self.run(step, command, expected)

    def run(self, step: Step, command: str, expected: str) -> None:
        """Run a command until it says what is expected; only what Alertmanager shows may take a moment."""

        def said() -> str:
            done = subprocess.run(
                [PROGRAM, *command.split()[1:]],
                cwd=self.folder,
                env=self.environment,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            return done.stdout + done.stderr

        if command.startswith("watchword alerts"):
            until(lambda: is_like(expected, said()), f"{step}: {expected}")
        else:
            output = said()
            assert is_like(expected, output), f"{step}: {command} said:\n{output}"


def is_like(expected: str, output: str) -> bool:
    """Say whether every line that is expected is there, in this order."""
    lines = iter(output.splitlines())
    return all(any(re.fullmatch(pattern(wanted), line) for line in lines) for wanted in expected.splitlines())


def pattern(line: str) -> str:
    """Return a pattern for a line in which … stands for anything, and spaces for any number of them."""
    return re.sub(r"\\ +", r" +", ".*".join(map(re.escape, line.split("…"))))


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("WATCHWORD_")}
    with postgresql() as server, installation(tmp_path) as up:
        yield Reader(tmp_path, server, up, {**ours, "WATCHWORD_NATS_URL": "nats://127.0.0.1:1"})


def test_everything_on_the_page_works_as_it_stands(reader: Reader) -> None:
    done = 0
    for step in steps():
        reader.do(step)
        done += 1
    assert done >= 15


@pytest.mark.parametrize(
    ("expected", "output", "is_there"),
    [
        ("a … c\n", "x\na b c\n", True),
        ("a\nb\n", "b\na\n", False),
        ("a  b\n", "a      b\n", True),
        ("(1.0 s)\n", "(1x0 s)\n", False),
        ("", "anything\n", True),
    ],
)
def test_what_the_page_shows_is_compared_line_by_line(expected: str, output: str, is_there: bool) -> None:
    assert is_like(expected, output) is is_there
