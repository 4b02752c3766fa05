"""What may the referee do? Each kind of action is a value with everything that its execution needs, so a plan can be
printed, compared and repeated. Pure.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from tests.soak.inventory import Inventory
from tests.soak.weaknesses import Weakness

PlantKind = Literal["request", "nobody", "mute", "result"]
PLANTS: tuple[PlantKind, ...] = ("request", "nobody", "mute", "result")
STAGES = ("scheduler", "checker", "publisher", "silencer")


@dataclass(frozen=True)
class Weaken:
    """Make something weak."""

    weakness: Weakness


@dataclass(frozen=True)
class Repair:
    """Repair something weak."""

    weakness: Weakness


@dataclass(frozen=True)
class Ask:
    """Force a run."""

    targets: tuple[str, ...] | None
    checks: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Mute:
    """Mute what a check says about a target, or one finding of it by its fingerprint."""

    number: int
    target: str
    check: str
    finding: tuple[str, str] | None = None


@dataclass(frozen=True)
class Unmute:
    """End a mute, by its id or by the names that it was asked for with."""

    number: int
    target: str
    check: str
    is_by_id: bool


@dataclass(frozen=True)
class Apply:
    """Make this the inventory."""

    inventory: Inventory
    what: Literal["disable", "enable", "remove", "add", "rename", "move", "relabel"]
    touched: frozenset[tuple[str, str | None]]
    """Targets, each with the one check that is touched there, or None for all of them."""


@dataclass(frozen=True)
class Plant:
    """Store something malformed, which must become a dead letter and nothing else."""

    number: int
    kind: PlantKind
    target: str
    check: str


@dataclass(frozen=True)
class Fault:
    """Do harm to one process, or to what leads to it. ``on`` names the subject whose next message sets it off, so that
    it hits a step of work; at once when silent. What is cut off loses its packets without being told; an Alertmanager
    that is slow, refuses with a status or loses its answers does so to the stages alone.
    """

    kind: Literal["kill", "pause", "restart", "sessions", "cut", "slow", "late", "refuse", "lose", "forget"]
    what: Literal["scheduler", "checker", "publisher", "silencer", "nats", "alertmanager", "postgresql", "mysql"]
    index: int = 0
    seconds: float = 0.0
    on: str | None = None
    status: int = 0

    @property
    def name(self) -> str:
        """What it is counted as."""
        length = f" {self.seconds:g} s" if self.kind in {"pause", "cut"} else ""
        length += f" {self.status}" if self.status else ""
        step = f" on {self.on}" if self.on else ""
        return f"{self.kind} {self.what}{length}{step}"


Action: TypeAlias = Weaken | Repair | Ask | Mute | Unmute | Apply | Plant | Fault


@dataclass(frozen=True)
class Step:
    """One action, and how long to wait before it."""

    pause_seconds: float
    action: Action
