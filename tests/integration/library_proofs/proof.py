"""What a proof of a built-in check is: on a real server, or on a reply that the vendor documents."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.checker.script import ScriptFinding
from tests.integration.library_proofs.lab import ByHand, Lab, StartOf


def nothing(lab: Lab, finding: ScriptFinding, remediation: str) -> None:
    """Do nothing beside the statements of the remediation."""


@dataclass(frozen=True)
class Live:
    """The weakness is made on a real server, seen, remedied by the check's own remediation, and not seen any more."""

    check: str
    weaken: Callable[[Lab], None]
    severity: str
    labels: Mapping[str, str] = field(default_factory=dict)
    summary: str = ""
    """A part of the finding's summary, where one check tells apart what only its text shows."""
    own_server: StartOf | None = None
    """For a weakness that is made when the server starts; otherwise the proofs of an engine share a server."""
    parameters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Parameters that the target overrides."""
    accepted: str = ""
    """How the check's parameter ``accepted`` names what the finding is about."""
    by_hand: ByHand = nothing
    """What a person does first: a line of pg_hba.conf, a certificate."""
    afterwards: ByHand = nothing
    """What a person does after the statements: a restart."""
    case: str = ""

    @property
    def name(self) -> str:
        """Return a name for the test."""
        return f"{self.check}-{self.case}" if self.case else self.check


@dataclass(frozen=True)
class Documented:
    """No server at hand can be made so: the script gets the whole reply that the vendor documents, and a changed twin
    must flip the verdict.
    """

    check: str
    source: str
    """Where the reply is documented, and for which version."""
    weak: Sequence[Sequence[Mapping[str, Any]]]
    """The answers to the check's queries, in their order."""
    good: Sequence[Sequence[Mapping[str, Any]]]
    severity: str
    labels: Mapping[str, str] = field(default_factory=dict)
    case: str = ""
    accepted: Sequence[str] = ()
    """What the check's parameter ``accepted`` has to name for the finding to go, when it takes exceptions."""

    @property
    def name(self) -> str:
        """Return a name for the test."""
        return f"{self.check}-{self.case}" if self.case else self.check


def statements(*texts: str, database: str = "") -> Callable[[Lab], None]:
    """Make a weakness by statements."""

    def weaken(lab: Lab) -> None:
        lab.execute(*texts, database=database)

    return weaken


def as_started(lab: Lab) -> None:
    """Make no weakness: the server has it since its start."""
