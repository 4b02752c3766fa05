"""What did a soak do, and what did it compare? Counts, for people and as JSON, for two to be compared. Pure."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Record:
    """The counts of one soak."""

    seed: int
    minutes: float
    is_cluster: bool
    targets: int
    actions: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    compared: Counter[str] = field(default_factory=Counter)
    consistent_after_seconds: list[float] = field(default_factory=list)
    refilled_after_seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def as_dict(self, more: Mapping[str, Any]) -> dict[str, Any]:
        """Return everything, with what only the end knows."""
        return {
            "result": "failed" if self.failures else "passed",
            "seed": self.seed,
            "minutes": self.minutes,
            "nats": "cluster of three" if self.is_cluster else "one server",
            "targets": self.targets,
            **more,
            "actions": dict(sorted(self.actions.items())),
            "faults": dict(sorted(self.faults.items())),
            "faults_in_all": self.faults.total(),
            "skipped": dict(sorted(self.skipped.items())),
            "seen": dict(sorted(self.seen.items())),
            "compared": dict(sorted(self.compared.items())),
            "quiet_periods": len(self.consistent_after_seconds),
            "longest_until_consistent_seconds": round(max(self.consistent_after_seconds, default=0.0), 1),
            "longest_until_refilled_seconds": round(max(self.refilled_after_seconds, default=0.0), 1),
            "failures": self.failures,
        }

    def as_json(self, more: Mapping[str, Any]) -> str:
        """Return the record as a file holds it."""
        return json.dumps(self.as_dict(more), indent=2) + "\n"
