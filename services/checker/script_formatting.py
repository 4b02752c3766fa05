"""How go.starlark.net, which PMM runs, writes values as text: floats, quoted strings, and the placeholders of ``%`` and
of ``str.format``. The engine here writes 123456789.5 as ``1.234568e+08`` and knows fewer verbs, so that findings and
labels would differ. Pure; the prelude calls it for whatever the engine would write otherwise.
"""

import re
from decimal import Decimal
from functools import lru_cache
from typing import TypeAlias

# A byte that belongs to no UTF-8 text stands in the engine as a character of the last private plane, see script.py.
FIRST_STRAY_BYTE = 0x10FE00

Piece: TypeAlias = tuple[str, str | None, str]
"""A stretch of a format: the text before a placeholder, the placeholder's name, and how to write the value."""

_VERBS = "sridoxXeEfFgGc"
_ESCAPES = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    '"': '\\"',
}
_PLAIN = re.compile(r"[ !#-\[\]-~]*")
_FIELD_END = re.compile(r"[{}]")


def float_text(value: float) -> str:
    """Write a float with as few digits as tell it apart, in the exponent form from a million on and below 0.0001."""
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    figures = "".join(map(str, digits)).rstrip("0") or "0"
    # Where the point stands if the first digit is the only one before it.
    magnitude = len(digits) - 1 + int(exponent) if figures != "0" else 0
    minus = "-" if sign else ""
    if magnitude < -4 or magnitude >= 6:
        fraction = f".{figures[1:]}" if len(figures) > 1 else ""
        return f"{minus}{figures[0]}{fraction}e{'-' if magnitude < 0 else '+'}{abs(magnitude):02d}"
    if magnitude < 0:
        return f"{minus}0.{'0' * (-magnitude - 1)}{figures}"
    whole = figures[: magnitude + 1].ljust(magnitude + 1, "0")
    return f"{minus}{whole}.{figures[magnitude + 1 :] or '0'}"


def float_verb(verb: str, value: float) -> str:
    """Write a float as one of the verbs ``e E f F g G`` of ``%``."""
    if verb in "gG":
        text = float_text(value)
        return text.upper() if verb == "G" else text
    return f"%{verb}" % value


def quoted(text: str) -> str:
    """Write a string as ``repr`` does: in double quotes, what can't be printed as an escape."""
    if _PLAIN.fullmatch(text):
        return f'"{text}"'
    return '"' + "".join(map(_quoted_character, text)) + '"'


def _quoted_character(character: str) -> str:
    code = ord(character)
    if character in _ESCAPES:
        return _ESCAPES[character]
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    if FIRST_STRAY_BYTE <= code < FIRST_STRAY_BYTE + 256:
        return f"\\x{code - FIRST_STRAY_BYTE:02x}"
    if character.isprintable():
        return character
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


@lru_cache(maxsize=128)
def percent_pieces(text: str) -> tuple[Piece, ...]:
    """Take the left side of ``%`` apart. A placeholder is ``%`` and a verb, or ``%(name)`` and a verb, no more."""
    pieces: list[Piece] = []
    literal = ""
    position = 0
    while (mark := text.find("%", position)) >= 0:
        literal += text[position:mark]
        position = mark + 1
        name: str | None = None
        if text.startswith("%", position):
            literal += "%"
            position += 1
            continue
        if text.startswith("(", position):
            end = text.find(")", position)
            if end < 0:
                raise ValueError("incomplete format key")
            name = text[position + 1 : end]
            position = end + 1
        verb = text[position : position + 1]
        if not verb:
            raise ValueError("incomplete format")
        if verb not in _VERBS:
            raise ValueError(f"unknown conversion %{verb}")
        pieces.append((literal, name, "d" if verb == "i" else verb))
        literal = ""
        position += 1
    return (*pieces, (literal + text[position:], None, ""))


@lru_cache(maxsize=128)
def field_pieces(text: str) -> tuple[Piece, ...]:
    """Take the text of ``str.format`` apart. A placeholder is ``{}``, ``{1}`` or ``{name}``, and may end in ``!r``.

    Placeholders without a name are numbered, so that each has one; digits are an argument by its position.
    """
    pieces: list[Piece] = []
    literal = ""
    position = numbered = 0
    has_numbers = False
    while (mark := _FIELD_END.search(text, position)) is not None:
        literal += text[position : mark.start()]
        position = mark.end()
        if text.startswith(mark[0], position):
            literal += mark[0]
            position += 1
            continue
        if mark[0] == "}":
            raise ValueError("single '}' in format")
        end = text.find("}", position)
        if end < 0:
            raise ValueError("unmatched '{' in format")
        name, verb = _field(text[position:end])
        if not name:
            name, numbered = str(numbered), numbered + 1
        elif name.isascii() and name.isdigit():
            name, has_numbers = str(int(name)), True
        if numbered and has_numbers:
            raise ValueError("cannot switch between automatic field numbering and manual field specification")
        pieces.append((literal, name, verb))
        literal = ""
        position = end + 1
    return (*pieces, (literal + text[position:], None, ""))


def _field(field: str) -> tuple[str, str]:
    rest, _, specification = field.partition(":")
    name, mark, verb = rest.partition("!")
    if specification:
        raise ValueError(f"format spec features not supported in replacement fields: {specification}")
    if mark and verb not in ("s", "r"):
        raise ValueError(f"unknown conversion {verb!r}")
    for part, what in ((".", "attribute syntax x.y is"), ("[", "element syntax a[i] is"), ("{", "nested fields are")):
        if part in name:
            raise ValueError(f"{what} not supported in replacement fields: {name}")
    return name, verb or "s"
