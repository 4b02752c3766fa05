"""A report for spreadsheets: RFC 4180, one line for each finding and for each check that found nothing. No cell is
taken for a formula: one that begins like one gets an apostrophe in front, which spreadsheets take for "this is text".
"""

import csv
import io
from collections.abc import Iterator

from watchword.report.model import CheckState, Fixed, Found, Report, TargetState
from watchword.report.texts import labels_in_words, stamp

COLUMNS = (
    *("status", "severity", "engine", "target", "check", "summary", "labels", "since", "is_new"),
    *("accepted_until", "accepted_by", "accepted_reason", "reason", "remediation", "read_more_url", "looked_at", "key"),
)
_FORMULA_STARTS = ("=", "+", "-", "@", "'", "\t", "\r", "\n", "|", "%")


def render(report: Report) -> str:
    """Return the report as CSV."""
    written = io.StringIO(newline="")
    writer = csv.DictWriter(written, COLUMNS, restval="", lineterminator="\r\n")
    writer.writeheader()
    for row in _rows(report):
        writer.writerow({name: _harmless(cell) for name, cell in row.items()})
    return written.getvalue()


def _harmless(cell: str) -> str:
    # Spaces and full-width forms are skipped by some spreadsheets before they look for a formula.
    begin = cell.lstrip(" \u3000\u00a0")
    is_formula = begin.startswith((*_FORMULA_STARTS, "＝", "＋", "－", "＠"))  # noqa: RUF001
    return f"'{cell}" if is_formula else cell


def _rows(report: Report) -> Iterator[dict[str, str]]:
    for target in report.targets:
        for state in target.checks:
            about = _state(target, state)
            if not state.findings:
                yield about
            for finding in state.findings:
                yield about | _finding(finding, state)
    for fixed in report.fixed:
        yield _fixed(fixed)


def _state(target: TargetState, state: CheckState) -> dict[str, str]:
    return {
        "status": state.status.value,
        "engine": target.engine,
        "target": target.name,
        "check": state.check,
        "reason": state.reason,
        "looked_at": stamp(state.looked_at) if state.looked_at else "",
    }


def _finding(finding: Found, state: CheckState) -> dict[str, str]:
    accepted = finding.accepted
    found = {
        "severity": finding.severity.value,
        "summary": finding.summary,
        "labels": labels_in_words(finding.labels),
        "since": stamp(finding.since) if finding.since else "",
        "is_new": "yes" if finding.is_new else "no",
        "remediation": finding.remediation,
        "read_more_url": finding.read_more_url,
        "key": finding.key,
    }
    if accepted is not None:
        # A check may have findings that are accepted beside others that are not.
        status = "accepted" if state.status.value == "failed" else state.status.value
        found |= {
            "status": status,
            "accepted_until": stamp(accepted.until),
            "accepted_by": accepted.by,
            "accepted_reason": accepted.reason,
        }
    return found


def _fixed(fixed: Fixed) -> dict[str, str]:
    return {
        "status": "fixed",
        "severity": fixed.severity.value,
        "engine": fixed.engine,
        "target": fixed.target,
        "check": fixed.check,
        "summary": fixed.summary,
        "labels": labels_in_words(fixed.labels),
        "since": stamp(fixed.since) if fixed.since else "",
        "looked_at": stamp(fixed.at),
    }
