"""Who tells when Watchword itself sees nothing? The watcher: it turns what is known of targets, pools and Alertmanagers
into alerts about ourselves, and ends each when its reason is gone. Where it is too early to say, what stands is left
alone: so publishers agree, and a restart changes nothing. A fleet that is late or blind as a whole is few alerts, never
one for each target: the worst of a pool, and one that counts. Which targets are judged when stands in ``agenda.py``,
what is said now in ``said.py``. It has no clock and does no I/O.
"""

import datetime as dt
import heapq
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from services.publisher import about_ourselves as ourselves
from services.publisher.about_ourselves import about
from services.publisher.agenda import Agenda
from services.publisher.alert_states import AlertStates, Turn
from services.publisher.alerts import Alert
from services.publisher.looks import EPOCH, Judgement, Look, judge
from services.publisher.pools import Pool
from services.publisher.said import WELL, Said
from services.publisher.unreachable import Unreachable
from shared.checks import ENGINES
from shared.configuration import Change, Configuration, DeadMansSwitch
from shared.errors import ScheduleRefused
from shared.schedules import parse_duration
from shared.subjects import ResultSubject

MOST_OF_A_POOL = 50
"""So many targets of a pool have a stale or blind alert of their own."""
MOST_AT_ONCE = 50
"""Targets judged in one look; 10,000 of them take seconds otherwise."""
CLOCKS_DIFFER_BY = dt.timedelta(minutes=2)
"""An alert of another publisher that began so lately may stand by a clock that is ahead of ours."""


class Watcher:
    """What Watchword has to say about itself now."""

    def __init__(
        self,
        view: Configuration,
        states: AlertStates,
        looks_at: Callable[[str, str], Mapping[str, Look]],
        prefix: Callable[[], str],
        publisher: str = "",
    ) -> None:
        self._view = view
        self._said = Said(states)
        self._agenda = Agenda()
        self._looks_at = looks_at
        self._prefix = prefix
        self.not_before = EPOCH
        """When the stream of results was made."""
        self._is_begun = False
        self._pool_of: dict[str, str] = {}
        self._sizes: dict[str, int] = {}
        self._pools: dict[str, Pool] = {}
        self._open: dict[str, dict[str, Judgement]] = {}
        """By pool and target: those that are not well, or of which it is too early to say."""
        self._changed: set[str] = set()
        """Pools whose open targets are others than when alerts were chosen."""
        self._settled: set[str] = set()
        self._unreachable = Unreachable(publisher)
        self._setting = DeadMansSwitch()
        self._gone_after: dt.timedelta = dt.timedelta(minutes=5)
        self._error_lasts: dt.timedelta = dt.timedelta(hours=1)
        self._read_setting()

    # What comes in.

    def configured(self, change: Change, now: dt.datetime) -> list[Turn]:
        """Take in a change that the view has applied already."""
        match change:
            case Change(kind="target"):
                if self._is_begun and self._stands_for_target(change.name):
                    return self._see(change.name, now)
                self._agenda.note(change.name)
            case Change(kind="setting", name="dead-mans-switch"):
                self._read_setting()
                self._agenda.note_all()
            case Change(kind="check") | Change(kind="setting", name="disabled" | "interval" | "schedule"):
                self._agenda.note_all()
            case Change(kind="setting", name="installation"):
                self._agenda.note_all()
        return []

    def result(self, subject: ResultSubject, stored_at: dt.datetime, now: dt.datetime, *, is_error: bool) -> list[Turn]:
        """Take in that a check looked, or failed to. What an alert says is corrected at once, the rest is seen soon."""
        pool_name = self._pool_of.get(subject.target) if self._is_begun else None
        if pool_name is None or subject.engine not in ENGINES:
            return []
        pool = self._pools.setdefault(pool_name, Pool())
        pool.served_at = max(stored_at, pool.served_at or stored_at)
        if self._stands_for_target(subject.target):
            return self._see(subject.target, now)
        if is_error or subject.target in self._open.get(pool_name, ()):
            self._agenda.note(subject.target)
        return []

    def stream_restarted(self, now: dt.datetime) -> None:
        """Note that the results are others now: what is late by them is being caught up with."""
        self.not_before = now
        self._agenda.note_all()
        for pool in self._pools.values():
            pool.back_at = None

    def signs(self, signs: Mapping[str, dt.datetime | None], now: dt.datetime) -> None:
        """Note the newest sign of a checker in each pool."""
        for name, sign_at in signs.items():
            pool = self._pools.setdefault(name, Pool())
            newest = max((at for at in (sign_at, pool.served_at) if at is not None), default=None)
            pool.look(now, newest, self._gone_after)

    def alertmanagers(self, problems: Mapping[str, str | None], now: dt.datetime) -> None:
        """Note which Alertmanagers can't be reached, and why."""
        self._unreachable.note(problems, now)

    def adopt(self, subject: ResultSubject, alert: Alert, now: dt.datetime) -> list[Turn]:
        """Take in an alert about ourselves that stands in an Alertmanager and is not known here: kept for as long as it
        is too early to say, resolved when its reason is gone. What only another publisher can see is left to it.
        """
        if alert.starts_at is not None and alert.starts_at > now - CLOCKS_DIFFER_BY:
            return []
        if subject.check == ourselves.BLIND_ALERTMANAGER:
            is_ours = self._unreachable.remember(subject, alert, self._gone_after)
            return self._look_at_alertmanagers(now) if is_ours else []
        if subject.check not in _OF_TARGETS and subject.check not in _OF_POOLS and subject.check != ourselves.ALIVE:
            return []
        kept = {**self._said.of(subject), alert.fingerprint: alert}
        turns = self._said.put(subject, kept, now, "it stands in Alertmanager, and it is too early to say")
        if not self._is_begun:
            return turns
        if subject.check in _OF_TARGETS:
            return turns + self._see(subject.target, now)
        if subject.check in _OF_POOLS:
            self._changed.add(subject.target)
            return turns + self._look_at_pools([subject.target], now)
        return turns + self._say_alive(now)

    # What comes of it.

    @property
    def pools(self) -> list[str]:
        """Return the pools that targets are in."""
        return [name for name, size in self._sizes.items() if size]

    @property
    def firing(self) -> list[str]:
        """Return the kinds of all that is said now."""
        return [subject.check for subject in self._said]

    @property
    def gone_after(self) -> dt.timedelta:
        """Return how long a pool may show no sign of a checker."""
        return self._gone_after

    @property
    def has_more(self) -> bool:
        """Say whether targets wait to be judged."""
        return self._agenda.has_more

    def look(self, now: dt.datetime, most: int = MOST_AT_ONCE) -> list[Turn]:
        """Judge what is due, and return what came of it."""
        self._is_begun = True
        self._agenda.gather(self._view.targets, now)
        if not self._setting.enabled:
            self._open.clear()
            self._agenda.clear()
            return [turn for subject in self._said for turn in self._said.end(subject, now, "switched off")]
        turns = [turn for name in self._agenda.take(most) for turn in self._judge(name, now)]
        of_pools = {subject.target for subject in self._said if subject.check in _OF_POOLS}
        turns += self._look_at_pools(self._pools.keys() | self._sizes.keys() | of_pools, now)
        return turns + self._say_alive(now) + self._look_at_alertmanagers(now)

    def _read_setting(self) -> None:
        self._setting = self._view.setting(DeadMansSwitch, "dead-mans-switch") or DeadMansSwitch()
        self._gone_after = _duration(self._setting.gone_after, dt.timedelta(minutes=5))
        self._error_lasts = _duration(self._setting.error_lasts, dt.timedelta(hours=1))

    def _stands_for_target(self, name: str) -> bool:
        return any(about(kind, name) in self._said for kind in _OF_TARGETS)

    def _see(self, name: str, now: dt.datetime) -> list[Turn]:
        self._agenda.strike(name)
        turns = self._judge(name, now)
        pool = self._pool_of.get(name)
        return turns + (self._look_at_pools([pool], now) if pool is not None else [])

    def _judge(self, name: str, now: dt.datetime) -> list[Turn]:
        """Judge one target; what is surely over ends here, what begins is chosen among its pool."""
        target = self._view.target(name)
        self._place(name, target.pool if target else None)
        if target is None:
            self._agenda.forget(name)
            return self._end(name, now, f"target {name} was removed")
        self._changed.add(target.pool)
        judged = judge(
            self._view,
            target,
            self._looks_at(target.engine, name),
            now,
            not_before=self.not_before,
            error_lasts=self._error_lasts,
        )
        self._agenda.note_for(name, judged.look_again_at)
        if judged.is_well:
            self._open.get(target.pool, {}).pop(name, None)
            return self._end(name, now, WELL)
        self._open.setdefault(target.pool, {})[name] = judged
        turns: list[Turn] = []
        if not judged.late and not judged.may_be_late:
            turns += self._said.end(about(ourselves.STALE_TARGET, name), now, WELL)
        if not judged.blind and not judged.may_be_blind:
            turns += self._said.end(about(ourselves.BLIND_TARGET, name), now, WELL)
        return turns

    def _place(self, name: str, pool: str | None) -> None:
        before = self._pool_of.get(name)
        if before == pool:
            return
        if before is not None:
            self._sizes[before] -= 1
            self._open.get(before, {}).pop(name, None)
            self._changed.add(before)
            del self._pool_of[name]
        if pool is not None:
            self._pool_of[name] = pool
            self._sizes[pool] = self._sizes.get(pool, 0) + 1

    def _end(self, name: str, now: dt.datetime, reason: str) -> list[Turn]:
        return [turn for kind in _OF_TARGETS for turn in self._said.end(about(kind, name), now, reason)]

    def _look_at_pools(self, names: Iterable[str], now: dt.datetime) -> list[Turn]:
        turns: list[Turn] = []
        for name in list(names):
            pool = self._pools.setdefault(name, Pool())
            size = self._sizes.get(name, 0)
            service = pool.service(now, self._gone_after) if size else "served"
            if service != "unknown":
                alert = ourselves.blind_pool(name, size, self._prefix()) if service == "unserved" else None
                turns += self._said.say(about(ourselves.BLIND_POOL, name), alert, now)
            is_settled = pool.is_settled(now, self._gone_after)
            if is_settled != (name in self._settled):
                self._settled ^= {name}
                self._changed.add(name)
            if name in self._changed and not self.has_more:  # else it is not known yet how many they are
                self._changed.discard(name)
                turns += self._choose(ourselves.STALE_TARGET, name, now, may_begin=is_settled)
                turns += self._choose(ourselves.BLIND_TARGET, name, now, may_begin=True)
            if not size:
                for known in (self._pools, self._sizes, self._open):
                    known.pop(name, None)
                self._settled.discard(name)
        return turns

    def _choose(self, kind: str, pool: str, now: dt.datetime, *, may_begin: bool) -> list[Turn]:
        """Let the targets of a pool that are late, or blind, have alerts of their own, or one for all when they are too
        many: then none begins, and those that stand go on until they are well.
        """
        is_late = kind == ourselves.STALE_TARGET
        found = {name: one for name, one in self._open.get(pool, {}).items() if (one.late if is_late else one.blind)}
        are_many = len(found) > MOST_OF_A_POOL
        turns: list[Turn] = []
        if may_begin and not are_many:
            for name in sorted(found):
                turns += self._say_of_target(kind, name, found[name], now)
        else:
            for name in [name for name in found if about(kind, name) in self._said]:
                turns += self._say_of_target(kind, name, found[name], now)
        many = about(ourselves.STALE_MANY if is_late else ourselves.BLIND_MANY, pool)
        if are_many and may_begin:
            begins = (one.late_at if is_late else one.blind_at for one in found.values())
            stands = next(iter(self._said.of(many).values()), None)
            since = (stands and stands.starts_at) or heapq.nsmallest(MOST_OF_A_POOL + 1, begins)[-1]
            make = ourselves.stale_many if is_late else ourselves.blind_many
            turns += self._said.say(many, make(pool, list(found.values()), since, self._prefix()), now)
        elif not are_many and self._is_seen(pool):
            turns += self._said.say(many, None, now)
        return turns

    def _is_seen(self, pool: str) -> bool:
        """Say whether none of the pool's targets may yet turn out to be late or blind."""
        return not any(one.may_be_late or one.may_be_blind for one in self._open.get(pool, {}).values())

    def _say_of_target(self, kind: str, name: str, judged: Judgement, now: dt.datetime) -> list[Turn]:
        target = self._view.target(name)
        if target is None:
            return []
        return self._said.say(about(kind, name), _OF_TARGETS[kind](target, judged, self._prefix()), now)

    def _say_alive(self, now: dt.datetime) -> list[Turn]:
        alert = None
        if self._setting.enabled and self._setting.always_firing:
            since = self._view.written_at(self._view.setting_revision("dead-mans-switch"))
            alert = ourselves.alive(since, self._prefix())
        return self._said.say(about(ourselves.ALIVE, ourselves.OURSELVES), alert, now)

    def _look_at_alertmanagers(self, now: dt.datetime) -> list[Turn]:
        wanted = self._unreachable.alerts(now, self._gone_after, self._prefix())
        over = [
            subject for subject in self._said if subject.check == ourselves.BLIND_ALERTMANAGER and subject not in wanted
        ]
        turns = [turn for subject in over for turn in self._said.end(subject, now, "it can be reached again")]
        return turns + [turn for subject, alert in wanted.items() for turn in self._said.say(subject, alert, now)]


_OF_TARGETS: Final = {
    ourselves.STALE_TARGET: ourselves.stale_target,
    ourselves.BLIND_TARGET: ourselves.blind_target,
}
_OF_POOLS: Final = frozenset({ourselves.STALE_MANY, ourselves.BLIND_MANY, ourselves.BLIND_POOL})


def _duration(text: str, otherwise: dt.timedelta) -> dt.timedelta:
    try:
        return parse_duration(text)
    except ScheduleRefused:
        return otherwise
