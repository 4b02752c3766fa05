"""Is what a check came to what its author expects? Every finding must be expected and every expected one be found, in
any order; of a finding only what is written down must agree. The answer is a list of differences for people. Pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from shared.events import Finding

Status = Literal["passed", "failed", "skipped", "error"]
STATUSES: tuple[Status, ...] = get_args(Status)

LONGEST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """A text as it should be, or a part of it."""

    text: str
    is_part: bool = False

    def agrees(self, text: str) -> bool:
        """Say whether a text is as wanted."""
        return self.text in text if self.is_part else self.text == text.strip()

    def __str__(self) -> str:
        """Return it for people."""
        return f"{'… ' if self.is_part else ''}{_shown(self.text)}{' …' if self.is_part else ''}"


@dataclass(frozen=True, slots=True)
class ExpectedFinding:
    """What is written down of one finding."""

    texts: Mapping[str, Wanted]
    """By the field's name: summary, description, severity, read_more_url, remediation."""
    labels: Mapping[str, str]

    def differences(self, finding: Finding) -> Iterator[str]:
        """Yield what does not agree."""
        for name, wanted in self.texts.items():
            text = str(getattr(finding, name))
            if not wanted.agrees(text):
                yield f"{name}: expected {wanted}, got {_shown(text)}"
        for name, value in self.labels.items():
            if finding.labels.get(name) != value:
                got = _shown(finding.labels[name]) if name in finding.labels else "no such label"
                yield f"label {name}: expected {_shown(value)}, got {got}"

    def __str__(self) -> str:
        """Return it for people."""
        labels = ", ".join(f"{name}={value}" for name, value in sorted(self.labels.items()))
        texts = ", ".join(f"{name} {wanted}" for name, wanted in self.texts.items())
        return " ".join(filter(None, (texts, f"({labels})" if labels else ""))) or "any finding"


@dataclass(frozen=True, slots=True)
class Expected:
    """What a check should come to."""

    status: Status
    findings: tuple[ExpectedFinding, ...] = ()
    reason: Wanted | None = None
    printed: tuple[str, ...] = ()
    """Each must be a part of a printed line."""


@dataclass(frozen=True, slots=True)
class Actual:
    """What it came to."""

    status: Status
    findings: Sequence[Finding] = ()
    reason: str = ""
    printed: Sequence[str] = field(default=())


def differences(expected: Expected, actual: Actual) -> list[str]:
    """Return what is not as expected, nothing when all is."""
    found = []
    if expected.status != actual.status:
        because = f": {actual.reason}" if actual.reason else ""
        found.append(f"status: expected {expected.status}, got {actual.status}{because}")
    if expected.reason is not None and not expected.reason.agrees(actual.reason):
        found.append(f"reason: expected {expected.reason}, got {_shown(actual.reason)}")
    found += [
        f"printed: expected {_shown(text)}, got {', '.join(map(_shown, actual.printed)) or 'nothing'}"
        for text in expected.printed
        if not any(text in line for line in actual.printed)
    ]
    return [*found, *_findings(expected.findings, actual.findings)]


def _findings(expected: Sequence[ExpectedFinding], actual: Sequence[Finding]) -> Iterator[str]:
    paired = _paired(expected, actual)
    missing = [one for number, one in enumerate(expected) if number not in paired]
    extra = [one for number, one in enumerate(actual) if number not in paired.values()]
    for one in missing:
        nearest = min(extra, key=lambda finding: len(list(one.differences(finding))), default=None)
        unlike = list(one.differences(nearest)) if nearest is not None else []
        if nearest is None or len(unlike) == len(one.texts) + len(one.labels):
            yield f"not found: {one}"
            continue
        extra.remove(nearest)
        yield f"another finding: {shown_finding(nearest)}"
        yield from (f"  {difference}" for difference in unlike)
    for finding in extra:
        yield f"not expected: {shown_finding(finding)}"


def _paired(expected: Sequence[ExpectedFinding], actual: Sequence[Finding]) -> dict[int, int]:
    """Return which expected finding is which: as many as can be, for one that says little fits many."""
    fitting = [
        [number for number, finding in enumerate(actual) if not any(one.differences(finding))] for one in expected
    ]
    taken: dict[int, int] = {}

    def place(number: int, seen: set[int]) -> bool:
        for candidate in fitting[number]:
            if candidate in seen:
                continue
            seen.add(candidate)
            if candidate not in taken or place(taken[candidate], seen):
                taken[candidate] = number
                return True
        return False

    for number in range(len(expected)):
        place(number, set())
    return {number: candidate for candidate, number in taken.items()}


def shown_finding(finding: Finding) -> str:
    """Return a finding in one line."""
    labels = ", ".join(f"{name}={value}" for name, value in sorted(finding.labels.items()))
    return f"{finding.severity.value} {_shown(finding.summary)}" + (f" ({labels})" if labels else "")


def _shown(text: str) -> str:
    text = text.strip()
    return repr(text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…")
