"""From the events and definitions that the stages speak of to what a report says: findings, checks, and who accepts
what, with every text cut and cleaned. Pure.
"""

import datetime as dt
from collections.abc import Iterable

from shared.checks import Check
from shared.events import Finding
from watchword.report import texts
from watchword.report.model import AboutCheck, Acceptance, Found, worst_first


def about_checks(checks: Iterable[Check]) -> dict[str, AboutCheck]:
    """Return what is known of checks, by name."""
    return {
        check.name: AboutCheck(
            name=check.name,
            engine=check.engine,
            summary=texts.line(check.summary),
            description=texts.text(check.description),
            category=texts.line(check.category),
            subcategory=texts.line(check.subcategory),
            remediation=texts.text(check.remediation),
            references=tuple(texts.line(reference, 2000) for reference in check.references),
        )
        for check in checks
    }


def found_of(
    engine: str, target: str, check: str, findings: Iterable[Finding], now: dt.datetime, since: dt.datetime | None
) -> tuple[Found, ...]:
    """Return the findings of one verdict, the worst first."""
    found = (_found(engine, target, check, finding, now, since) for finding in findings)
    return tuple(sorted(found, key=worst_first))


def _found(
    engine: str, target: str, check: str, finding: Finding, now: dt.datetime, since: dt.datetime | None
) -> Found:
    first_seen = finding.failing_since
    accepted = finding.accepted
    return Found(
        key=finding.key(engine, target, check),
        engine=texts.line(engine),
        target=texts.line(target),
        check=texts.line(check),
        severity=finding.severity,
        summary=texts.line(finding.summary),
        description=texts.text(finding.description),
        labels=texts.labels(finding.labels),
        remediation=texts.text(finding.remediation),
        read_more_url=texts.line(finding.read_more_url, 2000),
        since=first_seen,
        is_new=since is not None and first_seen is not None and first_seen >= since,
        accepted=None
        if accepted is None or accepted.until <= now
        else Acceptance(accepted.until, texts.line(accepted.by), texts.line(accepted.reason)),
    )
