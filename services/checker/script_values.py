"""How values get into the Starlark engine and back without loss. The engine takes only text that is UTF-8, while a
server may send any bytes (here they are lone surrogates, one for each byte); and NaN and the infinities can't cross at
all. Both travel in disguise. Pure.
"""

import math
import re
from collections.abc import Mapping, Sequence

from services.checker.errors import ScriptFailed
from services.checker.script_formatting import FIRST_STRAY_BYTE

FLOAT = "watchword_float"
"""A dict with this one key is a float that the prelude makes from the text there."""

_DISGUISES = f"{chr(FIRST_STRAY_BYTE + 0x80)}-{chr(FIRST_STRAY_BYTE + 0xFF)}"
_IN_NEED = re.compile(f"[\ud800-\udfff{_DISGUISES}]")
_DISGUISED = re.compile(f"[{_DISGUISES}]+")


def disguised(value: object) -> object:
    """Return a value as the engine can take it. Raises ``ScriptFailed`` for what no script can see."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return _IN_NEED.sub(_disguised_character, value)
    if isinstance(value, float):
        return value if math.isfinite(value) else {FLOAT: str(value)}
    if isinstance(value, Mapping):
        return {_key(name): disguised(item) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return [disguised(item) for item in value]
    raise ScriptFailed(f"a query returned a value of the type {type(value).__name__}, which no script can see")


def undisguised(text: str) -> str:
    """Return a text from the engine with its bytes as they came, those that make up a character now as that."""
    return _DISGUISED.sub(lambda match: _bytes_in(match[0]).decode("utf-8", "surrogateescape"), text)


def _key(name: object) -> str:
    if not isinstance(name, str):
        raise ScriptFailed(f"a query returned a key of the type {type(name).__name__}; only text can be one")
    return _IN_NEED.sub(_disguised_character, name)


def _disguised_character(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:
        return chr(FIRST_STRAY_BYTE + code - 0xDC00)
    if code < FIRST_STRAY_BYTE:
        return "\ufffd"
    # A character that looks like a disguise, by chance: its own bytes tell what it was.
    return "".join(chr(FIRST_STRAY_BYTE + byte) for byte in match[0].encode())


def _bytes_in(text: str) -> bytes:
    return bytes(ord(character) - FIRST_STRAY_BYTE for character in text)
