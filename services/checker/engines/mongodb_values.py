"""How BSON becomes the plain values that PMM's scripts were written for: times as whole nanoseconds since 1970, object
ids and bytes as text, nested documents as they are. What PMM's bridge does not know fails the query here too, by name.
"""

import base64
import json
from collections.abc import Mapping

from bson import Code, DBRef, ObjectId, Timestamp, decode
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.datetime_ms import DatetimeMS
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument

from services.checker.engines.protocol import Row, Value
from services.checker.errors import QueryFailed

NANOSECONDS_A_SECOND = 1_000_000_000
NANOSECONDS_A_MILLISECOND = 1_000_000

DEEPEST = 200
"""More than MongoDB nests."""

RAW = CodecOptions(document_class=RawBSONDocument)
"""Keeps an answer as its bytes, so that it can be weighed before it is unpacked."""

READABLE = CodecOptions(
    document_class=dict[str, object],
    # Python's own times end in the year 9999 and begin in the year 1; BSON's do not.
    datetime_conversion=DatetimeConversion.DATETIME_MS,
    unicode_decode_error_handler="surrogateescape",
)


def unpacked(raw: bytes | memoryview) -> dict[str, object]:
    """Return a document from its bytes. Raises ``QueryFailed`` when they are not BSON."""
    try:
        return decode(raw, READABLE)
    except (BSONError, ValueError, RecursionError) as error:
        failure = QueryFailed(f"the server's answer is not BSON ({type(error).__name__})")
    raise failure


def row(document: Mapping[str, object]) -> Row:
    """Return a document as a script sees it. Raises ``QueryFailed``."""
    return {name: _value(value, name, 0) for name, value in document.items()}


def plain(value: object) -> object:
    """Return what people put into a document, with the text of a value in place of what scripts can't be given.

    For what is told beside the point: one such value must not keep a check from all the others.
    """
    match value:
        case Mapping():
            return {str(name): plain(inner) for name, inner in value.items()}
        case list():
            return [plain(inner) for inner in value]
        case _:
            try:
                return _value(value, "", 0)
            except QueryFailed:
                return str(value)


def _value(value: object, where: str, depth: int) -> Value:
    if depth > DEEPEST:
        message = f"{where[:80]}… is nested deeper than {DEEPEST} levels"
        raise QueryFailed(message)
    match value:
        case Code():
            # A kind of str, but to PMM's bridge a type of its own.
            raise _unknown(value, where)
        case None | bool() | float() | str():
            return value
        case int():
            # Int64 is a kind of int that prints its name.
            return int(value)
        case Timestamp():
            return value.time * NANOSECONDS_A_SECOND + value.inc
        case DatetimeMS():
            return int(value) * NANOSECONDS_A_MILLISECOND
        case ObjectId():
            return f'ObjectID("{value}")'
        case bytes():
            return _binary(value, getattr(value, "subtype", 0))
        case DBRef():
            return _value(value.as_doc().to_dict(), where, depth)
        case Mapping():
            return {str(name): _value(inner, f"{where}.{name}", depth + 1) for name, inner in value.items()}
        case list() | tuple():
            return [_value(inner, f"{where}[{position}]", depth + 1) for position, inner in enumerate(value)]
        case _:
            raise _unknown(value, where)


def _unknown(value: object, where: str) -> QueryFailed:
    return QueryFailed(f"{where[:80]} is a {type(value).__name__}, which scripts can't be given")


def _binary(value: bytes, subtype: int) -> str:
    return json.dumps({"subtype": subtype, "bytes": base64.b64encode(value).decode("ascii")}, separators=(",", ":"))
