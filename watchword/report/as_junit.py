"""A report for CI servers: JUnit's XML, one suite for each target and one case for each check. What was found is a
failure, what could not be looked at (or never was) an error, what does not apply or is accepted is skipped with its
reason; so no pipeline can take for passed what nobody has seen to pass.
"""

import datetime as dt
from xml.etree import ElementTree as ET

from watchword.report.as_table import in_words
from watchword.report.model import IN_WORDS, CheckState, Found, Report, Status, TargetState
from watchword.report.texts import labels_in_words


def render(report: Report) -> str:
    """Return the report as XML."""
    suites = ET.Element("testsuites", {"name": "watchword", **_totals(list(report.states))})
    for target in report.targets:
        suites.append(_suite(target, report.made_at))
    ET.indent(suites)
    body = ET.tostring(suites, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _totals(states: list[CheckState]) -> dict[str, str]:
    statuses = [state.status for state in states]
    return {
        "tests": str(len(statuses)),
        "failures": str(statuses.count(Status.FAILED)),
        "errors": str(statuses.count(Status.ERROR) + statuses.count(Status.UNKNOWN)),
        "time": _seconds(sum(state.duration_ms or 0.0 for state in states)),
    }


def _seconds(milliseconds: float) -> str:
    return f"{milliseconds / 1000:.3f}"


def _suite(target: TargetState, made_at: dt.datetime) -> ET.Element:
    states = list(target.checks)
    skipped = sum(state.status in {Status.SKIPPED, Status.ACCEPTED} for state in states)
    looked = max((state.looked_at for state in states if state.looked_at), default=made_at)
    suite = ET.Element(
        "testsuite",
        {
            "name": target.name,
            **_totals(states),
            "skipped": str(skipped),
            "timestamp": f"{looked.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%S}",
            "hostname": target.address or target.name,
        },
    )
    for state in states:
        suite.append(_case(target, state))
    return suite


def _case(target: TargetState, state: CheckState) -> ET.Element:
    case = ET.Element(
        "testcase",
        {
            "name": state.check,
            "classname": f"{target.engine}.{target.name}",
            "time": _seconds(state.duration_ms or 0.0),
        },
    )
    match state.status:
        case Status.FAILED:
            open_ones = [finding for finding in state.findings if finding.is_open]
            worst = open_ones[0] if open_ones else None
            message = worst.summary if worst else "findings that are less severe than was asked for"
            if len(open_ones) > 1:
                message = f"{message} (and {len(open_ones) - 1} more)"
            failure = ET.SubElement(
                case, "failure", {"message": message, "type": worst.severity.value if worst else "hidden"}
            )
            failure.text = "\n\n".join(_told(finding) for finding in state.findings)
        case Status.ERROR | Status.UNKNOWN:
            message = state.reason or IN_WORDS[state.status]
            error = ET.SubElement(case, "error", {"message": message, "type": IN_WORDS[state.status]})
            standing = "\n\n".join(_told(finding) for finding in state.findings)
            error.text = f"{message}\n\nWhat was found before still stands:\n\n{standing}" if standing else message
        case Status.SKIPPED:
            ET.SubElement(case, "skipped", {"message": state.reason or IN_WORDS[state.status]})
        case Status.ACCEPTED:
            message = in_words(state.findings[0]) if state.findings else "accepted"
            ET.SubElement(case, "skipped", {"message": message})
            output = ET.SubElement(case, "system-out")
            output.text = "\n\n".join(_told(finding) for finding in state.findings)
        case Status.PASSED:
            pass
    return case


def _told(finding: Found) -> str:
    labels = labels_in_words(finding.labels)
    told = [
        f"{finding.severity.value}: {finding.summary}" + (f" ({labels})" if labels else ""),
        in_words(finding),
        finding.description,
        f"To fix it:\n{finding.remediation.rstrip()}" if finding.remediation else "",
        finding.read_more_url,
    ]
    return "\n".join(filter(None, told))
