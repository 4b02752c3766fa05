"""Does anything flicker? After each quiet period every alert that must be there is there: from then on, until the
referee touches what it stands for, it may neither disappear from an Alertmanager nor change its start nor come out of
its silence. An Alertmanager that the referee itself has killed or paused is excused until it shows them all again; in
what a person sees of both together an alert may never be missing. Pure.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from tests.soak.comparing import SAME_MOMENT_SECONDS, Difference, Shown
from tests.soak.inventory import AlertKey


@dataclass(frozen=True)
class Steady:
    """One alert that must stay as it is."""

    fingerprint: str
    starts_at: Mapping[str, float]
    """By Alertmanager."""
    is_muted: bool


@dataclass
class Watch:
    """What must stay, and who is excused."""

    steady: dict[AlertKey, Steady] = field(default_factory=dict)
    excused: dict[str, float] = field(default_factory=dict)
    """Alertmanagers that were harmed, each with the moment from which it could be whole again."""
    samples: int = 0
    compared: int = 0

    def establish(self, shown: Mapping[str, Iterable[Shown]]) -> None:
        """Take all alerts as they are shown now for those that must stay."""
        starts: dict[AlertKey, dict[str, float]] = {}
        last: dict[AlertKey, Shown] = {}
        for member, alerts in shown.items():
            for alert in alerts:
                if alert.key is not None:
                    starts.setdefault(alert.key, {})[member] = alert.starts_at
                    last[alert.key] = alert
        self.steady = {key: Steady(alert.fingerprint, starts[key], alert.is_suppressed) for key, alert in last.items()}

    def forget(self, is_touched: Callable[[AlertKey], bool]) -> None:
        """Expect nothing any more of alerts that are about to change."""
        self.steady = {key: steady for key, steady in self.steady.items() if not is_touched(key)}

    def expectation(self) -> dict[AlertKey, Steady]:
        """Return what must stay as of now; to be asked before the Alertmanagers are."""
        return self.steady

    def harm(self, member: str) -> None:
        """Excuse an Alertmanager that is about to be harmed, until it was mended."""
        self.excused[member] = math.inf

    def mended(self, member: str, at: float) -> None:
        """Note that an Alertmanager runs again; looks that begin later count."""
        self.excused[member] = at

    def see(
        self, before: Mapping[AlertKey, Steady], shown: Mapping[str, Iterable[Shown]], began: float
    ) -> list[Difference]:
        """Compare one look at all Alertmanagers that answered with what was expected before it and still is."""
        self.samples += 1
        expected = {key: steady for key, steady in before.items() if self.steady.get(key) is steady}
        views = {member: {alert.fingerprint: alert for alert in alerts} for member, alerts in shown.items()}
        differences: list[Difference] = []
        for member, view in views.items():
            broken = [
                difference
                for key, steady in expected.items()
                if (difference := _fault(member, key, steady, view.get(steady.fingerprint)))
            ]
            if member not in self.excused:
                differences += broken
                self.compared += len(expected)
            elif not broken and began > self.excused[member]:
                del self.excused[member]
        if views:
            for key, steady in expected.items():
                if not any(steady.fingerprint in view for view in views.values()) and len(views) > 1:
                    differences.append(Difference(key, "no Alertmanager shows it, and nothing about it has changed"))
        return differences


def _fault(member: str, key: AlertKey, steady: Steady, alert: Shown | None) -> Difference | None:
    if alert is None:
        return Difference(key, f"{member} does not show it any more, and nothing about it has changed")
    started = steady.starts_at.get(member)
    if started is not None and abs(alert.starts_at - started) > SAME_MOMENT_SECONDS:
        return Difference(key, f"{member} moved its start from {started:.3f} to {alert.starts_at:.3f}")
    if steady.is_muted and not alert.is_suppressed:
        return Difference(key, f"{member} shows it as active, and nobody ended its mute")
    return None
