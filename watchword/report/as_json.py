"""A report for programs: one JSON document. Its fields stay; new ones may come."""

import json
from collections import Counter

from shared.severity import Severity
from watchword.report.judgement import judged
from watchword.report.model import AboutCheck, CheckState, Fixed, Found, Report, Status, TargetState
from watchword.report.texts import stamp


def render(report: Report) -> str:
    """Return the report as JSON."""
    return json.dumps(document(report), indent=2, ensure_ascii=False) + "\n"


def document(report: Report) -> dict[str, object]:
    """Return the report as plain values."""
    severities = Counter(finding.severity for finding in report.findings if finding.is_open)
    return {
        "watchword": report.version,
        "made_at": stamp(report.made_at),
        "judgement": judged(report, Severity.DEBUG),
        "counts": {status.value: report.counts()[status] for status in Status},
        "open_findings": {severity.value: severities[severity] for severity in Severity},
        "hidden_findings": report.hidden,
        "since": report.past and stamp(report.past.since),
        "fixed_known_from": report.past and report.past.known_from and stamp(report.past.known_from),
        "targets": [_target(target) for target in report.targets],
        "fixed": [_fixed(fixed) for fixed in report.fixed],
        "checks": {name: _about(check) for name, check in sorted(report.checks.items())},
    }


def _target(target: TargetState) -> dict[str, object]:
    counts = target.counts()
    return {
        "target": target.name,
        "engine": target.engine,
        "address": target.address,
        "server": target.server,
        "labels": dict(target.labels),
        "counts": {status.value: counts[status] for status in Status},
        "switched_off": list(target.switched_off),
        "checks": [_state(state) for state in target.checks],
    }


def _state(state: CheckState) -> dict[str, object]:
    return {
        "check": state.check,
        "status": state.status.value,
        "reason": state.reason,
        "looked_at": state.looked_at and stamp(state.looked_at),
        "duration_ms": state.duration_ms,
        "findings": [_finding(finding) for finding in state.findings],
    }


def _finding(finding: Found) -> dict[str, object]:
    accepted = finding.accepted
    return {
        "key": finding.key,
        "severity": finding.severity.value,
        "summary": finding.summary,
        "description": finding.description,
        "labels": dict(finding.labels),
        "remediation": finding.remediation,
        "read_more_url": finding.read_more_url,
        "since": finding.since and stamp(finding.since),
        "is_new": finding.is_new,
        "accepted": accepted and {"until": stamp(accepted.until), "by": accepted.by, "reason": accepted.reason},
    }


def _fixed(fixed: Fixed) -> dict[str, object]:
    return {
        "target": fixed.target,
        "engine": fixed.engine,
        "check": fixed.check,
        "severity": fixed.severity.value,
        "summary": fixed.summary,
        "labels": dict(fixed.labels),
        "since": fixed.since and stamp(fixed.since),
        "fixed_at": stamp(fixed.at),
    }


def _about(check: AboutCheck) -> dict[str, object]:
    return {
        "engine": check.engine,
        "summary": check.summary,
        "description": check.description,
        "category": check.category,
        "subcategory": check.subcategory,
        "remediation": check.remediation,
        "references": list(check.references),
    }
