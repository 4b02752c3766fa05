"""What alerts does a verdict stand for? One for each set of labels that its findings have, complete with texts and the
URL by which this installation knows its own alerts again. The same verdict, target and installation give the same
alerts in every publisher. When they are sent, and how long they last, is the ledger's and the outbox's business.
"""

import datetime as dt
import functools
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote_to_bytes

from shared.alert_labels import alert_labels, capped
from shared.alertmanager_api import fingerprint
from shared.events import CheckResult, Finding
from shared.subjects import ResultSubject

UNCONFIRMED_SINCE = "unconfirmed_since"
"""Annotation of an alert of ours for which no verdict is known: from then on it is kept for a while."""
LONGEST_SUMMARY_BYTES = 1024
LONGEST_TEXT_BYTES = 8 * 1024
"""An alert of this size, 256 times, is what a receiver's pages and a proxy in front of Alertmanager still take."""

_INVISIBLE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_SAFE_URL = re.compile(
    r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]*)?|urn:[A-Za-z0-9][A-Za-z0-9:._-]*"
)


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert as Alertmanager gets it, but for the times that depend on when it is sent."""

    fingerprint: str
    """Alertmanager's own: what tells this alert from all others."""
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    generator_url: str
    starts_at: dt.datetime | None
    """Since when it fails; None when nobody said."""


def alerts_of(
    subject: ResultSubject,
    result: CheckResult,
    *,
    target_labels: Mapping[str, str],
    prefix: str,
    check_summary: str = "",
) -> dict[str, Alert]:
    """Return the alerts of a verdict by their fingerprint; none unless it failed. Findings with equal labels become one
    alert that lists them all. ``prefix`` is ``own_prefix`` of the installation.
    """
    if result.status != "failed":
        return {}
    groups: dict[str, tuple[Mapping[str, str], list[Finding]]] = {}
    for finding in result.findings:
        labels = alert_labels(subject, finding.severity, target_labels, finding.labels).together
        groups.setdefault(fingerprint(labels), (labels, []))[1].append(finding)
    url = generator_url(prefix, subject)
    return {
        found: Alert(found, labels, _annotations(findings, check_summary), url, _starts_at(findings))
        for found, (labels, findings) in groups.items()
    }


def _starts_at(findings: Sequence[Finding]) -> dt.datetime | None:
    return min((finding.failing_since for finding in findings if finding.failing_since), default=None)


def _annotations(findings: Sequence[Finding], check_summary: str) -> dict[str, str]:
    first = findings[0]
    if len(findings) == 1:
        summary, description = first.summary, first.description
    else:
        summary = f"{first.summary} (and {len(findings) - 1} more)"
        description = "\n".join(
            f"- {finding.summary}: {finding.description}" if finding.description else f"- {finding.summary}"
            for finding in findings
        )
    texts = {
        "summary": capped(_readable(summary), LONGEST_SUMMARY_BYTES),
        "description": capped(_readable(description), LONGEST_TEXT_BYTES),
        "read_more_url": capped(_readable(_first(finding.read_more_url for finding in findings)), LONGEST_TEXT_BYTES),
        "remediation": capped(_readable(_joined(finding.remediation for finding in findings)), LONGEST_TEXT_BYTES),
        "check_summary": capped(_readable(check_summary), LONGEST_SUMMARY_BYTES),
    }
    # Summary and description are there also when empty: whoever writes a notification template counts on them.
    return {name: text for name, text in texts.items() if text or name in {"summary", "description"}}


def _first(texts: Iterable[str]) -> str:
    return next(filter(None, texts), "")


def _joined(texts: Iterable[str]) -> str:
    return "\n".join(dict.fromkeys(filter(None, texts)))


def _readable(text: str) -> str:
    if text.isprintable():
        return text.strip()
    return _INVISIBLE.sub(" ", text.replace("\r\n", "\n")).strip()


def own_prefix(installation_url: str) -> str:
    """Return what the generatorURL of all alerts of an installation begins with.

    Alertmanager refuses a whole batch for one URL that it can't parse, so a URL of any unusual form (or with a password
    in it) is replaced by a name made from it.
    """
    url = installation_url.strip().rstrip("/")
    if not _SAFE_URL.fullmatch(url):
        digest = hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        url = f"urn:watchword:installation-{digest}"
    return f"{url}/check/"


def generator_url(prefix: str, subject: ResultSubject) -> str:
    """Return the URL that names a check on a target: what an alert of ours is known by in Alertmanager."""
    names = (subject.engine, subject.target, subject.check)
    return prefix + "/".join(map(_quoted, names))


@functools.lru_cache(maxsize=4096)  # the checks of one target often come together, and there are few checks
def _quoted(name: str) -> str:
    return quote(name.encode("utf-8", "surrogatepass"), safe="")


def subject_of(prefix: str, url: str) -> ResultSubject | None:
    """Return which check on which target an alert in Alertmanager belongs to, or None when it is not ours."""
    parts = url.removeprefix(prefix).split("/") if url.startswith(prefix) else []
    if len(parts) != 3 or not all(parts):
        return None
    try:
        engine, target, check = (unquote_to_bytes(part).decode("utf-8", "surrogatepass") for part in parts)
    except UnicodeDecodeError:
        return None
    return ResultSubject("verdict", engine, target, check)


def as_unconfirmed(alert: Alert, since: dt.datetime) -> Alert:
    """Return the alert with a note that no verdict is known for it; who starts anew finds the time there."""
    return replace(alert, annotations={**alert.annotations, UNCONFIRMED_SINCE: since.isoformat(timespec="seconds")})


def unconfirmed_since(alert: Alert) -> dt.datetime | None:
    """Return since when no verdict is known for an alert, or None when its note does not say."""
    try:
        since = dt.datetime.fromisoformat(alert.annotations.get(UNCONFIRMED_SINCE, ""))
    except ValueError:
        return None
    return since if since.tzinfo else since.replace(tzinfo=dt.UTC)
