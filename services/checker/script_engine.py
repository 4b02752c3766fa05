"""How the Starlark engine is driven: the prelude and the functions behind it, one evaluation with its limits, and what
the engine's errors mean, with the lines of the script instead of those that the engine saw.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TypeAlias

import starlark

from services.checker import script_formatting, script_functions
from services.checker.errors import ScriptFailed
from services.checker.script_dialect import dialect
from services.checker.script_rewriting import Source
from services.checker.script_values import undisguised

MOST_PRINTED_LINES = 1_000
MOST_PRINTED_CHARACTERS = 64 * 1024
LONGEST_ERROR = 2_000
DEEPEST_CALL = 200
"""Without recursion a script needs as many calls as it has functions; the rest is for the prelude."""

Stop: TypeAlias = Callable[[], str]
"""Asked again and again while a script runs; the reason that it returns ends the script."""

_GLOBALS = starlark.Globals.extended_by([starlark.LibraryExtension.CallStack])
_GLOBALS_WITH_JSON = starlark.Globals.extended_by([starlark.LibraryExtension.Json])
_FRAME = re.compile(r"^  \* script:(\d+), in ", re.MULTILINE)
_PLACE = re.compile(r"^ *--> script:(\d+):", re.MULTILINE)
_MESSAGE = re.compile(r"^error: (?:ValueError: )?(.*?)(?:\n *--> |\Z)", re.DOTALL | re.MULTILINE)
_GUESS = re.compile(r", did you mean `\w+`\?\Z")
_NOT_DATA = re.compile(r"Operation `serde::serialize` not supported on type `(\w+)`")
_CANCELLED = "Evaluation cancelled"
_MOST_CALLERS = 3
_LEFT_OUT = "more was printed, and is left out"


@dataclass(frozen=True, slots=True)
class Printed:
    """One call of ``print``: where in the script, and the text."""

    line: int
    function: str
    text: str


@dataclass
class Record:
    """What a script does beside returning something. The functions behind the prelude write it."""

    source: Source
    printed: list[Printed] = field(default_factory=list)
    marked: Counter[tuple[int, int]] = field(default_factory=Counter)
    active: set[int] = field(default_factory=set)
    room: int = MOST_PRINTED_CHARACTERS

    def begin(self, printed: Iterable[Printed], marked: Counter[tuple[int, int]]) -> None:
        """Forget the call before; what the module body did counts for every call."""
        self.printed = list(printed)
        self.marked = Counter(marked)
        self.active.clear()
        self.room = MOST_PRINTED_CHARACTERS - sum(len(each.text) for each in self.printed)

    def print(self, text: str, stack: str) -> None:
        """Note a printed text, until there is no more room."""
        if self.room <= 0:
            return
        lines = _FRAME.findall(stack)
        line = self.source.line(int(lines[-1])) if lines else 0
        function = self.source.function(line)
        self.printed.append(Printed(line, function, text[: self.room]))
        # A short line takes room, too, so that there are not too many of them.
        self.room -= max(len(text), MOST_PRINTED_CHARACTERS // MOST_PRINTED_LINES)
        if self.room <= 0:
            self.printed.append(Printed(line, function, _LEFT_OUT))

    def enter(self, number: int, name: str) -> None:
        """Note that a function is being called, and refuse it when it already is."""
        if number in self.active:
            raise ValueError(f"function {name} called recursively")
        self.active.add(number)

    def leave(self, number: int) -> None:
        """Note that a function has returned."""
        self.active.discard(number)

    def mark(self, number: int, way: int) -> None:
        """Count one way at one mark."""
        self.marked[number, way] += 1


def prelude(record: Record) -> starlark.FrozenModule:
    """Return the module of what scripts call without knowing, and of PMM's functions."""
    module = starlark.Module()
    for name, function in _FUNCTIONS.items():
        module.add_callable(name, function)
    module.add_callable("watchword_py_print", record.print)
    module.add_callable("watchword_py_enter", record.enter)
    module.add_callable("watchword_py_leave", record.leave)
    module.add_callable("watchword_py_mark", record.mark)
    evaluate(module, "watchword", _prelude_text(), {}, never)
    return module.freeze()


def never() -> str:
    """Let a script run for as long as it likes."""
    return ""


def evaluate(
    module: starlark.Module,
    name: str,
    text: str,
    modules: Mapping[str, starlark.FrozenModule],
    stop: Stop,
    *,
    with_json: bool = False,
) -> object:
    """Execute a text in a module and return the value of its last expression. ``load`` finds the given modules."""
    options = starlark.EvalOptions(check_cancelled=lambda: bool(stop()), max_callstack_size=DEEPEST_CALL)
    tree = starlark.parse(name, text, dialect(with_load=True))
    loader = starlark.FileLoader(modules.__getitem__)
    known = _GLOBALS_WITH_JSON if with_json else _GLOBALS
    return starlark.eval_with(options, module, tree, known, loader).value


def failure(error: starlark.StarlarkError, source: Source, stop: Stop) -> ScriptFailed:
    """Return what an error of the engine means to the author of a script: where, called from where, and what."""
    text = str(error)
    match = _MESSAGE.search(text)
    message = _GUESS.sub("", match[1] if match else text)
    if message.startswith("MemoryError"):
        raise MemoryError
    if message == _CANCELLED:
        message = stop() or message
    elif kind := _NOT_DATA.search(message):
        message = f"a value of the type {kind[1]} can't leave the script: return plain strings in lists and dicts"
    lines = [source.line(int(line)) for line in _FRAME.findall(text)]
    places = [source.line(int(line)) for line in _PLACE.findall(text)]
    if places and (not lines or lines[-1] != places[-1]):
        lines.append(places[-1])
    if not lines:
        return ScriptFailed(shortened(message))
    function = source.function(lines[-1])
    where = f"line {lines[-1]}" + (f", in {function}" if function else "")
    callers = ", ".join(f"line {line}" for line in reversed(lines[:-1][-_MOST_CALLERS:]))
    return ScriptFailed(shortened(f"{where}{f' (called from {callers})' if callers else ''}: {message}"))


def shortened(text: str) -> str:
    """Return an error's text, not longer than anyone reads."""
    return text if len(text) <= LONGEST_ERROR else text[: LONGEST_ERROR - 1] + "…"


@cache
def _prelude_text() -> str:
    return files(__package__).joinpath("script_prelude.star").read_text("utf-8")


def _refuse(text: str) -> None:
    raise ValueError(text)


def _bytes_of(text: str) -> list[int]:
    return list(undisguised(text).encode("utf-8", "surrogateescape"))


_FUNCTIONS: dict[str, Callable[..., object]] = {
    "parse_version": script_functions.parse_version,
    "format_version_num": script_functions.format_version_num,
    "ip_is_private": script_functions.ip_is_private,
    "watchword_py_quoted": script_formatting.quoted,
    "watchword_py_float": script_formatting.float_text,
    "watchword_py_verb": script_formatting.float_verb,
    "watchword_py_percent_pieces": script_formatting.percent_pieces,
    "watchword_py_field_pieces": script_formatting.field_pieces,
    "watchword_py_bytes": _bytes_of,
    "watchword_py_refuse": _refuse,
}
