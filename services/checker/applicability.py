"""Whether a check applies to the server that answered: its ``requires`` against flavour and version. What does not
apply is ``skipped`` with the reason, never ``passed``. Pure.
"""

import re

from services.checker.engines.protocol import Server
from shared.checks import Check

_NUMBERS = r"\d{1,18}(?:\.\d{1,18})*"
"""Not any number of digits: Python reads no number of thousands, and a server may say what it likes."""
_BOUND = re.compile(rf"^(>=|<=|>|<|==?)\s*({_NUMBERS})$")


def version_numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version: ``10.11.19-MariaDB`` is (10, 11, 19); empty when it has none."""
    found = re.match(_NUMBERS, version.strip())
    return tuple(int(number) for number in found[0].split(".")) if found else ()


def why_not(check: Check, server: Server) -> str | None:
    """Return why a check does not apply to a server, or None when it does."""
    requires = check.requires
    if requires.flavours and server.flavour not in requires.flavours:
        return f"applies to {', '.join(requires.flavours)}; this server is {server.flavour}"
    numbers = version_numbers(server.version)
    for bound in filter(None, (part.strip() for part in requires.versions.split(","))):
        found = _BOUND.match(bound)
        if found is None:
            return f"its bound {bound!r} on the version can't be read"
        if not _holds(numbers, found[1], tuple(int(number) for number in found[2].split("."))):
            return f"applies to versions {requires.versions}; this server is {server.version}"
    return None


def _holds(numbers: tuple[int, ...], operator: str, bound: tuple[int, ...]) -> bool:
    """Compare as many parts as the bound names for ``<=``, ``>`` and ``=``: 15.3 is ``<=15`` and not ``>15``."""
    compared = numbers[: len(bound)] + (0,) * (len(bound) - len(numbers))
    match operator:
        case ">=":
            return compared >= bound
        case "<":
            return compared < bound
        case ">":
            return compared > bound
        case "<=":
            return compared <= bound
        case _:
            return compared == bound
