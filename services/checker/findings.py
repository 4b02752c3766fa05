"""From what a script returned to the verdict of a check: findings with ``failing_since`` carried over by their key, the
remediation filled in, texts that any reader can take, and no more of them than a message holds. Pure.
"""

import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence

from services.checker.script import ScriptFinding
from shared.accepted import stamped
from shared.checks import Check
from shared.configuration import RiskAccepted
from shared.events import LARGEST_RESULT_BYTES, MOST_FINDINGS, Finding
from shared.remediation import render_remediation
from shared.severity import Severity

LONGEST_TEXT = 8 * 1024
LONGEST_LABEL = 1024
LEFT_OUT = "watchword_left_out"
"""The label of the finding that stands for those left out."""


def readable(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return a text that is valid UTF-8 and not longer than a reader wants; bytes that were none show as ``\\xNN``."""
    # Lone surrogates in this range stand for one byte each (surrogateescape); others are halves of a pair.
    clean = re.sub("[\udc80-\udcff]", lambda found: f"\\x{ord(found[0]) - 0xDC00:02x}", text)
    clean = clean.encode("utf-8", "replace").decode("utf-8")
    return clean if len(clean) <= longest else clean[: longest - 1] + "…"


def findings_of(
    check: Check,
    target: str,
    found: Sequence[ScriptFinding],
    previous: Sequence[Finding],
    now: dt.datetime,
    severity: Severity | None = None,
    exceptions: Sequence[RiskAccepted] = (),
) -> list[Finding]:
    """Return the findings of a verdict. ``severity`` replaces the script's where the settings say so; what somebody
    accepts now says who does.

    At most 200 findings and 512 KiB: those of the previous verdict are kept first, then by their labels, and one
    finding more says how many were left out.
    """
    since = {finding.key(check.engine, target, check.name): finding.failing_since for finding in previous}
    made = []
    for raw in found:
        labels = {readable(name, 200): readable(value, LONGEST_LABEL) for name, value in raw.labels.items()}
        finding = Finding(
            summary=readable(raw.summary),
            description=readable(raw.description),
            severity=severity or Severity(raw.severity),
            labels=labels,
            read_more_url=readable(raw.read_more_url, 2000),
            remediation=render_remediation(check.remediation, labels, check.engine)[:LONGEST_TEXT],
        )
        failing_since = since.get(finding.key(check.engine, target, check.name)) or now
        made.append(stamped(finding.model_copy(update={"failing_since": failing_since}), exceptions, now))
    return _capped(check, target, made, since, now)


def _capped(
    check: Check,
    target: str,
    findings: Sequence[Finding],
    since: Mapping[str, dt.datetime | None],
    now: dt.datetime,
) -> list[Finding]:
    def order(finding: Finding) -> tuple[bool, int, str]:
        is_new = finding.key(check.engine, target, check.name) not in since
        return is_new, finding.severity.rank, json.dumps(sorted(finding.labels.items()))

    kept: list[Finding] = []
    size = 0
    ordered = sorted(findings, key=order)
    for finding in ordered:
        # Room for the one that says what is missing.
        size += len(finding.to_bytes()) + 1
        if len(kept) == MOST_FINDINGS - 1 and len(ordered) > MOST_FINDINGS:
            break
        if size > LARGEST_RESULT_BYTES - 16 * 1024:
            break
        kept.append(finding)
    missing = len(ordered) - len(kept)
    if not missing:
        return kept
    worst = min((finding.severity for finding in ordered[len(kept) :]), key=lambda severity: severity.rank)
    note = Finding(
        summary=f"{missing} more findings of {check.name} were left out",
        description=f"A result holds at most {MOST_FINDINGS} findings. Fix those listed and run the check again.",
        severity=worst,
        labels={LEFT_OUT: "true"},
    )
    note_since = since.get(note.key(check.engine, target, check.name)) or now
    return [*kept, note.model_copy(update={"failing_since": note_since})]
