"""What an inventory would change in the configuration bucket, and in which order that is safe to write: checks and
settings first, targets after them, removals last, so that nothing runs with half of what was meant for it. Pure; the
same inventory planned against its own result changes nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from shared import subjects
from shared.checks import Check
from shared.configuration import Installation, Setting
from shared.errors import WatchwordError
from watchword.inventory.bucket import Snapshot, as_json
from watchword.inventory.collected import AUTHOR
from watchword.inventory.problems import InventoryRefused, Problem
from watchword.inventory.reading import Inventory
from watchword.inventory.secrets import HOW_TO_REFER

Action = Literal["add", "change", "remove"]
Kind = Literal["target", "check", "setting"]
_ORDER_OF_WRITES: tuple[Kind, ...] = ("setting", "check", "target")
_ORDER_OF_REMOVALS: tuple[Kind, ...] = ("target", "check", "setting")


class WouldRemoveEverything(WatchwordError):
    """An inventory without targets would remove all that are there; that is hardly ever meant."""


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of the bucket that has to change."""

    action: Action
    kind: Kind
    key: str
    value: BaseModel | None
    """What to write; None removes."""
    before: BaseModel | None
    """What stands there; None when nothing does, or nothing that this version can read."""
    expected: int
    """The revision that the entry must still have when it is written; 0 when it was never written."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return what the entry is called: a target's or check's name, or a setting's origin, kind and names."""
        return subjects.parse_key(self.key)[1:]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that has to change, in the order of writing."""

    steps: tuple[Step, ...]
    kept_checks: tuple[str, ...] = ()
    """Checks that stay as they are because their file could not be read."""

    def count(self, action: Action) -> int:
        """Return how many entries are added, changed or removed."""
        return sum(step.action == action for step in self.steps)


def entries(inventory: Inventory, private_pool: str | None = None) -> dict[str, BaseModel]:
    """Return what the bucket should hold of an inventory, by key.

    Targets whose password stands in clear belong to ``private_pool``, whose only checker has the passwords in memory;
    without one they are refused with ``InventoryRefused``.
    """
    if inventory.passwords and private_pool is None:
        raise InventoryRefused([_refusal(warning) for warning in inventory.warnings])
    found: dict[str, BaseModel] = {}
    for names, setting in inventory.settings.items():
        found[subjects.setting_key("file", *names)] = setting
    for check in inventory.checks.values():
        found[subjects.check_key(check.name)] = check
    for target in inventory.targets.values():
        if target.name in inventory.passwords:
            target = target.model_copy(update={"pool": private_pool})  # noqa: PLW2901
        found[subjects.target_key(target.name)] = target
    return found


def _refusal(warning: Problem) -> Problem:
    message = "a password in clear never leaves the process that reads it"
    hint = f"{HOW_TO_REFER}; for a trial: watchword up --config {warning.file}"
    return Problem(warning.file, warning.line, warning.column, warning.path, message, hint)


def make_plan(inventory: Inventory, snapshot: Snapshot, private_pool: str | None = None) -> Plan:
    """Compare an inventory with the bucket. Raises ``InventoryRefused`` for passwords in clear without a pool."""
    wanted = entries(inventory, private_pool)
    writes = [step for key, value in wanted.items() if (step := _write(key, value, snapshot))]
    kept: list[str] = []
    removals = list(_removals(wanted, inventory, snapshot, kept))
    writes.sort(key=lambda step: (_ORDER_OF_WRITES.index(step.kind), step.key))
    removals.sort(key=lambda step: (_ORDER_OF_REMOVALS.index(step.kind), step.key))
    return Plan((*writes, *removals), tuple(sorted(kept)))


def require_targets(inventory: Inventory, snapshot: Snapshot) -> None:
    """Raise ``WouldRemoveEverything`` when the inventory has no targets and the bucket has some."""
    present = [key for key in snapshot.values if kind_of(key) == "target"]
    if present and not inventory.targets:
        message = (
            f"{inventory.file} has no targets, so this would remove all {len(present)} that are there and end their "
            f"alerts. If that is what you want: watchword apply {inventory.file} --allow-empty"
        )
        raise WouldRemoveEverything(message)


def kind_of(key: str) -> Kind | None:
    """Return what kind of entry a key is for; None for one that this version does not know."""
    kind = key.partition(".")[0]
    return kind if kind in {"target", "check", "setting"} else None  # type: ignore[return-value] # narrowed by the set


def _write(key: str, value: BaseModel, snapshot: Snapshot) -> Step | None:
    kind = kind_of(key)
    before = snapshot.values.get(key)
    if kind is None or (before is not None and as_json(before) == as_json(value)):
        return None
    action: Action = "change" if key in snapshot.values else "add"
    return Step(action, kind, key, value, before, snapshot.revisions.get(key, 0))


def _removals(
    wanted: Mapping[str, BaseModel], inventory: Inventory, snapshot: Snapshot, kept: list[str]
) -> Iterator[Step]:
    for key, before in snapshot.values.items():
        kind = kind_of(key)
        if key in wanted or kind is None:
            continue
        if kind == "setting" and not _is_of_apply(before):
            continue
        if isinstance(before, Check) and _may_be_in_a_broken_file(before, inventory):
            kept.append(before.name)
            continue
        yield Step("remove", kind, key, None, before, snapshot.revisions[key])


def _is_of_apply(setting: BaseModel | None) -> bool:
    """Say whether a setting came from a file; what people, ``init`` and ``up`` wrote stays.

    An installation's URL is never removed: by it a publisher knows the alerts that it has in Alertmanager.
    """
    return isinstance(setting, Setting) and setting.author == AUTHOR and not isinstance(setting, Installation)


def _may_be_in_a_broken_file(check: Check, inventory: Inventory) -> bool:
    return check.name in inventory.broken_checks or check.source in inventory.broken_sources
