"""A value of the inventory file together with where it stands, so that whatever is wrong with it can be said with line,
column and path. A spot complains and goes on: reading never stops at the first mistake. Which fields there are and what
they mean is left to ``targets.py`` and ``settings.py``.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from shared.check_files.problems import Place, did_you_mean, nearest_or_allowed
from shared.check_files.yaml_nodes import ListNode, MapNode, Node, ScalarNode
from watchword.inventory.problems import Problem

Model = TypeVar("Model", bound=BaseModel)
MOST_NAMES_SHOWN = 12
Plain = bool | int | float | str | tuple[str, ...]


@dataclass(slots=True)
class Complaints:
    """Everything that was found wrong with one file so far."""

    file: Path
    problems: list[Problem] = field(default_factory=list)

    @property
    def has_errors(self) -> bool:
        """Say whether anything found keeps the file from being applied."""
        return any(problem.severity == "error" for problem in self.problems)


@dataclass(frozen=True, slots=True)
class Spot:
    """One value as written, and where."""

    node: Node
    path: str
    complaints: Complaints
    key: Place | None = None
    """Where the name of the field stands that holds this value."""

    @property
    def place(self) -> Place:
        """Return where the value stands; the field's name when nothing is written behind it."""
        if self.is_null and self.key is not None:
            return self.key
        return self.node.place

    @property
    def is_null(self) -> bool:
        """Say whether nothing is written here."""
        return isinstance(self.node, ScalarNode) and self.node.is_null

    @property
    def is_text(self) -> bool:
        """Say whether a single value is written here."""
        return isinstance(self.node, ScalarNode) and not self.node.is_null

    @property
    def is_map(self) -> bool:
        """Say whether fields are written here."""
        return isinstance(self.node, MapNode)

    def complain(
        self, message: str, hint: str = "", *, severity: Literal["error", "warning"] = "error", at: Place | None = None
    ) -> None:
        """Note what is wrong with this value."""
        place = at or self.place
        self.complaints.problems.append(
            Problem(self.complaints.file, place.line, place.column, self.path, message, hint, severity)
        )

    def fields(self, known: Iterable[str], later: Iterable[str] = ()) -> dict[str, "Spot"]:
        """Return the fields of a mapping by name; complain about unknown ones, those written twice, and those that are
        not supported yet. A field with nothing behind it counts as absent.
        """
        names, not_yet = list(known), set(later)
        found: dict[str, Spot] = {}
        for name, spot in self._all_fields():
            if name in not_yet:
                spot.complain("not supported yet", "remove it", at=spot.key)
            elif name not in names:
                spot.complain("unknown field", nearest_or_allowed(name, names), at=spot.key)
            elif name in found:
                spot.complain(f"written twice; the first one is on line {found[name].place.line}", at=spot.key)
            else:
                found[name] = spot
        return {name: spot for name, spot in found.items() if not spot.is_null}

    def entries(self) -> dict[str, "Spot"]:
        """Return the fields of a mapping whose names the file chooses; complain about those written twice."""
        found: dict[str, Spot] = {}
        for name, spot in self._all_fields():
            if name in found:
                spot.complain(f"written twice; the first one is on line {found[name].place.line}", at=spot.key)
            else:
                found[name] = spot
        return found

    def _all_fields(self) -> list[tuple[str, "Spot"]]:
        if not isinstance(self.node, MapNode):
            if not self.is_null:
                self.complain(f"must be fields (name: value), not {self.shape}")
            return []
        prefix = f"{self.path}." if self.path else ""
        return [
            (key.text, Spot(value, f"{prefix}{key.text}", self.complaints, key.place))
            for key, value in self.node.fields
        ]

    def items(self) -> list["Spot"]:
        """Return the items of a list; complain when it is none."""
        if isinstance(self.node, ListNode):
            return [Spot(item, f"{self.path}[{index}]", self.complaints) for index, item in enumerate(self.node.items)]
        if not self.is_null:
            self.complain(f"must be a list, not {self.shape}", "begin each item with '- '")
        return []

    def text(self) -> str | None:
        """Return a single value as it is written; complain when it is a list or fields, or nothing."""
        if isinstance(self.node, ScalarNode) and not self.node.is_null and self.node.text.strip():
            return self.node.text
        self.complain(f"must be text, not {self.shape}")
        return None

    def choice(self, allowed: Sequence[str]) -> str | None:
        """Return a value that must be one of these; complain otherwise."""
        written = self.text()
        if written is None or written in allowed:
            return written
        self.complain(f"can't be {written!r}", nearest_or_allowed(written, allowed))
        return None

    def plain(self) -> Plain | None:
        """Return a value of a type that the file chooses: text, a number, true or false, or a list of texts."""
        if isinstance(self.node, ListNode):
            texts = [item.text() for item in self.items()]
            return None if any(text is None for text in texts) else tuple(text for text in texts if text is not None)
        if isinstance(self.node, ScalarNode) and self.node.value is not None:
            return self.node.value
        self.complain(f"must be a single value or a list of texts, not {self.shape}")
        return None

    @property
    def shape(self) -> str:
        """Return what kind of thing is written here, for an error; never its content, which may be a secret."""
        if isinstance(self.node, ListNode):
            return "a list"
        if isinstance(self.node, MapNode):
            return "fields"
        return "nothing" if self.node.is_null or not self.node.text.strip() else "a single value"

    def model(self, model: type[Model], values: Mapping[str, object], spots: Mapping[str, "Spot"]) -> Model | None:
        """Make a model of values that were read here; complain about each that it refuses, at its own spot. What is
        absent may be so because it was complained about already: nothing more is said of it.
        """
        before = self.errors_below()
        try:
            made = model.model_validate(values)
        except ValidationError as refused:
            for error in refused.errors(include_url=False):
                if not (error["type"] == "missing" and before):
                    self._spot_of(error["loc"], spots).complain(*_explain(error))
            return None
        return None if before else made

    def errors_below(self) -> int:
        """Count the errors that this value and everything in it have already."""
        inner = (f"{self.path}.", f"{self.path}[")
        return sum(
            problem.severity == "error" and (problem.path == self.path or problem.path.startswith(inner))
            for problem in self.complaints.problems
        )

    def _spot_of(self, location: tuple[int | str, ...], spots: Mapping[str, "Spot"]) -> "Spot":
        if not location or str(location[0]) not in spots:
            return self
        spot = spots[str(location[0])]
        for step in location[1:]:
            inner = spot.inside(step)
            if inner is None:
                break
            spot = inner
        return spot

    def inside(self, step: int | str) -> "Spot | None":
        """Return the value of one field, or one item, or None when there is none."""
        if isinstance(self.node, MapNode):
            return next((spot for name, spot in self._all_fields() if name == str(step)), None)
        if isinstance(self.node, ListNode) and isinstance(step, int) and step < len(self.node.items):
            return self.items()[step]
        return None


def nearest_name(word: str, names: Iterable[str], where: str) -> str:
    """Return a hint with the name that was probably meant, or all of them when they are few, or where they stand."""
    known = sorted(names)
    if len(known) <= MOST_NAMES_SHOWN:
        return nearest_or_allowed(word, known) if known else where
    return did_you_mean(word, known) or where


def _explain(error: ErrorDetails) -> tuple[str, str]:
    """Say what a model refuses. The value itself is left out when the model's own text does not name it."""
    context = error.get("ctx") or {}
    match error["type"]:
        case "literal_error":
            allowed = re.findall(r"'([^']*)'", str(context.get("expected", "")))
            return f"can't be {error['input']!r}", nearest_or_allowed(str(error["input"]), allowed)
        case "missing":
            return f"{error['loc'][-1]!r} is missing", ""
        case "int_parsing" | "int_type" | "int_from_float":
            return f"must be a whole number, not {error['input']!r}", ""
        case "value_error":
            return error["msg"].removeprefix("Value error, "), ""
        case _:
            return error["msg"][:1].lower() + error["msg"][1:], ""
