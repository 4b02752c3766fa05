"""How values get into the Starlark engine and text gets back, without loss. They travel as JSON, which the engine reads
fast; but it takes only text that is UTF-8, while a server may send any bytes (here they are lone surrogates, one for
each byte), and neither NaN nor the infinities. Those travel in disguise. Pure.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence

from services.checker.errors import ScriptFailed
from services.checker.script_formatting import FIRST_STRAY_BYTE

_FLOAT = "watchword_float"
"""A dict with this one key is a float; the prelude makes it from the text there."""

_HIGH_SURROGATE = 0xD800 + ((FIRST_STRAY_BYTE - 0x10000) >> 10)
"""With this the characters above stand in JSON that is ASCII."""
_DISGUISES = f"{chr(FIRST_STRAY_BYTE + 0x80)}-{chr(FIRST_STRAY_BYTE + 0xFF)}"
_IN_NEED = re.compile(f"[\ud800-\udfff{_DISGUISES}]")
_DISGUISED = re.compile(f"[{_DISGUISES}]+")


def to_json(value: object) -> str:
    """Return a value as JSON in ASCII, lone surrogates escaped. Raises ``ScriptFailed`` for what no script can see."""
    try:
        return json.dumps(value, default=_plain, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise ScriptFailed(f"a query returned what no script can see: {error}") from error


def may_be_disguised(text: str) -> bool:
    """Tell whether JSON has characters that would be taken for disguised bytes."""
    return f"\\u{_HIGH_SURROGATE:04x}" in text


def disguised_json(text: str) -> str:
    """Return JSON that the engine can read, whatever text and numbers are in it."""
    return json.dumps(_disguised(json.loads(text)), separators=(",", ":"))


def undisguised(text: str) -> str:
    """Return a text from the engine with its bytes as they came; those that make up a character now are that."""
    return _DISGUISED.sub(lambda match: _bytes_in(match[0]).decode("utf-8", "surrogateescape"), text)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return list(value)
    raise ScriptFailed(f"a query returned a value of the type {type(value).__name__}, which no script can see")


def _disguised(value: object) -> object:
    if isinstance(value, str):
        return _IN_NEED.sub(_disguised_character, value)
    if isinstance(value, float) and not math.isfinite(value):
        return {_FLOAT: str(value)}
    if isinstance(value, dict):
        return {_disguised(name): _disguised(item) for name, item in value.items()}
    return [_disguised(item) for item in value] if isinstance(value, list) else value


def _disguised_character(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:
        return chr(FIRST_STRAY_BYTE + code - 0xDC00)
    if code < FIRST_STRAY_BYTE:
        return "\ufffd"
    # A character that looks like a disguise by chance: its own bytes tell what it was.
    return "".join(chr(FIRST_STRAY_BYTE + byte) for byte in match[0].encode())


def _bytes_in(text: str) -> bytes:
    return bytes(ord(character) - FIRST_STRAY_BYTE for character in text)
