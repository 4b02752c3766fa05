"""Which findings does somebody accept for now, and how bad is a finding here? Exceptions and severities of the
settings, applied to what a check found. An exception holds for the findings of one check on one target that have the
labels it names, until its time. Pure: every call brings the time.
"""

import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterable, Mapping

from shared.configuration import Configuration, RiskAccepted, SeverityOverride
from shared.errors import ScheduleRefused
from shared.events import Accepted, CheckResult, Finding
from shared.severity import Severity

KIND = "exception"
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
LONGEST_REASON = 200
LONGEST_NAME = 100


def exception_names(check: str, target: str, labels: Mapping[str, str]) -> tuple[str, ...]:
    """Return the parts of an exception's key after its origin: there is one for each check, target and labels."""
    canonical = json.dumps(sorted(labels.items()), ensure_ascii=True)
    return KIND, check, target, hashlib.sha256(canonical.encode()).hexdigest()[:16]


def parse_until(text: str) -> dt.datetime:
    """Read until when something is accepted: a date, which still counts to its end in UTC, or a moment (UTC unless it
    says otherwise). Raises ``ScheduleRefused``.
    """
    message = f"{text!r} is neither a date such as 2027-01-31 nor a moment such as 2027-01-31T18:00Z"
    try:
        if _DATE.fullmatch(text):
            return dt.datetime.combine(dt.date.fromisoformat(text), dt.time(), dt.UTC) + dt.timedelta(days=1)
        moment = dt.datetime.fromisoformat(text)
        return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise ScheduleRefused(message) from None


def exceptions_for(configuration: Configuration, check: str, target: str) -> list[RiskAccepted]:
    """Return all exceptions of a check on a target, also those whose time is over."""
    found = configuration.settings_of_check(RiskAccepted, KIND, check)
    return [one for one in found if (one.check, one.target) == (check, target)]


def all_exceptions(configuration: Configuration) -> list[RiskAccepted]:
    """Return all exceptions, the first to end first, also those whose time is over."""
    checks = dict.fromkeys(key[2] for key in configuration.settings if key[1] == KIND)
    found = (one for check in checks for one in configuration.settings_of_check(RiskAccepted, KIND, check))
    return sorted(found, key=lambda one: (one.until, one.check, one.target))


def accepted_by(exceptions: Iterable[RiskAccepted], labels: Mapping[str, str], now: dt.datetime) -> Accepted | None:
    """Return who accepts a finding with these labels now; of several exceptions the one that lasts longest."""
    fitting = [one for one in exceptions if now < one.until and one.labels.items() <= labels.items()]
    if not fitting:
        return None
    longest = max(fitting, key=lambda one: one.until)
    return Accepted(until=longest.until, by=longest.accepted_by[:LONGEST_NAME], reason=longest.reason[:LONGEST_REASON])


def without_accepted(
    result: CheckResult, exceptions: Iterable[RiskAccepted], now: dt.datetime
) -> tuple[CheckResult, list[Accepted]]:
    """Return a result with the findings that nobody accepts now, and who accepts the others."""
    known = list(exceptions)
    found = [(finding, accepted_by(known, finding.labels, now)) for finding in result.findings]
    accepted = [one for _, one in found if one is not None]
    if not accepted:
        return result, []
    remaining = [finding for finding, one in found if one is None]
    return result.model_copy(update={"findings": remaining}), accepted


def stamped(finding: Finding, exceptions: Iterable[RiskAccepted], now: dt.datetime) -> Finding:
    """Return a finding that says whether it is accepted, and by whom, as of now."""
    accepted = accepted_by(exceptions, finding.labels, now)
    return finding if finding.accepted == accepted else finding.model_copy(update={"accepted": accepted})


def in_words(accepted: Accepted) -> str:
    """Return until when, by whom and why something is accepted."""
    by = f" by {accepted.by}" if accepted.by else ""
    because = f": {accepted.reason}" if accepted.reason else ""
    return f"accepted until {accepted.until:%Y-%m-%d %H:%M} UTC{by}{because}"


def is_accepted(finding: Finding, at: dt.datetime) -> bool:
    """Say whether a finding bears the word that it is accepted at a time."""
    return finding.accepted is not None and at < finding.accepted.until


def is_open(result: CheckResult, at: dt.datetime) -> bool:
    """Say whether a result has a finding that nobody accepts at a time."""
    return any(not is_accepted(finding, at) for finding in result.findings)


def severity_here(configuration: Configuration, check: str, target: str) -> Severity | None:
    """Return the severity that the settings give to the findings of a check on a target, or None when they don't.

    What is said of one target wins over what is said of all.
    """
    for names in ((check, target), (check,)):
        override = configuration.setting(SeverityOverride, "severity", *names)
        if override is not None:
            return override.severity
    return None
