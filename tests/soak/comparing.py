"""Does what everybody can see agree with what the referee knows? Alerts against weaknesses, silences against mutes,
dead letters against what was planted. Each disagreement is a value that says which alert it is about, so that its story
can be told. Pure.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.soak.actions import Mute
from tests.soak.inventory import AlertKey, Expected
from tests.soak.weaknesses import CHECKS

SAME_MOMENT_SECONDS = 0.002
"""Alertmanager shows milliseconds, events have microseconds."""
NOT_OURS = "Watchword"
"""Alerts about Watchword itself begin so; they are no part of this truth."""


@dataclass(frozen=True)
class Shown:
    """One alert as an Alertmanager shows it."""

    labels: Mapping[str, str]
    starts_at: float
    is_suppressed: bool
    fingerprint: str

    @property
    def key(self) -> AlertKey | None:
        """Which finding it is; None when it is no finding of the referee's checks."""
        check = self.labels.get("alertname", "")
        if not any(check in checks for checks in CHECKS.values()):
            return None
        label = next((name for name in ("role", "schema", "login") if name in self.labels), "")
        return self.labels.get("service_name", ""), check, label, self.labels.get(label, "")


@dataclass(frozen=True)
class Silence:
    """One living silence as an Alertmanager shows it."""

    matchers: frozenset[tuple[str, str]]
    comment: str
    created_by: str


@dataclass(frozen=True)
class Difference:
    """One disagreement."""

    about: AlertKey | None
    text: str

    def __str__(self) -> str:
        return f"{'/'.join(part for part in self.about or () if part) or 'everything'}: {self.text}"


def compare_alerts(
    member: str,
    shown: Iterable[Shown],
    expected: Mapping[AlertKey, Expected],
    since: Mapping[AlertKey, float],
    earlier: Mapping[AlertKey, Sequence[float]],
    mutes: Iterable[Mute],
) -> tuple[list[Difference], list[AlertKey]]:
    """Compare one Alertmanager with the truth. The second value are alerts that kept the start of an earlier time.

    That happens when a repair and the next weakness were both seen while no publisher lived to resolve the alert.
    """
    differences: list[Difference] = []
    kept: list[AlertKey] = []
    muted = {key for key in expected for mute in mutes if is_muted_by(key, mute)}
    seen: Counter[AlertKey] = Counter()
    for alert in shown:
        key = alert.key
        if key is None:
            if not alert.labels.get("alertname", "").startswith(NOT_OURS):
                differences.append(Difference(None, f"{member} shows an alert that nobody expects: {alert.labels}"))
            continue
        wanted = expected.get(key)
        if wanted is None or dict(alert.labels) != dict(wanted.labels):
            why = "nothing is weak there" if wanted is None else f"its labels should be {dict(wanted.labels)}"
            differences.append(Difference(key, f"{member} shows {dict(alert.labels)}, but {why}"))
            continue
        seen[key] += 1
        differences += _compare_state(member, key, alert, is_muted=key in muted)
        started = since.get(key)
        if started is None:
            differences.append(Difference(key, f"{member} shows it, but no verdict holds it"))
        elif abs(alert.starts_at - started) > SAME_MOMENT_SECONDS:
            if any(abs(alert.starts_at - one) <= SAME_MOMENT_SECONDS for one in earlier.get(key, ())):
                kept.append(key)
            else:
                text = f"{member} shows it since {alert.starts_at:.3f}, its first failing verdict began {started:.3f}"
                differences.append(Difference(key, text))
    differences += [Difference(key, f"{member} does not show it") for key in expected if not seen[key]]
    return differences, kept


def _compare_state(member: str, key: AlertKey, alert: Shown, *, is_muted: bool) -> list[Difference]:
    if alert.is_suppressed == is_muted:
        return []
    is_word, should_word = ("suppressed", "active") if alert.is_suppressed else ("active", "suppressed")
    return [Difference(key, f"{member} shows it as {is_word}, it should be {should_word}")]


def is_muted_by(key: AlertKey, mute: Mute) -> bool:
    """Say whether a mute is about an alert."""
    target, check, *finding = key
    return (target, check) == (mute.target, mute.check) and mute.finding in {None, tuple(finding)}


def matchers_of(mute: Mute, severity: str | None) -> frozenset[tuple[str, str]]:
    """Return the matchers that the silence of a mute must have. ``severity`` belongs to a mute of one finding."""
    names = {("alertname", mute.check), ("service_name", mute.target)}
    if mute.finding is None:
        return frozenset(names)
    return frozenset({*names, ("severity", severity or ""), mute.finding})


def compare_silences(
    member: str, shown: Sequence[Silence], wanted: Mapping[str, frozenset[tuple[str, str]]]
) -> list[Difference]:
    """Compare the living silences with the mutes in force: ``wanted`` has the matchers by the words of the comment."""
    differences = []
    found: Counter[str] = Counter()
    for silence in shown:
        words = next((words for words in wanted if silence.comment.startswith(f"{words} ")), None)
        if words is None:
            differences.append(Difference(None, f"{member} has a silence that nobody wants: {silence}"))
            continue
        found[words] += 1
        if silence.matchers != wanted[words]:
            text = f"{member}: the silence of {words!r} has {set(silence.matchers)}, not {set(wanted[words])}"
            differences.append(Difference(None, text))
    differences += [
        Difference(None, f"{member} has {found[words]} silences for {words!r}") for words in wanted if found[words] != 1
    ]
    return differences


def compare_dead_letters(letters: Sequence[bytes], planted: Iterable[str], excused: Iterable[str]) -> list[Difference]:
    """Compare the dead letters with what was planted: each once, and nothing else. ``excused`` are words in requests
    for what was removed before they were read.
    """
    differences = []
    marks, excuses = list(planted), list(excused)
    found: Counter[str] = Counter()
    for letter in letters:
        text = letter.decode(errors="replace")
        mark = next((mark for mark in marks if mark in text), None)
        if mark is not None:
            found[mark] += 1
        elif not any(excuse in text for excuse in excuses):
            differences.append(Difference(None, f"a dead letter that nobody planted: {text[:500]}"))
    differences += [
        Difference(None, f"{found[mark]} dead letters of {mark}, there should be one")
        for mark in marks
        if found[mark] != 1
    ]
    return differences
