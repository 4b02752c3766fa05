"""What does the referee do, and when? The seed decides it all: the same seed gives the same weaknesses, requests,
mutes, changes and faults in the same order with the same pauses. The plan keeps its own picture of what its actions
lead to, so it never asks for what it has removed. Faults come from a deck that is dealt to its end before it is
shuffled again, so a run of some length sees every kind. Pure.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from tests.soak.actions import PLANTS, Action, Apply, Ask, Fault, Mute, Plant, Repair, Step, Unmute, Weaken
from tests.soak.inventory import Inventory, Target
from tests.soak.weaknesses import CHECKS, Place, Weakness, weaknesses_of

POOLS = ("default", "far")
TEAMS = ("red", "blue")
SHORT_PAUSE, LONG_PAUSE = 10.0, 90.0
MOST_MISSING = 3
"""Targets that are out of the inventory at a time."""
LEASE_OUTLASTED_SECONDS = 20.0
CUT_SECONDS = 30.0
UNWELL_SECONDS = 45.0
"""How long an Alertmanager is slow or refuses: shorter than the lease of its alerts."""

DECK = (
    *(Fault("kill", stage, index) for stage in ("scheduler", "publisher", "silencer") for index in (0, 1)),
    *(Fault("kill", "checker", index) for index in (0, 1, 2)),
    *(Fault("pause", stage, 0, SHORT_PAUSE) for stage in ("scheduler", "checker", "publisher", "silencer")),
    *(Fault("pause", stage, 1, LONG_PAUSE) for stage in ("scheduler", "checker", "publisher", "silencer")),
    Fault("kill", "checker", 0, on="check.accepted.*"),
    Fault("kill", "checker", 1, on="check.started.*.*.*"),
    Fault("kill", "checker", 2, on="check.started.*.*.*"),
    Fault("kill", "checker", 0, on="check.result.verdict.*.*.*"),
    Fault("kill", "checker", 1, on="check.finished.*.*.*"),
    Fault("pause", "checker", 2, LEASE_OUTLASTED_SECONDS, on="check.started.*.*.*"),
    Fault("kill", "scheduler", 0, on="check.requested.due.*.*.*"),
    Fault("kill", "publisher", 0, on="check.result.verdict.*.*.*"),
    Fault("kill", "publisher", 1, on="check.result.verdict.*.*.*"),
    Fault("kill", "silencer", 0, on="mute.requested"),
    Fault("kill", "silencer", 1, on="mute.result.*"),
    Fault("kill", "nats", 0),
    Fault("kill", "nats", 1),
    Fault("pause", "nats", 2, SHORT_PAUSE),
    Fault("cut", "nats", 0, CUT_SECONDS),
    Fault("cut", "nats", 1, LONG_PAUSE),
    *(Fault("forget", "nats", index) for index in range(3)),
    Fault("kill", "alertmanager", 0),
    Fault("kill", "alertmanager", 1),
    Fault("pause", "alertmanager", 0, SHORT_PAUSE),
    Fault("slow", "alertmanager", 1, UNWELL_SECONDS),
    Fault("late", "alertmanager", 0, UNWELL_SECONDS),
    *(Fault("refuse", "alertmanager", status % 2, UNWELL_SECONDS, status=status) for status in (429, 500, 503)),
    Fault("lose", "alertmanager", 0, UNWELL_SECONDS),
    Fault("restart", "postgresql"),
    Fault("restart", "mysql"),
    Fault("sessions", "postgresql"),
    Fault("pause", "mysql", 0, SHORT_PAUSE),
)


@dataclass
class Planner:
    """Makes the plan, round by round."""

    seed: int
    places: Sequence[Place]
    weak: set[Weakness] = field(default_factory=set)
    mutes: dict[tuple[str, str], Mute] = field(default_factory=dict)
    _numbers: int = 0
    _deck: list[Fault] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self.inventory = Inventory({place.name: self._target(place.name, place) for place in self.places})
        for place in self.places:
            self.weak |= {weakness for weakness in weaknesses_of(place) if self._random.random() < 0.5}

    def chooses_cluster(self) -> bool:
        """Say whether NATS is a cluster, where nobody says so: the last bit of the seed, for all to see."""
        return self.seed % 2 == 1

    def round(self, actions: int, faults: int, actions_of_long_pauses: int = 0) -> list[Step]:
        """Return the next round: so many actions, and so many faults among them. While something is paused for long
        the others go on, so that there are more actions then.
        """
        kinds: list[Callable[[], list[Action]]] = [
            *([self._weaken] * 5),
            *([self._repair] * 5),
            *([self._ask] * 5),
            *([self._mute] * 3),
            *([self._unmute] * 2),
            *([self._apply] * 2),
            self._plant,
        ]
        steps: list[Step] = []
        dealt = [self._fault() for _ in range(faults)]
        fault_places = set(self._random.sample(range(actions), faults))
        is_long = any(fault.seconds >= LONG_PAUSE for fault in dealt)
        for place in range(actions + is_long * actions_of_long_pauses):
            if place in fault_places:
                fault = dealt.pop()
                steps.append(Step(self._random.uniform(0.1, 1.0), fault))
                if fault.what in {"postgresql", "mysql"}:  # somebody has to look meanwhile, and in vain
                    steps.append(Step(self._random.uniform(0.1, 0.5), Ask(None)))
            steps += [Step(self._random.uniform(0.1, 2.0), action) for action in self._random.choice(kinds)()]
        return steps

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _target(self, name: str, place: Place) -> Target:
        return Target(name, place, self._random.choice(POOLS), self._random.choice(TEAMS))

    def _some_target(self) -> Target:
        return self._random.choice([self.inventory.targets[name] for name in sorted(self.inventory.targets)])

    def _some_check(self, target: Target) -> str:
        return self._random.choice(CHECKS[target.place.engine])

    def _fault(self) -> Fault:
        if not self._deck:
            self._deck = list(DECK)
            self._random.shuffle(self._deck)
        return self._deck.pop()

    def _weaken(self) -> list[Action]:
        every = [one for place in self.places for one in weaknesses_of(place) if one not in self.weak]
        if not every:
            return []
        chosen = self._random.choice(every)
        self.weak.add(chosen)
        return [Weaken(chosen), *self._maybe_ask(chosen)]

    def _repair(self) -> list[Action]:
        if not self.weak:
            return []
        chosen = self._random.choice(sorted(self.weak))
        self.weak.remove(chosen)
        return [Repair(chosen), *self._maybe_ask(chosen)]

    def _maybe_ask(self, about: Weakness) -> list[Action]:
        names = [one.name for one in self.inventory.targets.values() if one.place == about.place]
        if self._random.random() < 0.4 or not names or not self.inventory.is_on(about.check, names[0]):
            return []
        checks = (about.check,) if self._random.random() < 0.5 else None
        return [Ask((names[0],), checks)]

    def _ask(self) -> list[Action]:
        draw = self._random.random()
        if draw < 0.1:
            return [Ask(None)]
        count = 1 if draw < 0.6 else self._random.randint(2, 12)
        names = [name for name in sorted(self.inventory.targets) if self.inventory.has_work(name)]
        return [Ask(tuple(self._random.sample(names, min(count, len(names)))))] if names else []

    def _mute(self) -> list[Action]:
        target = self._some_target()
        check = self._some_check(target)
        if (target.name, check) in self.mutes:
            return []
        weak = [one.finding for one in sorted(self.weak) if (one.place, one.check) == (target.place, check)]
        finding = self._random.choice(weak) if weak and self._random.random() < 0.4 else None
        mute = self.mutes[target.name, check] = Mute(self._number(), target.name, check, finding)
        return [mute]

    def _unmute(self) -> list[Action]:
        if not self.mutes:
            return []
        mute = self.mutes.pop(self._random.choice(sorted(self.mutes)))
        return [Unmute(mute.number, mute.target, mute.check, self._random.random() < 0.5)]

    def _plant(self) -> list[Action]:
        kind = self._random.choice(PLANTS)
        target = self._some_target()
        return [Plant(self._number(), kind, target.name, self._some_check(target))]

    def _apply(self) -> list[Action]:
        changes = (self._switch, self._switch, self._remove_or_add, self._rename, self._move, self._relabel)
        action = self._random.choice(changes)()
        self.inventory = action.inventory
        return [action]

    def _switch(self) -> Apply:
        if self.inventory.disabled and self._random.random() < 0.75:
            chosen = self._random.choice(sorted(self.inventory.disabled, key=str))
            changed = replace(self.inventory, disabled=self.inventory.disabled - {chosen})
            return Apply(changed, "enable", self._touched_by(*chosen))
        target = self._some_target()
        check = self._some_check(target)
        where = None if self._random.random() < 0.1 else target.name
        if (check, where) in self.inventory.disabled:
            return self._relabel()
        changed = replace(self.inventory, disabled=self.inventory.disabled | {(check, where)})
        return Apply(changed, "disable", self._touched_by(check, where))

    def _touched_by(self, check: str, target: str | None) -> frozenset[tuple[str, str | None]]:
        names = [target] if target else sorted(self.inventory.targets)
        return frozenset((name, check) for name in names)

    def _remove_or_add(self) -> Apply:
        present = {target.place for target in self.inventory.targets.values()}
        missing = [place for place in self.places if place not in present]
        if missing and (len(missing) >= MOST_MISSING or self._random.random() < 0.5):
            place = self._random.choice(missing)
            added = self._target(place.name, place)
            return Apply(self.inventory.with_target(added), "add", frozenset({(added.name, None)}))
        target = self._some_target()
        without = self._without_settings_of(target.name).without_target(target.name)
        return Apply(without, "remove", frozenset({(target.name, None)}))

    def _rename(self) -> Apply:
        target = self._some_target()
        renamed = replace(target, name=f"{target.place.name}-{self._number()}")
        changed = self._without_settings_of(target.name).without_target(target.name).with_target(renamed)
        return Apply(changed, "rename", frozenset({(target.name, None), (renamed.name, None)}))

    def _without_settings_of(self, name: str) -> Inventory:
        kept = frozenset(one for one in self.inventory.disabled if one[1] != name)
        return replace(self.inventory, disabled=kept)

    def _move(self) -> Apply:
        target = self._some_target()
        pool = next(pool for pool in POOLS if pool != target.pool)
        return Apply(self.inventory.with_target(replace(target, pool=pool)), "move", frozenset())

    def _relabel(self) -> Apply:
        target = self._some_target()
        team = next(team for team in TEAMS if team != target.team)
        changed = self.inventory.with_target(replace(target, team=team))
        return Apply(changed, "relabel", frozenset({(target.name, None)}))
