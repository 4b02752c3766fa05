"""Which units are there? A unit is a target and a schedule: all enabled checks of a target that share a schedule travel
as one request. This module keeps the units current, change by change: what touches one target is computed for that
target, what touches a check for the targets of its engine, so the work grows with what changed. It agrees with
``shared.schedules``, which says what runs when; whether anything is owed is left to ``plan.py``.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from services.scheduler.slots import splay_of
from shared import subjects
from shared.checks import ENGINES, Check, Engine
from shared.configuration import Change, Configuration
from shared.errors import NameRefused, ScheduleRefused
from shared.schedules import Timing, revision_of, schedules_of, timing_of
from shared.targets import Target

UnitKey = tuple[str, str]
"""Target and schedule."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What travels as one request: a target's checks of one schedule."""

    target: str
    pool: str
    schedule: str
    timing: Timing
    splay: dt.timedelta
    revision: int
    """The newest revision of the configuration that decides what these checks do here."""

    @property
    def key(self) -> UnitKey:
        """Return what tells this unit from all others."""
        return self.target, self.schedule


@dataclass(slots=True)
class _Group:
    """The checks of one schedule, before any single target is looked at."""

    revision: int
    timing: Timing | None
    refused: str = ""


@dataclass(slots=True)
class Units:
    """All units, as the configuration has them. Tell ``note`` of each change, then ``refresh``."""

    configuration: Configuration
    _refused: dict[str, dict[str, str]] = field(default_factory=dict)
    _by_target: dict[str, dict[str, Unit]] = field(default_factory=dict)
    _count: int = 0
    _groups: dict[Engine, dict[str, _Group]] = field(default_factory=dict)
    _targets_of: dict[Engine, set[str]] = field(default_factory=lambda: defaultdict(set))
    _engine_of_target: dict[str, Engine] = field(default_factory=dict)
    _engine_of_check: dict[str, Engine] = field(default_factory=dict)
    _with_settings: set[str] = field(default_factory=set)
    """Targets that a setting ever named: what they run is their own."""
    _engines_to_see: set[Engine] = field(default_factory=set)
    _targets_to_see: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for _, kind, *names in self.configuration.settings:
            if (target := _target_named(kind, tuple(names))) is not None:
                self._with_settings.add(target)
        self._engine_of_check = {check.name: check.engine for check in self.configuration.all_checks()}
        self._targets_to_see = set(self.configuration.targets)
        self._engines_to_see = set(ENGINES)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Unit]:
        for units in self._by_target.values():
            yield from units.values()

    @property
    def targets(self) -> int:
        """Return how many targets have anything to run."""
        return len(self._by_target)

    @property
    def refused(self) -> dict[UnitKey, str]:
        """Return what can't be scheduled (a schedule of a newer version, a name that is too long), with the reason."""
        return {(target, s): reason for target, reasons in self._refused.items() for s, reason in reasons.items()}

    @property
    def is_current(self) -> bool:
        """Say whether nothing was noted since the last ``refresh``."""
        return not self._targets_to_see and not self._engines_to_see

    def get(self, key: UnitKey) -> Unit | None:
        """Return a unit, or None when there is no such any more."""
        return self._by_target.get(key[0], {}).get(key[1])

    def note(self, change: Change) -> None:
        """Remember what an entry of the configuration touches. Costs next to nothing; ``refresh`` does the work."""
        match change.kind, change.names:
            case "target", _:
                self._targets_to_see.add(change.name)
            case "check", _:
                self._see_check(change.name)
                check = self.configuration.check(change.name)
                if check is not None:
                    self._engine_of_check[check.name] = check.engine
                    self._see_check(check.name)
            case "setting", _ if change.name == "schedule":
                self._engines_to_see.update(ENGINES)
            case "setting", names if (target := _target_named(change.name, names)) is not None:
                self._with_settings.add(target)
                self._targets_to_see.add(target)
            case "setting", (check_name, *_):
                self._see_check(check_name)

    def refresh(self) -> set[UnitKey]:
        """Compute again what was noted, and return the units that are new, changed or gone."""
        self._place_targets()
        for engine in self._engines_to_see:
            groups = self._groups_of(engine)
            if groups != self._groups.get(engine):
                self._groups[engine] = groups
                self._targets_to_see |= self._targets_of[engine]
            else:  # a check that is off for all may be on for one
                self._targets_to_see |= self._targets_of[engine] & self._with_settings
        self._engines_to_see.clear()
        changed: set[UnitKey] = set()
        for name in self._targets_to_see:
            before = self._by_target.get(name, {})
            self._refused.pop(name, None)
            target = self.configuration.target(name)
            now = self._units_of(target) if target else {}
            self._count += len(now) - len(before)
            changed |= {(name, s) for s in before.keys() | now.keys() if before.get(s) != now.get(s)}
            if now:
                self._by_target[name] = now
            else:
                self._by_target.pop(name, None)
        self._targets_to_see.clear()
        return changed

    def _see_check(self, name: str) -> None:
        engine = self._engine_of_check.get(name)
        if engine is not None:
            self._engines_to_see.add(engine)

    def _place_targets(self) -> None:
        for name in self._targets_to_see:
            target = self.configuration.target(name)
            engine = self._engine_of_target.pop(name, None)
            if engine is not None:
                self._targets_of[engine].discard(name)
            if target is not None:
                self._engine_of_target[name] = target.engine
                self._targets_of[target.engine].add(name)

    def _groups_of(self, engine: Engine) -> dict[str, _Group]:
        # A target without a name is one that no setting can name, and that no entry of the bucket has written.
        any_target = Target.model_construct(name="", engine=engine)
        return self._grouped(any_target, schedules_of(self.configuration, any_target))

    def _grouped(self, target: Target, schedules: dict[str, list[Check]]) -> dict[str, _Group]:
        groups = {}
        for schedule, checks in schedules.items():
            revision = revision_of(self.configuration, target, checks)
            try:
                groups[schedule] = _Group(revision, timing_of(self.configuration, schedule))
            except ScheduleRefused as refused:
                groups[schedule] = _Group(revision, None, str(refused))
        return groups

    def _units_of(self, target: Target) -> dict[str, Unit]:
        if target.name in self._with_settings:
            groups = self._grouped(target, schedules_of(self.configuration, target))
        else:
            groups = self._groups.get(target.engine, {})
        own = self.configuration.targets[target.name].revision
        units = {}
        for schedule, group in groups.items():
            refused = group.refused or _unspeakable(target, schedule)
            if refused or group.timing is None:
                self._refused.setdefault(target.name, {})[schedule] = refused
                continue
            splay = splay_of(target.name, schedule, group.timing)
            units[schedule] = Unit(target.name, target.pool, schedule, group.timing, splay, max(own, group.revision))
        return units


def _target_named(kind: str, names: tuple[str, ...]) -> str | None:
    """Return the target that a setting is for, None for one that is for all. After a check comes a target, except
    where any number of settings tell themselves apart by a digest.
    """
    return names[1] if len(names) > 1 and kind != "parameters" else None


def _unspeakable(target: Target, schedule: str) -> str:
    try:
        subjects.run_requested("due", target.pool, target.name, schedule)
    except NameRefused as refused:
        return str(refused)
    return ""
