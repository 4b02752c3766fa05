"""From the text of a YAML file to nodes that know their line and column. Scalars keep their text, so that each field
decides what it takes, as Go's yaml.v3 does for PMM: ``yes`` and ``2026-01-01`` are text, ``!!int`` is not asked for.
What a hostile file can make it do is bounded: depth, number of nodes (what an alias stands for counts each time), size
of merged mappings, broken documents. One of these does not hide those after it. Files and meaning are left to
``reading.py`` and ``generations.py``.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import yaml

from shared.check_files.problems import Place

MAX_DEPTH = 50
MAX_NODES = 200_000
MAX_MERGED_FIELDS = 1_000
MAX_BROKEN_DOCUMENTS = 20
"""After each, what is left of the file is begun anew."""

_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml where PyYAML has it: ten times as fast, and yaml.v3 is a port of it."""

_DOCUMENT_START = re.compile(r"^---(?=\s|$)", re.MULTILINE)
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9_]*)|0x[0-9a-fA-F_]+|0o[0-7_]+|0b[01_]+")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_OLD_OCTAL = re.compile(r"[-+]?0[0-7]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


@dataclass(frozen=True, slots=True)
class ScalarNode:
    """A single value and its text as written, without quotes and indentation."""

    place: Place
    text: str
    is_plain: bool = True
    """Written without quotes, block indicator or tag, so it may be something else than text."""
    content: Place | None = None
    """Where the text of a literal block (``|``) begins; only there do lines of the text equal lines of the file."""

    @property
    def is_null(self) -> bool:
        """Whether nothing was written, or ``null``."""
        return self.is_plain and self.text in _NULLS

    @property
    def value(self) -> bool | int | float | str | None:
        """Return what an untyped field holds, by the rules of yaml.v3 (YAML 1.2 with ``0x``, ``0o``, ``0b``, ``_``)."""
        if not self.is_plain:
            return self.text
        if self.text in _NULLS:
            return None
        if self.text in _BOOLEANS:
            return _BOOLEANS[self.text]
        digits = self.text.replace("_", "")
        if _INTEGER.fullmatch(self.text) and len(digits) <= 20:
            return int(digits, 0)
        if _OLD_OCTAL.fullmatch(self.text):
            return int(self.text, 8)
        if _NOT_FINITE.fullmatch(self.text):
            return float(self.text.replace(".", ""))
        return float(self.text) if _FLOAT.fullmatch(self.text) else self.text

    def place_of(self, line: int, column: int) -> Place:
        """Return where a line and column of the text (from 1) stand in the file, as nearly as can be told."""
        if self.content is None:
            return self.place
        return Place(self.content.line + line - 1, self.content.column + column - 1)


@dataclass(frozen=True, slots=True)
class ListNode:
    """A sequence."""

    place: Place
    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class MapNode:
    """A mapping. Keys keep their order; keys that are written twice are kept twice, for a rule to complain about."""

    place: Place
    fields: tuple[tuple[ScalarNode, "Node"], ...]


Node: TypeAlias = ScalarNode | ListNode | MapNode


@dataclass(frozen=True, slots=True)
class BrokenDocument:
    """A document that is not YAML, or more than a check file needs."""

    place: Place
    message: str
    hint: str = ""


class _Mark(Protocol):
    """What PyYAML's and libyaml's marks have in common."""

    line: int
    column: int


class _Refused(Exception):
    """The document can't become nodes; it is returned as a ``BrokenDocument``, never raised out of this module."""

    def __init__(self, place: Place, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.broken = BrokenDocument(place, message, hint)


def documents(text: str, most_nodes: int = MAX_NODES) -> Iterator[Node | BrokenDocument]:
    """Yield each document of a file; after a broken one go on at the next line that begins with ``---``. A file with
    very many broken ones is not read to its end, and the last one says so.

    An inventory of a large fleet has more values than a check file may have; it says so with ``most_nodes``.
    """
    begin, line_offset, broken = 0, 0, 0
    while True:
        part = text[begin:]
        composer = _Composer(part, line_offset, most_nodes)
        try:
            yield from composer.documents()
        except _Refused as refusal:
            yield refusal.broken
            next_start = _start_of_next_document(part, refusal.broken.place.line - line_offset)
        else:
            return
        if next_start is None:
            return
        line_offset += len(_LINE_BREAK.findall(part[:next_start]))
        begin += next_start
        broken += 1
        if broken == MAX_BROKEN_DOCUMENTS:
            message = f"{MAX_BROKEN_DOCUMENTS} documents before this one are not YAML, so the rest was not read"
            yield BrokenDocument(Place(line_offset + 1, 1), message, "correct those first")
            return


def _start_of_next_document(part: str, broken_line: int) -> int | None:
    """Return the index of the first ``---`` at or after the broken line; never the one that the part begins with."""
    for match in _DOCUMENT_START.finditer(part):
        line = len(_LINE_BREAK.findall(part[: match.start()])) + 1
        if match.start() > 0 and line >= broken_line:
            return match.start()
    return None


class _Composer:
    """Turns libyaml's events into nodes; bounded, and without recursion into what an alias points to."""

    def __init__(self, text: str, line_offset: int, most_nodes: int) -> None:
        self._text = text
        self._most_nodes = most_nodes
        self._lines: Sequence[str] = _LINE_BREAK.split(text)
        self._line_offset = line_offset
        self._anchors: dict[str, tuple[Node, int]] = {}
        """What aliases stand for, and how many nodes that is."""
        self._nodes = 0
        self._events: Iterator[yaml.Event] = iter(())

    def documents(self) -> Iterator[Node]:
        self._events = self._read_events()
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors.clear()
                yield self._node(next(self._events), depth=1)

    def _read_events(self) -> Iterator[yaml.Event]:
        try:
            yield from yaml.parse(self._text, Loader=_LOADER)
        except yaml.MarkedYAMLError as error:
            place = self._place(error.problem_mark or error.context_mark)
            message = ", ".join(part for part in (error.context, error.problem) if part)
            raise _Refused(place, f"not YAML: {message}") from error
        except yaml.reader.ReaderError as error:
            raise self._unreadable_character(error) from error

    def _unreadable_character(self, error: yaml.reader.ReaderError) -> _Refused:
        """Find the character; the error itself has only a byte or character offset, depending on the reader."""
        match = yaml.reader.Reader.NON_PRINTABLE.search(self._text)
        position = match.start() if match else 0
        before = _LINE_BREAK.split(self._text[:position])
        place = Place(len(before) + self._line_offset, len(before[-1]) + 1)
        character = ord(self._text[position]) if match else error.character
        return _Refused(place, f"not YAML: character U+{character:04X} is not allowed", "remove it, or escape it")

    def _node(self, event: yaml.Event, depth: int) -> Node:
        place = self._place(event.start_mark)
        before = self._nodes
        self._count(1, place)
        if depth > MAX_DEPTH:
            raise _Refused(place, f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, place)
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event, place)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._list(place, depth)
        else:
            node = self._map(place, depth)
        anchor: str | None = getattr(event, "anchor", None)
        if anchor is not None:
            self._anchors[anchor] = node, self._nodes - before
        return node

    def _count(self, nodes: int, place: Place) -> None:
        self._nodes += nodes
        if self._nodes > self._most_nodes:
            message = f"more than {self._most_nodes:,} values in one file, with what its aliases stand for"
            raise _Refused(place, message, "split the file")

    def _alias(self, event: yaml.AliasEvent, place: Place) -> Node:
        if event.anchor not in self._anchors:
            raise _Refused(place, f"alias *{event.anchor} stands before its anchor, inside it, or has none")
        node, nodes = self._anchors[event.anchor]
        self._count(nodes - 1, place)  # the alias itself was counted
        return node

    def _scalar(self, event: yaml.ScalarEvent, place: Place) -> ScalarNode:
        return ScalarNode(
            place=place,
            text=event.value,
            is_plain=event.implicit[0] and not event.style,
            content=self._literal_content(event, place) if event.style == "|" else None,
        )

    def _literal_content(self, event: yaml.ScalarEvent, place: Place) -> Place | None:
        header = place.line - 1 - self._line_offset
        for offset, line in enumerate(event.value.split("\n")):
            if line.strip() and header + 1 + offset < len(self._lines):
                written = self._lines[header + 1 + offset]
                indent = len(written) - len(written.lstrip(" ")) - (len(line) - len(line.lstrip(" ")))
                return Place(place.line + 1, max(indent, 0) + 1)
        return None

    def _list(self, place: Place, depth: int) -> ListNode:
        items: list[Node] = []
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            items.append(self._node(event, depth + 1))
        return ListNode(place, tuple(items))

    def _map(self, place: Place, depth: int) -> MapNode:
        fields: list[tuple[ScalarNode, Node]] = []
        merged: list[Node] = []
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key = self._node(event, depth + 1)
            value = self._node(next(self._events), depth + 1)
            if not isinstance(key, ScalarNode):
                raise _Refused(key.place, "a field's name must be plain text")
            if key.is_plain and key.text == "<<":
                merged.append(value)
            else:
                fields.append((key, value))
        return MapNode(place, (*fields, *_merge({key.text for key, _ in fields}, merged)))

    def _place(self, mark: _Mark | None) -> Place:
        return Place(mark.line + 1 + self._line_offset, mark.column + 1) if mark else Place(1 + self._line_offset, 1)


def _merge(present: set[str], merged: Sequence[Node]) -> Iterator[tuple[ScalarNode, Node]]:
    """Yield the fields that ``<<`` brings in: those written in the mapping itself win, then the first that has one."""
    taken = set(present)
    for value in merged:
        for node in value.items if isinstance(value, ListNode) else (value,):
            if not isinstance(node, MapNode):
                raise _Refused(node.place, "'<<' merges mappings only")
            for key, field in node.fields:
                if key.text not in taken:
                    taken.add(key.text)
                    yield key, field
            if len(taken) > MAX_MERGED_FIELDS:
                raise _Refused(node.place, f"more than {MAX_MERGED_FIELDS:,} merged fields")
