"""The durations of a query's parameters, as Go's ``time.ParseDuration`` reads them for PMM: ``5m``, ``1h30m``,
``1.5s``. A day is not a unit there. The durations of schedules and mutes are another language; see ``shared``.
"""

import re
from decimal import Decimal

_NUMBER = r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+"
_UNIT = r"ns|us|µs|μs|ms|s|m|h"
_PART = re.compile(rf"(?P<number>{_NUMBER})(?P<unit>{_UNIT})")
_WHOLE = re.compile(rf"[-+]?(?:(?:{_NUMBER})(?:{_UNIT}))+")
_NANOSECONDS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_LARGEST = 2**63 - 1

DURATION_HINT = "a number and a unit, repeated: ns, us, ms, s, m, h; for example 90s, 5m, 1h30m"


def parse_go_duration(text: str) -> float | None:
    """Return the seconds, or None when Go would refuse the text."""
    if text in {"0", "+0", "-0"}:
        return 0.0
    if not _WHOLE.fullmatch(text):
        return None
    nanoseconds = sum(Decimal(part["number"]) * _NANOSECONDS[part["unit"]] for part in _PART.finditer(text))
    if nanoseconds > _LARGEST:
        return None
    return float(nanoseconds / 1_000_000_000) * (-1 if text.startswith("-") else 1)
