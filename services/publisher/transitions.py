"""Which alerts began and ended with a verdict? Seen against the one before it, by the findings' keys: the target's
labels are no part of a key, so an edit of the inventory is no transition; what somebody accepts does not count as
there. The same two verdicts always give the same events with the same ids. Where the verdicts come from, and where the
events go, is for the handler.
"""

import datetime as dt
from collections.abc import Mapping

from services.publisher.endings import is_in_inventory
from services.publisher.received import Received
from shared.accepted import in_words, is_accepted
from shared.alert_labels import alert_labels
from shared.events import AlertChanged, Finding
from shared.subjects import sequence_id


def transitions(
    received: Received, before: Received | None, *, target_labels: Mapping[str, str], stream_created: dt.datetime
) -> list[AlertChanged]:
    """Return what a verdict changed, ended alerts first. ``before`` is None when no verdict before it is kept: then
    what its checker had carried over from one was there, and is not told a second time.
    """
    now = _by_key(received)
    then = _by_key(before) if before else _carried_over(received, now)
    accepted = _accepted(received)
    identifier = sequence_id(stream_created, received.sequence)

    def event(key: str, finding: Finding, *, is_firing: bool) -> AlertChanged:
        subject = received.subject
        return AlertChanged(
            id=f"{identifier}/{key}",
            key=key,
            transition="firing" if is_firing else "resolved",
            engine=subject.engine,
            target=subject.target,
            check=subject.check,
            severity=finding.severity,
            labels=alert_labels(subject, finding.severity, target_labels, finding.labels).together,
            summary=finding.summary,
            description=finding.description,
            read_more_url=finding.read_more_url,
            failing_since=finding.failing_since,
            at=received.stored_at,
            reason=None if is_firing else accepted.get(key) or _reason(received),
        )

    ended = [event(key, finding, is_firing=False) for key, finding in then.items() if key not in now]
    began = [event(key, finding, is_firing=True) for key, finding in now.items() if key not in then]
    return ended + began


def _by_key(received: Received) -> dict[str, Finding]:
    subject = received.subject
    found: dict[str, Finding] = {}
    for finding in received.result.findings:
        if is_accepted(finding, received.stored_at):
            continue
        found.setdefault(finding.key(subject.engine, subject.target, subject.check), finding)
    return found


def _carried_over(received: Received, found: Mapping[str, Finding]) -> dict[str, Finding]:
    """Return the findings that fail since an earlier run. A stream keeps the last verdicts of a subject alone, and who
    reads it again from its beginning, as after an operator deleted our consumer, finds one without the one before it.
    """
    started_at = received.result.started_at
    # Other programs may tell of something old for the first time.
    if started_at is None or not is_in_inventory(received.subject):
        return {}
    return {
        key: finding
        for key, finding in found.items()
        if finding.failing_since is not None and finding.failing_since < started_at
    }


def _accepted(received: Received) -> dict[str, str]:
    """Return in words who accepts what was found, by the findings' keys."""
    subject = received.subject
    return {
        finding.key(subject.engine, subject.target, subject.check): in_words(finding.accepted)
        for finding in received.result.findings
        if finding.accepted is not None and is_accepted(finding, received.stored_at)
    }


def _reason(received: Received) -> str:
    result = received.result
    if result.status == "failed":
        return "the check does not find it any more"
    return f"{result.status}: {result.reason}" if result.reason else result.status
