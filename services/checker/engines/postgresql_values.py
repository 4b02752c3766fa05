"""How PostgreSQL's values become those that PMM's scripts were written for: booleans, integers, floats and text as they
are, times as whole nanoseconds since 1970 in UTC, bytes as text, and every other type as the text the server gives.
Everything is read from the text format, so a type that nobody knew is never a failure.
"""

import re
from collections.abc import Callable
from typing import Any

from psycopg import adapters
from psycopg.abc import Buffer
from psycopg.adapt import AdaptersMap, Loader

from services.checker.engines.protocol import Value

NANOSECONDS = 1_000_000_000
SECONDS_A_DAY = 86_400

TIME = re.compile(
    r"(?P<year>\d{4,})-(?P<month>\d\d)-(?P<day>\d\d)"
    r"(?:[ T](?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)(?:\.(?P<fraction>\d{1,9}))?)?"
    r"(?:(?P<sign>[+-])(?P<offset_hour>\d\d)(?::(?P<offset_minute>\d\d))?(?::(?P<offset_second>\d\d))?)?"
    r"(?P<before_christ> BC)?"
)


def text(data: Buffer) -> str:
    """Return bytes as text; what is not UTF-8 (a database in SQL_ASCII can hold anything) stays as lone surrogates."""
    return bytes(data).decode("utf-8", "surrogateescape")


def boolean(data: Buffer) -> bool:
    """Return a boolean."""
    return bytes(data) == b"t"


def integer(data: Buffer) -> int:
    """Return smallint, integer and bigint."""
    return int(bytes(data))


def floating(data: Buffer) -> float:
    """Return real and double precision; NaN and the infinities are floats too."""
    return float(bytes(data))


def raw_bytes(data: Buffer) -> str:
    """Return bytea as text of its bytes, from either output format of the server."""
    encoded = bytes(data)
    if encoded.startswith(b"\\x"):
        return text(bytes.fromhex(encoded[2:].decode("ascii")))
    plain = re.sub(rb"\\(\\|[0-7]{3})", lambda found: _unescaped(found[1]), encoded)
    return text(plain)


def _unescaped(escape: bytes) -> bytes:
    return escape if escape == b"\\" else bytes([int(escape, 8)])


def nanoseconds(data: Buffer) -> int | str:
    """Return date, timestamp and timestamptz as nanoseconds since 1970 in UTC; ``infinity`` stays text, as with lib/pq.

    The number is exact also where Go's would overflow (before 1678, after 2262): ``9999-12-31`` is common.
    """
    written = text(data)
    found = TIME.fullmatch(written)
    if found is None:
        return written
    year = int(found["year"])
    days = _days_since_1970(1 - year if found["before_christ"] else year, int(found["month"]), int(found["day"]))
    seconds = days * SECONDS_A_DAY + _seconds(found["hour"], found["minute"], found["second"])
    offset = _seconds(found["offset_hour"], found["offset_minute"], found["offset_second"])
    seconds += offset if found["sign"] == "-" else -offset
    return seconds * NANOSECONDS + int((found["fraction"] or "0").ljust(9, "0"))


def _seconds(hour: str | None, minute: str | None, second: str | None) -> int:
    return int(hour or 0) * 3600 + int(minute or 0) * 60 + int(second or 0)


def _days_since_1970(year: int, month: int, day: int) -> int:
    """Return the days in the Gregorian calendar, which PostgreSQL uses for every year; datetime ends at 9999."""
    # Counted from the 1st of March of the year 0, so that the leap day is the last day of a year.
    year -= month <= 2
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146_097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719_468


CONVERSIONS: dict[str, Callable[[Buffer], Value]] = {
    "bool": boolean,
    "int2": integer,
    "int4": integer,
    "int8": integer,
    "float4": floating,
    "float8": floating,
    "bytea": raw_bytes,
    "date": nanoseconds,
    "timestamp": nanoseconds,
    "timestamptz": nanoseconds,
}
"""By the name of the type; every other type is text."""


def _loader(convert: Callable[[Buffer], Value]) -> type[Loader]:
    class Converting(Loader):
        def load(self, data: Buffer) -> Any:
            return convert(data)

    return Converting


def textual_values() -> AdaptersMap:
    """Return what a psycopg connection is made with, so that it knows these conversions and no other."""
    known = AdaptersMap(types=adapters.types)
    # psycopg reads types that it has no loader for as those of OID 0.
    known.register_loader(0, _loader(text))
    for name, convert in CONVERSIONS.items():
        known.register_loader(name, _loader(convert))
    return known
