"""What is configured at the moment, and which alerts follow from it and from what is weak? The inventory is a value:
each change makes another one, so what stood before an apply and after it can be compared. Pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tests.soak.weaknesses import CHECKS, Place, Weakness

AlertKey = tuple[str, str, str, str]
"""Target, check, and name and value of the finding's label: one finding, whatever labels its target has."""


@dataclass(frozen=True)
class Target:
    """One entry of the inventory."""

    name: str
    place: Place
    pool: str
    team: str


@dataclass(frozen=True)
class Inventory:
    """What the inventory file says."""

    targets: Mapping[str, Target]
    disabled: frozenset[tuple[str, str | None]] = frozenset()
    """Checks that are off, each with the one target where it is, or None for all."""

    def is_on(self, check: str, target: str) -> bool:
        """Say whether a check runs on a target."""
        return (check, None) not in self.disabled and (check, target) not in self.disabled

    def with_target(self, target: Target) -> "Inventory":
        """Return it with a target added or replaced."""
        return replace(self, targets={**self.targets, target.name: target})

    def without_target(self, name: str) -> "Inventory":
        """Return it without a target."""
        return replace(self, targets={known: target for known, target in self.targets.items() if known != name})

    def has_work(self, target: str) -> bool:
        """Say whether any check runs on a target."""
        entry = self.targets.get(target)
        return entry is not None and any(self.is_on(check, target) for check in CHECKS[entry.place.engine])


@dataclass(frozen=True)
class Expected:
    """One alert that must be there."""

    key: AlertKey
    labels: Mapping[str, str]
    weakness: Weakness


def expected_alerts(inventory: Inventory, weak: Iterable[Weakness]) -> dict[AlertKey, Expected]:
    """Return the alerts that must be there once everything was looked at."""
    at: dict[Place, list[Weakness]] = {}
    for weakness in weak:
        at.setdefault(weakness.place, []).append(weakness)
    expected = {}
    for target in inventory.targets.values():
        for weakness in at.get(target.place, ()):
            if inventory.is_on(weakness.check, target.name):
                key = (target.name, weakness.check, *weakness.finding)
                expected[key] = Expected(key, labels_of(target, weakness), weakness)
    return expected


def labels_of(target: Target, weakness: Weakness) -> dict[str, str]:
    """Return the labels of an alert, complete."""
    return {
        "alertname": weakness.check,
        "check": weakness.check,
        "service_name": target.name,
        "service_type": target.place.engine,
        "severity": weakness.severity,
        "team": target.team,
        weakness.label: weakness.value,
    }


def place_of(target: str) -> str:
    """Return the name of the place that a target of this name looks at: a renamed one has the old name in front."""
    return target.partition("-")[0]


def document(
    inventory: Inventory,
    *,
    dsn_of: Mapping[str, str],
    disabled: Iterable[str],
    frequent_seconds: int,
    alertmanagers: Iterable[str],
) -> dict[str, Any]:
    """Return the inventory file. ``disabled`` are the built-in checks, which nobody here knows the truth of."""
    switched_off = [{"check": check, "target": target} if target else check for check, target in sorted_off(inventory)]
    schedules = {checks[0]: f"{frequent_seconds}s" for checks in CHECKS.values()}
    return {
        "targets": [
            {"name": one.name, "dsn": dsn_of[one.place.name], "pool": one.pool, "labels": {"team": one.team}}
            for one in inventory.targets.values()
        ],
        "checks": ["checks.yml"],
        "settings": {"disabled": [*disabled, *switched_off], "intervals": {"checks": schedules}},
        "alertmanagers": [{"urls": list(alertmanagers)}],
    }


def sorted_off(inventory: Inventory) -> list[tuple[str, str | None]]:
    """Return what is off in an order that does not change."""
    return sorted(inventory.disabled, key=lambda one: (one[0], one[1] or ""))
