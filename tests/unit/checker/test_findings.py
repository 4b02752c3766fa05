import datetime as dt

import pytest

from services.checker.findings import LEFT_OUT, findings_of, readable
from services.checker.script import ScriptFinding
from shared.events import LARGEST_RESULT_BYTES, MOST_FINDINGS, CheckResult
from shared.severity import Severity

EARLIER = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
NOW = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)


def raw(user="alice", summary="s", severity="warning", **more):
    return ScriptFinding(
        summary=summary, description="", severity=severity, labels={"user": user}, read_more_url="", **more
    )


def test_new_finding_fails_since_now(inventory):
    (finding,) = findings_of(inventory.check("c"), "t", [raw()], [], NOW)
    assert finding.failing_since == NOW


def test_finding_seen_before_keeps_its_beginning_although_its_text_changed(inventory):
    check = inventory.check("c")
    previous = findings_of(check, "t", [raw(summary="expired 3 days ago")], [], EARLIER)
    (finding,) = findings_of(check, "t", [raw(summary="expired 4 days ago")], previous, NOW)
    assert (finding.failing_since, finding.summary) == (EARLIER, "expired 4 days ago")


def test_escalation_is_another_finding(inventory):
    check = inventory.check("c")
    previous = findings_of(check, "t", [raw()], [], EARLIER)
    (finding,) = findings_of(check, "t", [raw(severity="critical")], previous, NOW)
    assert finding.failing_since == NOW


def test_severity_of_the_settings_replaces_that_of_the_script(inventory):
    (finding,) = findings_of(inventory.check("c"), "t", [raw()], [], NOW, Severity.CRITICAL)
    assert finding.severity is Severity.CRITICAL


def test_remediation_is_filled_in_and_quoted(inventory):
    check = inventory.check("c", remediation="ALTER ROLE {{user}} VALID UNTIL '2027-01-01';")
    (finding,) = findings_of(check, "t", [raw(user='x"; DROP TABLE y')], [], NOW)
    assert finding.remediation == 'ALTER ROLE "x""; DROP TABLE y" VALID UNTIL \'2027-01-01\';'


def test_too_many_findings_keep_the_known_ones_and_say_how_many_are_missing(inventory):
    check = inventory.check("c")
    known = findings_of(check, "t", [raw(user=f"z{number}") for number in range(3)], [], EARLIER)
    flood = [raw(user=f"a{number:04}") for number in range(500)] + [raw(user=f"z{number}") for number in range(3)]
    findings = findings_of(check, "t", flood, known, NOW)
    assert len(findings) == MOST_FINDINGS
    assert [finding.labels["user"] for finding in findings[:3]] == ["z0", "z1", "z2"]
    assert findings[-1].labels == {LEFT_OUT: "true"}
    assert "304 more findings" in findings[-1].summary


def test_same_flood_twice_keeps_the_same_findings(inventory):
    check = inventory.check("c")
    flood = [raw(user=f"a{number:04}") for number in range(500)]
    first = findings_of(check, "t", flood, [], EARLIER)
    second = findings_of(check, "t", list(reversed(flood)), first, NOW)
    assert [(one.labels, one.failing_since) for one in second] == [(one.labels, one.failing_since) for one in first]


def test_large_texts_stay_within_what_a_message_holds(inventory):
    check = inventory.check("c")
    flood = [raw(user=f"a{number}", summary="x" * 100_000) for number in range(MOST_FINDINGS)]
    findings = findings_of(check, "t", flood, [], NOW)
    result = CheckResult(status="failed", target="t", engine="postgresql", check="c", findings=findings)
    assert len(result.to_bytes()) <= LARGEST_RESULT_BYTES
    assert findings[-1].labels == {LEFT_OUT: "true"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("caf\u00e9", "caf\u00e9", id="plain"),
        pytest.param("a\udcffb", "a\\xffb", id="a byte that was no UTF-8"),
        pytest.param("a\ud800b", "a?b", id="half of a surrogate pair"),
        pytest.param("x" * 10, "x" * 7 + "…", id="too long"),
    ],
)
def test_any_text_of_a_database_becomes_readable(text, shown):
    assert readable(text, 8) == shown
    readable(text, 8).encode()
