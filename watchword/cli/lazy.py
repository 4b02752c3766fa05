"""Commands that are loaded when they are asked for. A group knows its commands by name, by one line about each and by
the place of their function, so that help and completion are whole and fast, and only the command that somebody typed
pays for what it imports.
"""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import typer
from typer.core import TyperCommand, TyperGroup

MARKUP: Literal["markdown"] = "markdown"

WHEN_LOADED = "watchword.when_loaded"
"""Under this name a context can have what is to be done between loading a command and calling it."""


@dataclass(frozen=True, slots=True)
class Later:
    """A command, or with ``commands`` a group of them, that is not loaded yet."""

    name: str
    summary: str
    """The first line of its help."""
    place: str = ""
    """Where its function is: ``watchword.cli.targets:targets``."""
    panel: str | None = None
    """The part of the help that it stands in."""
    commands: Sequence["Later"] = field(default=())

    def load(self) -> Any:
        """Return the command, ready to be called. Imports what it needs."""
        if self.commands:
            return group_of(self)
        module, _, function = self.place.partition(":")
        return _command(self.name, getattr(importlib.import_module(module), function), self.panel)


def _nothing() -> None:
    """Do nothing."""


def _command(name: str, function: Callable[..., Any], panel: str | None) -> Any:
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=MARKUP)
    alone.command(name, rich_help_panel=panel)(function)
    return typer.main.get_command(alone)


def group_of(group: Later) -> Any:
    """Return a group as a command."""
    empty = typer.Typer(
        name=group.name,
        cls=lazy_group(group.commands),
        help=group.summary,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=MARKUP,
        rich_help_panel=group.panel,
    )
    return typer.main.get_group(empty)


def lazy_group(commands: Sequence[Later]) -> type[TyperGroup]:
    """Return the class of a group that has these commands."""
    known = {command.name: command for command in commands}

    class LazyGroup(TyperGroup):
        """Shows placeholders of its commands, and loads the one that is called."""

        def __init__(self, **named: Any) -> None:
            placeholders = {
                name: TyperCommand(name=name, help=command.summary, rich_help_panel=command.panel)
                for name, command in known.items()
            }
            super().__init__(**{**named, "commands": placeholders})

        def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
            """Find the command that was typed, and load it."""
            name, placeholder, rest = super().resolve_command(ctx, args)
            if name not in known:
                return name, placeholder, rest
            command = known[name].load()
            ctx.meta.get(WHEN_LOADED, _nothing)()
            return name, command, rest

    return LazyGroup
