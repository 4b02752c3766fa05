"""Was a target looked at in time, and could its checks see anything? Judged from what the stream and the configuration
say, so every publisher comes to the same: a check is late when nobody looked for twice its interval (for cron: not
between two firings), and blind when an error has stood since its last verdict for longer than a passing failure does.
What was changed lately counts from the change, for then it is run anew. What is too early to say is said to be so: an
alert that stands is then left alone. Pure; what becomes of the judgement is the watcher's business.
"""

import datetime as dt
import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from shared.configuration import Configuration
from shared.errors import ScheduleRefused
from shared.schedules import Cron, Every, Timing, firings, revision_of, schedules_of, timing_of
from shared.targets import Target

NEVER = dt.datetime.max.replace(tzinfo=dt.UTC)
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
WITHOUT_A_SCHEDULE = Every(dt.timedelta(days=1))
"""By which a check is measured whose schedule can't be understood here: nobody runs it, and that must be told."""


class Look(NamedTuple):
    """When a check last looked at a target, and when it last failed to."""

    verdict_at: dt.datetime | None
    error_at: dt.datetime | None
    reason: str = ""
    """Of the error."""

    @property
    def at(self) -> dt.datetime | None:
        """Return when anybody last tried, None when nobody ever did."""
        return max((at for at in (self.verdict_at, self.error_at) if at is not None), default=None)

    @property
    def is_error(self) -> bool:
        """Say whether the last try was in vain."""
        return self.error_at is not None and (self.verdict_at is None or self.error_at > self.verdict_at)


NO_LOOK = Look(None, None)


class Late(NamedTuple):
    """A check that nobody looked at in time."""

    last_at: dt.datetime | None
    schedule: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is to be said about one target now."""

    checks: int = 0
    """How many are enabled."""
    late: Mapping[str, Late] = field(default_factory=dict)
    late_at: dt.datetime = NEVER
    """Since when the first of them is late."""
    may_be_late: bool = False
    """It is too early to say that no other is."""
    blind: Mapping[str, str] = field(default_factory=dict)
    """Checks that can't look, with the reason."""
    blind_at: dt.datetime = NEVER
    may_be_blind: bool = False
    look_again_at: dt.datetime = NEVER
    """When this is otherwise although nothing was stored."""

    @property
    def is_well(self) -> bool:
        """Say whether nothing is to be told, and surely so."""
        return not (self.late or self.blind or self.may_be_late or self.may_be_blind)


NOTHING_ENABLED = Judgement()


def judge(
    view: Configuration,
    target: Target,
    looks: Mapping[str, Look],
    now: dt.datetime,
    *,
    not_before: dt.datetime = EPOCH,
    error_lasts: dt.timedelta = dt.timedelta(hours=1),
) -> Judgement:
    """Judge a target by the last looks at its checks. ``not_before`` is when the stream of results was made."""
    late: dict[str, tuple[dt.datetime, Late]] = {}
    blind: dict[str, tuple[dt.datetime, str]] = {}
    may_be_late = may_be_blind = False
    again = NEVER
    number = 0
    for schedule, checks in schedules_of(view, target).items():
        timing = _timing(view, schedule)
        changed_at = max(view.written_at(revision_of(view, target, checks)) or EPOCH, not_before)
        number += len(checks)
        for check in checks:
            look = looks.get(check.name, NO_LOOK)
            late_at = overdue_at(timing, max(look.at or EPOCH, changed_at))
            if now >= late_at:
                late[check.name] = late_at, Late(look.at, schedule)
            else:
                again = min(again, late_at)
                may_be_late = may_be_late or look.at is None or now >= overdue_at(timing, look.at)
            blind_at = in_vain_at(timing, look.verdict_at, changed_at, error_lasts)
            if look.is_error and now >= blind_at:
                blind[check.name] = blind_at, look.reason
            elif look.is_error:
                again = min(again, blind_at)
                may_be_blind = True
    return Judgement(
        checks=number,
        late={name: one for name, (_, one) in sorted(late.items())},
        late_at=_first(at for at, _ in late.values()),
        may_be_late=may_be_late,
        blind={name: reason for name, (_, reason) in sorted(blind.items())},
        blind_at=_first(at for at, _ in blind.values()),
        may_be_blind=may_be_blind,
        look_again_at=again,
    )


def overdue_at(timing: Timing, since: dt.datetime) -> dt.datetime:
    """Return when a check is late that was last looked at, or changed, at a moment."""
    match timing:
        case Every(interval):
            return _later(since, 2 * interval)
        case Cron(line, zone):
            return _two_firings(line, zone, _minute(since))[1]


def in_vain_at(
    timing: Timing, verdict_at: dt.datetime | None, changed_at: dt.datetime, error_lasts: dt.timedelta
) -> dt.datetime:
    """Return from when on an error counts as lasting: some time after the next scheduled look, or after the run that a
    change brings. That time is the interval itself where it is shorter, so that two runs failed.
    """
    patience = min(timing.interval, error_lasts) if isinstance(timing, Every) else error_lasts
    if verdict_at is None or changed_at > verdict_at:
        return _later(changed_at, patience)
    match timing:
        case Every(interval):
            return _later(verdict_at, interval + patience)
        case Cron(line, zone):
            return _later(_two_firings(line, zone, _minute(verdict_at))[0], patience)


@functools.lru_cache(maxsize=4096)  # a fleet shares its cron lines, and the checks of a run their minute
def _two_firings(line: str, zone: str, minute: int) -> tuple[dt.datetime, dt.datetime]:
    coming = firings(line, zone, EPOCH + dt.timedelta(minutes=minute))
    return next(coming, NEVER), next(coming, NEVER)


def _minute(moment: dt.datetime) -> int:
    return int((moment - EPOCH).total_seconds()) // 60


def _timing(view: Configuration, schedule: str) -> Timing:
    try:
        return timing_of(view, schedule)
    except ScheduleRefused:
        return WITHOUT_A_SCHEDULE


def _later(moment: dt.datetime, by: dt.timedelta) -> dt.datetime:
    return moment + by if NEVER - moment > by else NEVER


def _first(moments: Iterable[dt.datetime]) -> dt.datetime:
    return min(moments, default=NEVER)
