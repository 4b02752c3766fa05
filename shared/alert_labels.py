"""Which labels does an alert have? They are its identity, so they must come out the same in every process, for every
version of a verdict, and on every Alertmanager: reserved names first, then the target's labels, then the finding's,
each made valid and none lost or merged in silence. What an alert says besides (texts, times) is the publisher's; which
of the labels a mute uses is the silencer's.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.severity import Severity
from shared.subjects import ResultSubject
from shared.targets import RESERVED_LABELS

LONGEST_NAME = 120
LONGEST_VALUE_BYTES = 1024

_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_]")
_INVISIBLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
"""Control characters, and halves of surrogate pairs, which can't even be written as UTF-8."""


@dataclass(frozen=True, slots=True)
class AlertLabels:
    """The labels of one alert by where they come from. The three share no name."""

    reserved: Mapping[str, str]
    target: Mapping[str, str]
    finding: Mapping[str, str]
    """The finding's labels under the names that they have in the alert."""

    @property
    def together(self) -> dict[str, str]:
        """Return all of them, as Alertmanager gets them."""
        return {**self.reserved, **self.target, **self.finding}


def alert_labels(
    subject: ResultSubject, severity: Severity, target_labels: Mapping[str, str], finding_labels: Mapping[str, str]
) -> AlertLabels:
    """Return the labels of the alert for a finding. ``target_labels`` are the inventory's, or for other engines those
    that the result carries.
    """
    reserved = {
        "alertname": _distinct_value(subject.check),
        "check": _distinct_value(subject.check),
        "service_name": _distinct_value(subject.target),
        "service_type": _distinct_value(subject.engine),
        "severity": severity.value,
    }
    target = _beside(RESERVED_LABELS, target_labels, "target_")
    finding = _beside(RESERVED_LABELS | target.keys(), finding_labels, "finding_")
    return AlertLabels(reserved, target, finding)


def _beside(taken: Iterable[str], labels: Mapping[str, str], prefix: str) -> dict[str, str]:
    """Return labels with valid names that are not taken yet. The result does not depend on the labels' order."""
    if not labels:
        return {}
    values = {name: cleaned for name, value in labels.items() if (cleaned := clean_value(value))}
    used = set(taken)
    wanted: dict[str, str] = {}
    for name in values:
        valid = clean_name(name)
        wanted[name] = prefix + valid if valid in used else valid
    rivals = Counter(wanted.values())
    named: dict[str, str] = {}
    # Those that are valid as they stand keep their names; the others make room.
    for name in sorted(values, key=lambda name: (wanted[name] != name, name)):
        chosen = wanted[name]
        if chosen in used or (rivals[chosen] > 1 and chosen != name):
            chosen = _told_apart(wanted[name], name, used)
        used.add(chosen)
        named[chosen] = values[name]
    return named


def _told_apart(wanted: str, original: str, used: set[str]) -> str:
    digest = _digest(original)
    return next(name for end in range(8, 65) if (name := f"{wanted}_{digest[:end]}") not in used or end == 64)


def clean_name(name: str) -> str:
    """Return a name of the form that every Alertmanager accepts: ``[a-zA-Z_][a-zA-Z0-9_]*``."""
    valid = _NOT_IN_NAMES.sub("_", name) or "_"
    if valid[0].isdigit():
        valid = f"_{valid}"
    return valid if len(valid) <= LONGEST_NAME else f"{valid[:LONGEST_NAME]}_{_digest(name)[:8]}"


def clean_value(value: str) -> str:
    """Return a value without control characters; a very long one is cut and ends in a digest of the whole."""
    printable = clean_text(value)
    if len(printable) * 4 <= LONGEST_VALUE_BYTES:
        return printable
    return capped(printable, LONGEST_VALUE_BYTES, ending=f"…{_digest(value)[:8]}")


def clean_text(text: str) -> str:
    """Return a text on one line: each run of control characters becomes one space."""
    if text.isprintable():  # nearly every one, and there are some in each alert
        return text.strip()
    return _INVISIBLE.sub(" ", text).strip()


def capped(text: str, most_bytes: int, ending: str = "…") -> str:
    """Return a text of so many bytes at most, cut between characters."""
    if len(text) * 4 <= most_bytes or len(encoded := text.encode()) <= most_bytes:
        return text
    return encoded[: most_bytes - len(ending.encode())].decode(errors="ignore") + ending


def _distinct_value(name: str) -> str:
    """Return a value for a name that must stay different from all others."""
    cleaned = clean_value(name)
    return cleaned if cleaned == name else f"{cleaned}~{_digest(name)[:8]}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
