"""How the demo talks: numbered steps, commands and HTTP requests as they were sent, and answers as they came."""

import json
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import httpx
from rich.console import Console
from rich.syntax import Syntax

console = Console(highlight=False, soft_wrap=True)
Seen = TypeVar("Seen")
LONGEST_ANSWER_LINES = 40


class StepFailed(Exception):
    """A step did not show what it promises."""


def step(number: int, title: str) -> None:
    """Begin a step."""
    console.print(f"\n[bold]{number}. {title}[/bold]")


def say(text: str) -> None:
    """Say something about what happens."""
    console.print(f"   {text}")


def statement(server: str, text: str) -> None:
    """Show a statement that is sent to a database."""
    console.print(f"   [dim]{server}>[/dim] {text}", markup=True)


def command(words: Sequence[str]) -> None:
    """Show a command that is run."""
    console.print(f"   [dim]$[/dim] {shlex.join(words)}")


def output(text: str) -> None:
    """Show what a command printed."""
    for line in text.rstrip().splitlines():
        console.print(f"   {line}", markup=False)


def answer(value: object) -> None:
    """Show an answer as JSON."""
    lines = json.dumps(value, indent=2, ensure_ascii=False).splitlines()
    cut = lines[:LONGEST_ANSWER_LINES] + (["…"] if len(lines) > LONGEST_ANSWER_LINES else [])
    console.print(Syntax("\n".join(f"   {line}" for line in cut), "json", background_color="default", word_wrap=True))


def get(url: str, parameters: Mapping[str, str | list[str]] | None = None) -> Any:  # JSON of whatever shape
    """Send a GET and show it; the answer is for the caller to show."""
    response = httpx.get(url, params=dict(parameters or {}), timeout=5)
    console.print(f"   [dim]GET[/dim] {response.url} [dim]→ {response.status_code}[/dim]")
    response.raise_for_status()
    return response.json()


def wait_for(what: str, look: Callable[[], Seen | None], timeout_seconds: float) -> tuple[Seen, float]:
    """Look again and again until something is seen, and return it with the seconds it took. Raises ``StepFailed``."""
    began = time.monotonic()
    while True:
        seen = look()
        took = time.monotonic() - began
        if seen is not None:
            return seen, took
        if took > timeout_seconds:
            message = f"waited {timeout_seconds:g} s for {what}"
            raise StepFailed(message)
        time.sleep(0.02)
