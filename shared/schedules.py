"""Which check runs when on which target, as the configuration has it: what is disabled, which schedule applies, what a
schedule's name means, and the newest revision that any of it depends on. Pure reading of ``shared.configuration``; the
scheduler turns it into slots, the checker into the list of checks of one run.
"""

import datetime as dt
import re
import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass

from cronsim import CronSim, CronSimError

from shared.checks import Check
from shared.configuration import Configuration, Disabled, Interval
from shared.errors import ScheduleRefused
from shared.targets import Target

NAMED_SCHEDULES: dict[str, str] = {"standard": "24h", "frequent": "4h", "rare": "78h"}
"""PMM's three intervals."""

SHORTEST_INTERVAL = dt.timedelta(seconds=1)
LONGEST_INTERVAL = dt.timedelta(days=366)

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"(?:[0-9]{1,12}[wdhms])+")
"""Python reads no number of thousands of digits; one of a dozen is longer than a year in any unit, or padded."""
ALLOWED = "standard, frequent, rare, a duration such as 90s, 15m, 12h or 1d, or cron such as '30 3 * * 1 Europe/Berlin'"


@dataclass(frozen=True, slots=True)
class Every:
    """Due once in each interval."""

    interval: dt.timedelta


@dataclass(frozen=True, slots=True)
class Cron:
    """Due when a cron line fires in a time zone."""

    line: str
    zone: str


Timing = Every | Cron


def parse_duration(text: str) -> dt.timedelta:
    """Read ``90s``, ``15m``, ``12h``, ``1d``, ``1w`` or several of them together. Raises ``ScheduleRefused``."""
    stripped = text.strip()
    if not _DURATION.fullmatch(stripped):
        message = f"{text!r} is not a duration such as 90s, 15m, 12h or 1d12h"
        raise ScheduleRefused(message)
    seconds = sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"([0-9]+)([wdhms])", stripped))
    if seconds > LONGEST_INTERVAL.total_seconds():
        message = f"{text!r} is longer than a year"
        raise ScheduleRefused(message)
    return dt.timedelta(seconds=seconds)


def parse_timing(text: str) -> Timing:
    """Read a duration or a cron line with an optional time zone at its end (UTC when silent).

    Raises ``ScheduleRefused`` with the allowed forms.
    """
    words = text.split()
    if len(words) == 1:
        interval = parse_duration(NAMED_SCHEDULES.get(words[0], words[0]))
        if interval < SHORTEST_INTERVAL:
            message = f"{text!r} is shorter than a second"
            raise ScheduleRefused(message)
        return Every(interval)
    if len(words) not in {5, 6}:
        message = f"{text!r} is not a schedule; allowed: {ALLOWED}"
        raise ScheduleRefused(message)
    line, zone = " ".join(words[:5]), words[5] if len(words) == 6 else "UTC"
    try:
        information = zoneinfo.ZoneInfo(zone)
        next(CronSim(line, dt.datetime(2026, 1, 1, tzinfo=information)))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        message = f"{zone!r} in {text!r} is not a known time zone; allowed: names such as Europe/Berlin or UTC"
        raise ScheduleRefused(message) from None
    except (CronSimError, StopIteration) as broken:
        message = f"{line!r} is not a cron line that ever fires: {broken}"
        raise ScheduleRefused(message) from None
    return Cron(line, zone)


def firings(line: str, zone: str, after: dt.datetime) -> Iterator[dt.datetime]:
    """Yield the firings of a cron line after a moment, in order.

    As Debian's cron: what falls into an hour that is skipped fires when it is over, what is meant for one hour fires
    once when that hour comes twice, and ``*`` fires in both. In the second of two such hours cronsim begins with a
    firing of the first one, which is over.
    """
    local = dt.UTC if zone == "UTC" else zoneinfo.ZoneInfo(zone)
    for firing in CronSim(line, after.astimezone(local)):
        moment = firing.astimezone(dt.UTC)
        if moment > after:
            yield moment


def timing_of(configuration: Configuration, schedule: str) -> Timing:
    """Return what a schedule means here: its name may have been given another interval. Raises ``ScheduleRefused``."""
    meaning = configuration.setting(Interval, "schedule", schedule) if schedule in NAMED_SCHEDULES else None
    return parse_timing(meaning.schedule if meaning else schedule)


def schedule_of(configuration: Configuration, check: Check, target: str) -> str:
    """Return the schedule of a check on a target: set for both, for the check, for all, or the check's own."""
    for names in ((check.name, target), (check.name,)):
        interval = configuration.setting(Interval, "interval", *names)
        if interval is not None:
            return interval.schedule
    for_all = configuration.setting(Interval, "schedule", "all")
    return for_all.schedule if for_all else check.interval


def disabled_by(configuration: Configuration, check: str, target: str) -> Disabled | None:
    """Return the setting that switches a check off on a target, or None when it is on.

    What is said of one target wins over what is said of all.
    """
    for names in ((check, target), (check,)):
        setting = configuration.setting(Disabled, "disabled", *names)
        if setting is not None:
            return setting if setting.disabled else None
    return None


def is_enabled(configuration: Configuration, check: Check, target: Target) -> bool:
    """Say whether a check runs on a target."""
    return check.engine == target.engine and disabled_by(configuration, check.name, target.name) is None


def enabled_checks(configuration: Configuration, target: Target, schedule: str | None = None) -> list[Check]:
    """Return the checks that run on a target, by name; with a schedule, only those of it."""
    return [
        check
        for check in configuration.all_checks()
        if is_enabled(configuration, check, target)
        and (schedule is None or schedule_of(configuration, check, target.name) == schedule)
    ]


def schedules_of(configuration: Configuration, target: Target) -> dict[str, list[Check]]:
    """Return the target's enabled checks by schedule: each group travels as one request."""
    groups: dict[str, list[Check]] = {}
    for check in enabled_checks(configuration, target):
        groups.setdefault(schedule_of(configuration, check, target.name), []).append(check)
    return groups


def revision_of(configuration: Configuration, target: Target, checks: list[Check]) -> int:
    """Return the newest revision that decides what these checks do on the target: the target's, the checks', and that
    of every setting for them, also one that was removed. A request is owed when it is newer than the last asked for.
    """
    entry = configuration.targets.get(target.name)
    revisions = [entry.revision if entry else 0, configuration.setting_revision("schedule", "all")]
    names = {schedule_of(configuration, check, target.name) for check in checks}
    revisions += [configuration.setting_revision("schedule", name) for name in names & NAMED_SCHEDULES.keys()]
    for check in checks:
        definition = configuration.checks.get(check.name)
        revisions.append(definition.revision if definition else 0)
        for kind in ("disabled", "interval", "severity"):
            revisions.append(configuration.setting_revision(kind, check.name))
            revisions.append(configuration.setting_revision(kind, check.name, target.name))
        revisions.append(configuration.settings_revision("exception", check.name, target.name))
        revisions.append(configuration.settings_revision("parameters", check.name))
    return max(revisions)
