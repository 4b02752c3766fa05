"""A report for code scanning: SARIF 2.1.0 (OASIS). A check is a rule, a finding a result with fingerprints that stay
the same from report to report, an accepted finding one that is suppressed. What could not be looked at is a
notification of the invocation, and makes it one that did not succeed. A database is no file, so a result lies in an
artifact named after its target, with the object as a logical location; that is also what GitHub asks for.
"""

import json
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from shared.severity import Severity
from watchword.report.as_table import in_words
from watchword.report.model import IN_WORDS, AboutCheck, CheckState, Found, Report, Status, TargetState
from watchword.report.texts import labels_in_words, stamp

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

Fields = dict[str, object]

LEVELS: Mapping[Severity, str] = {
    Severity.EMERGENCY: "error",
    Severity.ALERT: "error",
    Severity.CRITICAL: "error",
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.NOTICE: "note",
    Severity.INFO: "note",
    Severity.DEBUG: "note",
}
SECURITY_SEVERITIES: Mapping[Severity, str] = {
    Severity.EMERGENCY: "10.0",
    Severity.ALERT: "9.5",
    Severity.CRITICAL: "9.0",
    Severity.ERROR: "7.5",
    Severity.WARNING: "5.5",
    Severity.NOTICE: "3.0",
    Severity.INFO: "1.0",
    Severity.DEBUG: "0.1",
}
"""As GitHub reads them: over 9.0 is critical there, 7.0 high, 4.0 medium."""


def render(report: Report) -> str:
    """Return the report as SARIF."""
    return json.dumps(document(report), indent=2, ensure_ascii=False) + "\n"


def document(report: Report) -> Fields:
    """Return the report as plain values."""
    rules = _rules(report)
    places = {str(rule["id"]): index for index, rule in enumerate(rules)}
    driver: Fields = {
        "name": "Watchword",
        "fullName": "Watchword: security checks of databases",
        "version": report.version,
        "rules": rules,
    }
    run: Fields = {
        "tool": {"driver": driver},
        "automationDetails": {"id": "watchword/"},
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(report, places)],
        "results": [_result(report, finding, places) for finding in report.findings],
        "properties": {"checks": {status.value: report.counts()[status] for status in Status}},
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rules(report: Report) -> list[Fields]:
    worst: dict[str, Severity] = {}
    for finding in report.findings:
        known = worst.setdefault(finding.check, finding.severity)
        worst[finding.check] = min(known, finding.severity, key=lambda severity: severity.rank)
    names = {state.check: state.engine for state in report.states}
    return [
        _rule(report.checks.get(name) or AboutCheck(name, engine), worst.get(name))
        for name, engine in sorted(names.items())
    ]


def _rule(check: AboutCheck, worst: Severity | None) -> Fields:
    words = (check.category, check.subcategory, check.engine, "database")
    tags = list(dict.fromkeys(["security", *(word.lower() for word in words if word)]))
    # Nobody has said how bad the findings of a check can be before it has found any.
    severity = worst or Severity.WARNING
    rule: Fields = {
        "id": check.name,
        "name": "".join(word.capitalize() for word in check.name.split("_")),
        "shortDescription": {"text": check.summary or check.name},
        "fullDescription": {"text": check.description or check.summary or check.name},
        "help": {"text": _help(check), "markdown": _markdown_help(check)},
        "defaultConfiguration": {"level": LEVELS[severity]},
        "properties": {
            "tags": tags,
            "precision": "very-high",
            "problem.severity": {"note": "recommendation"}.get(LEVELS[severity], LEVELS[severity]),
            "security-severity": SECURITY_SEVERITIES[severity],
        },
    }
    address = next((reference for reference in check.references if _is_url(reference)), None)
    return rule | ({"helpUri": address} if address else {})


def _is_url(text: str) -> bool:
    return text.startswith("https://") and not any(character in text for character in ' "<>\\^`{|}')


def _help(check: AboutCheck) -> str:
    fix = f"To fix it:\n{check.remediation.rstrip()}" if check.remediation else ""
    return "\n\n".join(filter(None, [check.description, fix, "\n".join(check.references)])) or check.name


def _markdown_help(check: AboutCheck) -> str:
    fence = "```"
    while fence in check.remediation:
        fence += "`"
    fix = f"**To fix it**\n\n{fence}\n{check.remediation.rstrip()}\n{fence}" if check.remediation else ""
    references = "\n".join(f"- {reference}" for reference in check.references)
    return "\n\n".join(filter(None, [check.description, fix, references])) or check.name


def _invocation(report: Report, places: Mapping[str, int]) -> Fields:
    notes = [_notification(target, state, places) for target in report.targets for state in target.checks]
    invocation: Fields = {
        "executionSuccessful": not any(state.status in {Status.ERROR, Status.UNKNOWN} for state in report.states),
        "endTimeUtc": stamp(report.made_at),
        "toolExecutionNotifications": [note for note in notes if note is not None],
    }
    return invocation


def _notification(target: TargetState, state: CheckState, places: Mapping[str, int]) -> Fields | None:
    levels = {Status.ERROR: "error", Status.UNKNOWN: "error", Status.SKIPPED: "note"}
    if state.status not in levels:
        return None
    reason = f": {state.reason}" if state.reason else ""
    notification: Fields = {
        "level": levels[state.status],
        "message": {"text": f"{state.check} on {target.name}: {IN_WORDS[state.status]}{reason}"},
        "associatedRule": {"id": state.check, "index": places[state.check]},
        "locations": [{"logicalLocations": [_target_location(target.engine, target.name)]}],
    }
    return notification | ({"timeUtc": stamp(state.looked_at)} if state.looked_at else {})


def _result(report: Report, finding: Found, places: Mapping[str, int]) -> Fields:
    result: Fields = {
        "ruleId": finding.check,
        "ruleIndex": places[finding.check],
        "kind": "fail",
        "level": LEVELS[finding.severity],
        "message": {"text": _message(finding)},
        "locations": [_location(finding)],
        "partialFingerprints": {"watchwordFinding/v1": finding.key, "primaryLocationLineHash": f"{finding.key}:1"},
        "properties": {
            "severity": finding.severity.value,
            "security-severity": SECURITY_SEVERITIES[finding.severity],
            "target": finding.target,
            "engine": finding.engine,
            "labels": dict(finding.labels),
            "remediation": finding.remediation,
        },
        # Always there, for a list that is missing would mean that nobody knows.
        "suppressions": _suppressions(finding),
    }
    if report.past is not None:
        result["baselineState"] = "new" if finding.is_new else "unchanged"
    if finding.since is not None:
        result["provenance"] = {"firstDetectionTimeUtc": stamp(finding.since)}
    return result


def _message(finding: Found) -> str:
    labels = labels_in_words(finding.labels)
    where = f"{finding.target}: {finding.summary}" + (f" ({labels})" if labels else "")
    fix = f"To fix it:\n{finding.remediation.rstrip()}" if finding.remediation else ""
    return "\n\n".join(filter(None, [where, finding.description, fix]))


def _location(finding: Found) -> Fields:
    artifact = {"uri": f"{quote(finding.engine, safe='')}/{quote(finding.target, safe='')}"}
    logical: Sequence[Fields] = [_target_location(finding.engine, finding.target)]
    if finding.labels:
        words = labels_in_words(finding.labels)
        name: Fields = {
            "name": words,
            "fullyQualifiedName": f"{finding.engine}/{finding.target}/{words}",
            "kind": "resource",
        }
        logical = [name, *logical]
    return {
        "physicalLocation": {"artifactLocation": artifact, "region": {"startLine": 1}},
        "logicalLocations": logical,
    }


def _target_location(engine: str, target: str) -> Fields:
    return {"name": target, "fullyQualifiedName": f"{engine}/{target}", "kind": "resource"}


def _suppressions(finding: Found) -> list[Fields]:
    if finding.accepted is None:
        return []
    properties = {"until": stamp(finding.accepted.until), "by": finding.accepted.by}
    return [{"kind": "external", "status": "accepted", "justification": in_words(finding), "properties": properties}]
