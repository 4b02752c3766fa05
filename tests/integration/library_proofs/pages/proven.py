"""What do the file of a check and its proofs say together? The words that the pages and the index share."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from shared.checks import Check, Engine
from tests.integration.library_proofs.every_proof import SHARED
from tests.integration.library_proofs.proof import Documented, Live

Proof = Live | Documented

ENGINES: dict[Engine, str] = {"postgresql": "PostgreSQL", "mysql": "MySQL and MariaDB", "mongodb": "MongoDB"}
FLAVOURS = {
    "postgresql": "PostgreSQL",
    "mysql": "MySQL",
    "percona": "Percona Server",
    "mariadb": "MariaDB",
    "mongodb": "MongoDB",
}
SEVERITIES = ("critical", "error", "warning", "notice")
WAYS = ("live", "live and documented", "documented alone")

_SEVERITY = re.compile(rf'(?<!\[)"({"|".join(SEVERITIES)})"(?![\]:])')


@dataclass(frozen=True)
class Proven:
    """A check and its proofs."""

    check: Check
    proofs: tuple[Proof, ...]

    @property
    def live(self) -> tuple[Live, ...]:
        """Those on a server."""
        return tuple(proof for proof in self.proofs if isinstance(proof, Live))

    @property
    def documented(self) -> tuple[Documented, ...]:
        """Those on a documented reply."""
        return tuple(proof for proof in self.proofs if isinstance(proof, Documented))

    @property
    def way(self) -> str:
        """One of ``WAYS``; nothing for a check without a proof."""
        if not self.proofs:
            return "not at all"
        return WAYS[bool(self.documented) if self.live else 2]

    @property
    def severities(self) -> list[str]:
        """Those that its script gives, the worst first."""
        found = set(_SEVERITY.findall(self.check.script))
        return [severity for severity in SEVERITIES if severity in found]

    @property
    def benchmark_sections(self) -> list[str]:
        """The sections of a benchmark of CIS that it refers to."""
        return [reference for reference in self.check.references if reference.startswith("CIS ")]


def product_of(proof: Live, check: Check) -> str:
    """Return the server that a live proof is made on."""
    return (proof.own_server or SHARED[check.engine]).product


def in_words(names: Iterable[str], last: str = "and") -> str:
    """Return names as a sentence lists them."""
    *some, end = names
    return f"{', '.join(some)} {last} {end}" if some else end
