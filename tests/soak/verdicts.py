"""What do the verdicts say, as anybody can read them from the stream? Each must tell the truth about the time in which
its run looked, none may be of a lower run than the one before it on its subject, and an alert began with the first
verdict of the unbroken row that holds its finding. Pure.
"""

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.soak.history import History
from tests.soak.inventory import AlertKey, place_of
from tests.soak.weaknesses import CHECKS, Place, Weakness, weaknesses_of


@dataclass(frozen=True)
class Verdict:
    """One message of CHECK_RESULTS that is a verdict of a checker, or a withdrawal."""

    sequence: int
    target: str
    check: str
    status: str
    findings: Mapping[tuple[str, str], float | None]
    """What was found, by label and value, and since when it says that it fails."""
    run: tuple[int, int] | None
    started_at: float | None
    stored_at: float

    @property
    def is_of_a_run(self) -> bool:
        """Say whether a run looked; a withdrawal is written by a publisher."""
        return self.status in {"passed", "failed"} and self.started_at is not None


def seconds(text: str) -> float:
    """Return a time of the events as seconds."""
    return dt.datetime.fromisoformat(text).timestamp()


def read(sequence: int, subject: str, body: bytes, stored_at: float) -> Verdict | None:
    """Read a message of CHECK_RESULTS; None when it is an error, or nothing that anybody could read."""
    _, _, kind, _, target, check = subject.split(".")
    try:
        said: Any = json.loads(body)
        if kind != "verdict" or (said["target"], said["check"]) != (target, check):
            return None
        created, _, number = str(said.get("run") or "").partition("-")
        return Verdict(
            sequence,
            target,
            check,
            str(said["status"]),
            {
                item: seconds(finding["failing_since"]) if finding.get("failing_since") else None
                for finding in said.get("findings", ())
                for item in finding.get("labels", {}).items()
            },
            (int(created), int(number)) if number else None,
            seconds(said["started_at"]) if said.get("started_at") else None,
            stored_at,
        )
    except (ValueError, KeyError, TypeError):
        return None


def weaknesses_seen_by(target: str, check: str) -> list[Weakness]:
    """Return what a check on a target may see."""
    name = place_of(target)
    engine = next(engine for engine, checks in CHECKS.items() if check in checks)
    return [one for one in weaknesses_of(Place(engine, name)) if one.check == check]


@dataclass
class Standing:
    """All verdicts so far: since when each finding stands, and what was wrong with a verdict."""

    history: History[Weakness]
    since: dict[AlertKey, float] = field(default_factory=dict)
    """Each finding that stands, with the begin of the run that saw it first."""
    earlier: dict[AlertKey, list[float]] = field(default_factory=lambda: defaultdict(list))
    """When it stood before, and had gone meanwhile."""
    faults: list[tuple[AlertKey, str]] = field(default_factory=list)
    judged: int = 0
    transitions: set[tuple[int, AlertKey, str]] = field(default_factory=set)
    """The sequence of a verdict, what it is about, and whether that fires or is resolved by it."""
    _last: dict[tuple[str, str], Verdict] = field(default_factory=dict)

    def take(self, verdict: Verdict) -> None:
        """Take in the next verdict of the stream."""
        before = self._last.get((verdict.target, verdict.check))
        self._last[verdict.target, verdict.check] = verdict
        possible = weaknesses_seen_by(verdict.target, verdict.check)
        for weakness in possible:
            key = (verdict.target, verdict.check, *weakness.finding)
            is_seen = weakness.finding in verdict.findings
            self._judge(key, weakness, verdict, is_seen=is_seen)
            if is_seen and key not in self.since and verdict.started_at is not None:
                self.since[key] = verdict.started_at
                self.transitions.add((verdict.sequence, key, "firing"))
            elif not is_seen and key in self.since:
                self.earlier[key].append(self.since.pop(key))
                self.transitions.add((verdict.sequence, key, "resolved"))
            if is_seen and verdict.findings[weakness.finding] != self.since.get(key):
                said = f"verdict {verdict.sequence} says that it fails since {verdict.findings[weakness.finding]}"
                self.faults.append((key, f"{said}, the first of its row began {self.since.get(key)}"))
        if before and before.run and verdict.run and verdict.run < before.run:
            late = f"verdict {verdict.sequence} of run {verdict.run} was stored over a later run's, {before.run}"
            self.faults.append(((verdict.target, verdict.check, "", ""), late))
        others = verdict.findings.keys() - {weakness.finding for weakness in possible}
        for other in others:
            self.faults.append(((verdict.target, verdict.check, *other), f"verdict {verdict.sequence} invented it"))

    def _judge(self, key: AlertKey, weakness: Weakness, verdict: Verdict, *, is_seen: bool) -> None:
        if not verdict.is_of_a_run or verdict.started_at is None:
            return
        truth = self.history.seen_between(weakness, verdict.started_at, verdict.stored_at)
        if truth is None:
            return
        self.judged += 1
        if truth != is_seen:
            what = "does not hold what was weak" if truth else "holds what was not weak"
            self.faults.append((key, f"verdict {verdict.sequence} {what} while its run looked"))


def transition_of(event: Mapping[str, Any]) -> tuple[int, AlertKey, str]:
    """Read alert.firing or alert.resolved as the transition of a verdict."""
    number = int(str(event["id"]).partition("/")[0].rpartition("-")[2])
    labels = event["labels"]
    label = next((name for name in ("role", "schema", "login") if name in labels), "")
    key = (str(event["target"]), str(event["check"]), label, str(labels.get(label, "")))
    return number, key, str(event["transition"])
