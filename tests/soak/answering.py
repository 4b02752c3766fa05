"""Was every request answered by a run that began after it? A request is stored, becomes parts, and each of its targets
is done at the first end of a run under the request's ``what`` that covers the first of its parts. Pure.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.soak.verdicts import seconds


@dataclass(frozen=True)
class Asked:
    """A request as it was stored."""

    words: str
    request_id: str
    sent_at: float
    targets: tuple[str, ...] | None
    is_excused: bool = False
    """What it asks for was removed meanwhile, so it may have become a dead letter."""


@dataclass
class Answers:
    """What became of all requests so far."""

    accepted: dict[str, dict[int, Mapping[str, Any]]] = field(default_factory=lambda: defaultdict(dict))
    ends: dict[tuple[str, str], list[Mapping[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    runs: set[str] = field(default_factory=set)
    starts: int = 0

    def take(self, subject: str, event: Mapping[str, Any]) -> None:
        """Take in an event of CHECK_EVENTS."""
        _, kind, *names = subject.split(".")
        if kind == "accepted":
            self.accepted[str(event["request_id"])][int(event["part"])] = event
        elif kind == "started":
            self.starts += 1
        else:
            self.ends[str(event["target"]), names[-1]].append(event)
            self.runs.add(str(event["run"]))

    def missing(self, asked: Asked) -> str | None:
        """Return what a request still waits for, or None when it was answered."""
        parts = self.accepted.get(asked.request_id)
        if not parts or len(parts) < int(next(iter(parts.values()))["parts"]):
            return None if asked.is_excused else "it was never accepted"
        first = parts[1]
        for part in parts.values():
            for target in part["targets"]:
                if not self._is_answered(asked, str(target), str(first["what"]), int(first["first"])):
                    return f"no run of {target} ended that began after it (what {first['what']})"
        return None

    def _is_answered(self, asked: Asked, target: str, what: str, first: int) -> bool:
        return any(
            int(end["covers"]) >= first and seconds(str(end["started_at"])) >= asked.sent_at
            for end in self.ends.get((target, what), ())
        )

    def named(self, asked: Asked) -> int:
        """Return how many targets a request became."""
        return sum(len(part["targets"]) for part in self.accepted.get(asked.request_id, {}).values())
