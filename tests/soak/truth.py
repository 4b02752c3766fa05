"""What does the referee know that nobody else does? What is weak since when, what is configured, which mutes are in
force, what it asked for and what it planted. Only its own actions change it. Pure.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.soak.actions import Apply, Ask, Mute, Plant
from tests.soak.answering import Asked
from tests.soak.comparing import matchers_of
from tests.soak.history import History
from tests.soak.inventory import AlertKey, Expected, Inventory, expected_alerts
from tests.soak.verdicts import weaknesses_seen_by
from tests.soak.weaknesses import Weakness


@dataclass
class Truth:
    """All that is true."""

    inventory: Inventory
    history: History[Weakness] = field(default_factory=History)
    mutes: dict[int, Mute] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    planted: list[str] = field(default_factory=list)

    def expected(self) -> dict[AlertKey, Expected]:
        """Return the alerts that must be there once everything was looked at."""
        return expected_alerts(self.inventory, self.history.true_now())

    def wanted_silences(self) -> dict[str, frozenset[tuple[str, str]]]:
        """Return the matchers of each mute in force, by the words of its comment."""
        return {words_of(mute): matchers_of(mute, severity_of(mute)) for mute in self.mutes.values()}

    def excuse(self, change: Apply, is_answered: Callable[[Asked], bool]) -> None:
        """Note which requests may become dead letters because a change took away what they ask for."""
        if change.what in {"move", "relabel", "add", "enable"}:
            return
        names = {target for target, _ in change.touched}
        self.asked = [
            replace(one, is_excused=True)
            if one.targets is not None and names & set(one.targets) and not is_answered(one)
            else one
            for one in self.asked
        ]


def is_touched(change: Apply, key: AlertKey) -> bool:
    """Say whether a change of the configuration is about an alert."""
    return (key[0], None) in change.touched or (key[0], key[1]) in change.touched


def severity_of(mute: Mute) -> str | None:
    """Return the severity of the finding that a mute is about; None when it is about all of them."""
    if mute.finding is None:
        return None
    seen = weaknesses_seen_by(mute.target, mute.check)
    return next(one.severity for one in seen if one.finding == mute.finding)


def words_of(mute: Mute) -> str:
    """Return the comment of a mute."""
    return f"mute-{mute.number} of the referee"


def mute_body(mute: Mute, fingerprint: str | None) -> bytes:
    """Return the request for a mute: by fingerprint when there is one, else by names or matchers."""
    what: dict[str, Any]
    if fingerprint is not None:
        what = {"fingerprint": fingerprint}
    elif mute.finding is None:
        what = {"target": mute.target, "check": mute.check}
    else:
        matchers = sorted(matchers_of(mute, severity_of(mute)))
        what = {"matchers": [{"name": name, "value": value} for name, value in matchers]}
    return _json({**what, "for": "2h", "created_by": "the referee", "comment": words_of(mute)})


def request_body(ask: Ask, words: str) -> bytes:
    """Return a request for runs."""
    body: dict[str, Any] = {"id": words, "requested_by": "the referee"}
    if ask.targets is not None:
        body["targets"] = list(ask.targets)
    if ask.checks is not None:
        body["checks"] = list(ask.checks)
    return _json(body)


def plant(action: Plant, engine: str) -> tuple[str, bytes]:
    """Return the subject and the body of something malformed; its mark is in the body."""
    mark = mark_of(action)
    match action.kind:
        case "request":
            return "check.requested", f'{{"targets": ["{mark}"'.encode()
        case "nobody":
            return "check.requested", _json({"targets": [mark]})
        case "mute":
            return "mute.requested", _json({"target": action.target, "check": action.check, "comment": mark})
        case _:
            subject = f"check.result.verdict.{engine}.{action.target}.{action.check}"
            return subject, f'{{"status": "passed", "check": "{mark}"'.encode()


def mark_of(action: Plant) -> str:
    """Return what tells a planted message from all others."""
    return f"plant-{action.number}-by-the-referee"


def _json(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body).encode()
