"""What does a regular expression in a matcher match? Alertmanager's engine is RE2; this reads the part of its language
that people use in matchers, and refuses the rest by name. It is only ever tried on a few short texts, to see whether it
matches about everything. Alertmanager stays the judge: what passes here and not there is a refused silence.

Python's own engine backtracks, so that anybody who may ask for a mute could hold the silencer for hours; and it reads
some of the same signs otherwise. Here an expression becomes a function from the places where a match may stand to those
where it may stand afterwards, which takes time in proportion to its length.
"""

import functools
import re
from collections.abc import Callable, Iterable

LONGEST = 4096
DEEPEST = 50
MOST_REPEATED = 1000
"""RE2 refuses a larger repeat, also by nesting."""

PROBES = ("q7x", "ZK", "0")
"""Texts that nobody names anything: what matches one of these was not written to match something."""

Step = Callable[[str, frozenset[int]], frozenset[int]]
"""From the places in a text where a match stands to those where it stands after this part of the expression."""
Accepts = Callable[[str], bool]

_REPEAT = re.compile(r"\{(\d+)(,(\d*))?\}")
_OPENING = re.compile(r"\(\?(?:P<[A-Za-z_][A-Za-z0-9_]*>|([ims]*):)")
_FLAGS = re.compile(r"\(\?([ims]+)\)")
_HEXADECIMAL = re.compile(r"\\x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})")
_CONTROLS = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_CLASSES: dict[str, Accepts] = {
    "d": lambda one: one in "0123456789",
    "w": lambda one: one in _WORD,
    "s": lambda one: one in "\t\n\f\r ",
}


class ExpressionRefused(ValueError):
    """The expression is not valid, or uses something that is not known here. The text says what and where."""


def fault_of(expression: str) -> str | None:
    """Return what is wrong with a regular expression, for people, or None when it may be used."""
    try:
        _parsed(expression)
    except ExpressionRefused as refused:
        return str(refused)
    return None


def matches(expression: str, text: str) -> bool:
    """Say whether a valid expression matches a whole text, as Alertmanager anchors it."""
    return len(text) in _parsed(expression)(text, frozenset((0,)))


def matches_about_everything(expression: str) -> bool:
    """Say whether a valid expression matches texts that nobody would name anything."""
    return any(matches(expression, probe) for probe in PROBES)


@functools.lru_cache(maxsize=16)
def _parsed(expression: str) -> Step:
    if len(expression) > LONGEST:
        raise ExpressionRefused(f"it is longer than {LONGEST} characters")
    parser = _Parser(expression)
    step = parser.alternatives(parser.leading_flags(), depth=0)
    if parser.at < len(expression):
        raise ExpressionRefused(f"an unexpected ) at character {parser.at + 1}")
    return step


class _Parser:
    """Reads an expression from left to right; ``at`` is the next character."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.repeated = 1
        """How often the innermost part is repeated at most, by all repeats around and in it."""

    def leading_flags(self) -> frozenset[str]:
        found = _FLAGS.match(self.text)
        self.at = found.end() if found else 0
        return frozenset(found[1]) if found else frozenset()

    def alternatives(self, flags: frozenset[str], depth: int) -> Step:
        if depth > DEEPEST:
            raise ExpressionRefused(f"groups are nested more than {DEEPEST} deep")
        most, branches = 1, []
        while True:
            self.repeated = 1
            branches.append(self._sequence(flags, depth))
            most = max(most, self.repeated)
            if self._peek() != "|":
                self.repeated = most
                return _any_of(branches)
            self.at += 1

    def _sequence(self, flags: frozenset[str], depth: int) -> Step:
        most, parts = 1, []
        while self._peek() not in {"", "|", ")"}:
            self.repeated = 1
            parts.append(self._repetition(self._atom(flags, depth)))
            most = max(most, self.repeated)
        self.repeated = most
        return _one_after_another(parts)

    def _repetition(self, step: Step) -> Step:
        sign = self._peek()
        if sign not in {"*", "+", "?", "{"}:
            return step
        bounds = _REPEAT.match(self.text, self.at)
        if sign == "{" and bounds is None:
            raise ExpressionRefused(f"{{ at character {self.at + 1} is no repeat; write \\{{ for a brace")
        least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(sign, (0, None))
        if bounds is not None:
            least = int(bounds[1][:9])
            most = least if bounds[2] is None else int(bounds[3][:9]) if bounds[3] else None
            self.repeated *= max(least, most or 1, 1)
            if self.repeated > MOST_REPEATED:
                raise ExpressionRefused(f"it repeats more than {MOST_REPEATED} times")
            if most is not None and most < least:
                raise ExpressionRefused(f"{bounds[0]} has its bounds in the wrong order")
        self.at = bounds.end() if bounds else self.at + 1
        if self._peek() == "?":  # as few as possible: the same texts match
            self.at += 1
        if self._peek() in {"*", "+", "?", "{"}:
            raise ExpressionRefused(f"a repeat directly after another one at character {self.at + 1}")
        return _repeat(step, least, most)

    def _atom(self, flags: frozenset[str], depth: int) -> Step:
        sign = self._peek()
        match sign:
            case "(":
                return self._group(flags, depth)
            case "[":
                return _one(self._class(flags))
            case "\\":
                return self._escaped(flags)
            case "*" | "+" | "?" | "{":
                raise ExpressionRefused(f"nothing to repeat before {sign} at character {self.at + 1}")
        self.at += 1
        match sign:
            case ".":
                return _one(lambda one: "s" in flags or one != "\n")
            case "^":
                return _where(lambda text, at: at == 0 or ("m" in flags and text[at - 1] == "\n"))
            case "$":
                return _where(lambda text, at: at == len(text) or ("m" in flags and text[at] == "\n"))
        return _one(_same(sign, flags))

    def _group(self, flags: frozenset[str], depth: int) -> Step:
        began = self.at
        if self.text.startswith("(?", self.at):
            opening = _OPENING.match(self.text, self.at)
            if opening is None:
                shown = self.text[self.at : self.at + 4]
                raise ExpressionRefused(
                    f"{shown} at character {self.at + 1} is not known here: there is no look-around, no condition, no "
                    "comment, and flags stand at the beginning"
                )
            self.at = opening.end()
            flags |= frozenset(opening[1] or "")
        else:
            self.at += 1
        step = self.alternatives(flags, depth + 1)
        if self._peek() != ")":
            raise ExpressionRefused(f"the ( at character {began + 1} is not closed")
        self.at += 1
        return step

    def _escaped(self, flags: frozenset[str]) -> Step:
        sign = self.text[self.at + 1 : self.at + 2]
        anchors: dict[str, Callable[[str, int], bool]] = {
            "A": lambda _, at: at == 0,
            "z": lambda text, at: at == len(text),
            "b": _is_boundary,
            "B": lambda text, at: not _is_boundary(text, at),
        }
        if sign in anchors:
            self.at += 2
            return _where(anchors[sign])
        many, single = self._escape()
        return _one(many or _same(single, flags))

    def _escape(self) -> tuple[Accepts | None, str]:
        """Read an escape that stands for a class of characters, or for a single one."""
        sign = self.text[self.at + 1 : self.at + 2]
        hexadecimal = _HEXADECIMAL.match(self.text, self.at)
        if hexadecimal:
            code = int(hexadecimal[1] or hexadecimal[2], 16)
            if code <= 0x10FFFF:
                self.at = hexadecimal.end()
                return None, chr(code)
        if sign.lower() in _CLASSES and sign:
            self.at += 2
            inner = _CLASSES[sign.lower()]
            return (inner if sign.islower() else lambda one: not inner(one)), ""
        if not sign or (sign not in _CONTROLS and (sign.isalnum() or ord(sign) > 127)):
            raise ExpressionRefused(f"\\{sign} at character {self.at + 1} is not known here")
        self.at += 2
        return None, _CONTROLS.get(sign, sign)

    def _class(self, flags: frozenset[str]) -> Accepts:
        began = self.at
        self.at += 1
        is_negated = self._peek() == "^"
        self.at += is_negated
        accepted: list[Accepts] = []
        while self._peek() != "]" or not accepted:
            if not self._peek():
                raise ExpressionRefused(f"the [ at character {began + 1} is not closed")
            if self.text.startswith("[:", self.at):
                raise ExpressionRefused(f"[: at character {self.at + 1} is not known here; write the characters out")
            accepted.append(self._range(flags))
        self.at += 1
        return lambda one: any(accepts(one) for accepts in accepted) != is_negated

    def _range(self, flags: frozenset[str]) -> Accepts:
        many, first = self._class_character()
        if many is not None:
            return many
        is_range = self._peek() == "-" and self.text[self.at + 1 : self.at + 2] not in {"", "]"}
        if not is_range:
            return _same(first, flags)
        self.at += 1
        many, last = self._class_character()
        if many is not None or last < first:
            raise ExpressionRefused(f"{first}-… at character {self.at} is no range")
        if "i" not in flags:
            return lambda one: first <= one <= last
        return lambda one: first <= one.lower() <= last or first <= one.upper() <= last

    def _class_character(self) -> tuple[Accepts | None, str]:
        sign = self._peek()
        if sign == "\\":
            return self._escape()
        self.at += 1
        return None, sign

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]


def _same(sign: str, flags: frozenset[str]) -> Accepts:
    if "i" in flags:
        return lambda one: one.lower() == sign.lower()
    return lambda one: one == sign


def _is_boundary(text: str, at: int) -> bool:
    return (at > 0 and text[at - 1] in _WORD) != (at < len(text) and text[at] in _WORD)


def _one(accepts: Accepts) -> Step:
    return lambda text, places: frozenset(at + 1 for at in places if at < len(text) and accepts(text[at]))


def _where(holds: Callable[[str, int], bool]) -> Step:
    return lambda text, places: frozenset(at for at in places if holds(text, at))


def _any_of(branches: Iterable[Step]) -> Step:
    steps = tuple(branches)
    return lambda text, places: frozenset().union(*(step(text, places) for step in steps))


def _one_after_another(parts: Iterable[Step]) -> Step:
    steps = tuple(parts)
    return lambda text, places: functools.reduce(lambda reached, step: step(text, reached), steps, places)


def _repeat(step: Step, least: int, most: int | None) -> Step:
    # There are few sets of places in a short text. Remembering them keeps nested repeats from multiplying.
    known: dict[tuple[str, frozenset[int]], frozenset[int]] = {}

    def repeated(text: str, places: frozenset[int]) -> frozenset[int]:
        if (text, places) in known:
            return known[text, places]
        reached = places
        for _ in range(least):
            reached = step(text, reached)
        new, left = reached, most
        while new and (left is None or left > least):
            new = step(text, new) - reached
            reached |= new
            left = None if left is None else left - 1
        known[text, places] = reached
        return reached

    return repeated
