"""The command line in the tests: in this process where only words and exit codes matter, as a process of its own where
streams, signals and terminals do.
"""

import contextlib
import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from watchword.cli import main

PROGRAM = str(Path(sys.executable).parent / "watchword")


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class CommandLine:
    """Somebody at the keyboard of an installation."""

    nats_url: str
    more: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("WATCHWORD_")}
        return {**ours, "WATCHWORD_NATS_URL": self.nats_url, "USER": "ada", "LOGNAME": "ada", **self.more}

    def __call__(self, *words: str) -> Done:
        """Run a command in this process."""
        out, err = io.StringIO(), io.StringIO()
        with _as_it_was(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            os.environ.clear()
            os.environ.update(self.environment)
            try:
                main(words)
            except SystemExit as ended:
                code = ended.code
        assert isinstance(code, int)
        return Done(code, out.getvalue(), err.getvalue())

    def start(self, *words: str, **streams: Any) -> "subprocess.Popen[str]":
        """Start a command as a process of its own."""
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
        return subprocess.Popen([PROGRAM, *words], env=self.environment, text=True, **{**pipes, **streams})

    def run(self, *words: str, **streams: Any) -> Done:
        """Run a command as a process of its own, to its end."""
        with self.start(*words, **streams) as process:
            out, err = process.communicate(timeout=60)
        return Done(process.returncode, out or "", err or "")


@contextlib.contextmanager
def _as_it_was() -> Iterator[None]:
    """Put back what a command changes in its process."""
    environment, configuration, level = dict(os.environ), structlog.get_config(), logging.getLogger().level
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(environment)
        structlog.configure(**configuration)
        logging.getLogger().setLevel(level)
