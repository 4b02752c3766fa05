"""Which slot of a schedule is due when? A slot is its due time, never a counter: an interval's by floor, shifted by the
splay of its target, a cron line's by its firings. Pure arithmetic in UTC with whole seconds, so that every scheduler
names the same slot whenever it asks; what has been asked for already is no question of this module.
"""

import datetime as dt
import functools
import hashlib

from shared.schedules import Cron, Every, Timing, firings

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
NEVER = dt.datetime.max.replace(tzinfo=dt.UTC)
"""The next slot of a cron line that fires no more."""

NO_SPLAY = dt.timedelta(0)
_LOOK_BACK = tuple(
    dt.timedelta(minutes=minutes)
    for minutes in (2, 20, 4 * 60, 2 * 1440, 32 * 1440, 400 * 1440, 10 * 366 * 1440, 50 * 366 * 1440)
)


def splay_of(target: str, schedule: str, timing: Timing) -> dt.timedelta:
    """Return by how much the slots of a target are shifted, so that a fleet's spread over the interval.

    A cron line says when exactly, so it has none.
    """
    if isinstance(timing, Cron):
        return NO_SPLAY
    digest = hashlib.sha256(f"{target}\0{schedule}".encode("utf-8", "surrogatepass")).digest()
    return dt.timedelta(seconds=int.from_bytes(digest[:8], "big") % int(timing.interval.total_seconds()))


def latest_due(timing: Timing, splay: dt.timedelta, now: dt.datetime) -> dt.datetime:
    """Return the newest slot at or before now; of a cron line that never fired yet, 1970."""
    match timing:
        case Every(interval):
            return EPOCH + splay + (now - EPOCH - splay) // interval * interval
        case Cron(line, zone):
            return _last_firing(line, zone, int((now - EPOCH).total_seconds()) // 60)


def next_due(timing: Timing, splay: dt.timedelta, now: dt.datetime) -> dt.datetime:
    """Return the first slot after now."""
    match timing:
        case Every(interval):
            return latest_due(timing, splay, now) + interval
        case Cron(line, zone):
            return _next_firing(line, zone, int((now - EPOCH).total_seconds()) // 60)


@functools.lru_cache(maxsize=4096)  # the targets of a fleet share their cron lines
def _last_firing(line: str, zone: str, minute: int) -> dt.datetime:
    # Found by going forward from further and further back: cronsim's own way back disagrees with its way forward in the
    # hour that a clock change doubles.
    now = EPOCH + dt.timedelta(minutes=minute)
    for look_back in _LOOK_BACK:
        last = None
        for firing in firings(line, zone, now - look_back):
            if firing > now:
                break
            last = firing
        if last is not None:
            return last
    return EPOCH


@functools.lru_cache(maxsize=4096)
def _next_firing(line: str, zone: str, minute: int) -> dt.datetime:
    return next(firings(line, zone, EPOCH + dt.timedelta(minutes=minute)), NEVER)
