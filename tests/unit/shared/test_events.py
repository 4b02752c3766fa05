"""What do the events take, and what do they refuse?"""

import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.cloudevents import read
from shared.errors import MessageRefused
from shared.events import CheckFinished, CheckRequested, CheckResult, Finding, RunRequested
from shared.severity import Severity

LABELS = st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3)
AT = dt.datetime(2026, 11, 23, 8, tzinfo=dt.UTC)


def a_finding(**fields: object) -> Finding:
    return Finding.model_validate({"summary": "s", "severity": "error", **fields})


def result(**fields: object) -> bytes:
    return json.dumps({"status": "passed", "target": "t", "engine": "e", "check": "c", **fields}).encode()


@pytest.mark.parametrize("names", ["one", ["one"]])
def test_a_single_name_needs_no_list(names: object) -> None:
    assert read(CheckRequested, json.dumps({"targets": names}).encode()).targets == ["one"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"targets": [""]}, id="empty-name"),
        pytest.param({"targets": ["x" * 481]}, id="long-name"),
        pytest.param({"targets": [None]}, id="null-name"),
        pytest.param({"selector": {"team": ["a"]}}, id="list-in-selector"),
        pytest.param({"selector": "team=a"}, id="selector-as-text"),
        pytest.param({"reason": "x" * 2001}, id="long-reason"),
        pytest.param({"engine": 5}, id="number-as-engine"),
    ],
)
def test_a_request_with_a_wrong_field_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(MessageRefused):
        read(CheckRequested, json.dumps(body).encode())


def test_fields_that_say_nothing_are_not_written() -> None:
    assert json.loads(CheckRequested(targets=["a"]).to_bytes()) == {"targets": ["a"]}
    assert json.loads(RunRequested().to_bytes()) == {}


@pytest.mark.parametrize(
    ("status", "is_verdict"),
    [("passed", True), ("failed", True), ("skipped", True), ("withdrawn", True), ("error", False)],
)
def test_an_error_is_no_verdict(status: str, is_verdict: bool) -> None:
    findings = [{"summary": "s", "severity": "error"}] if status == "failed" else []
    assert read(CheckResult, result(status=status, findings=findings)).is_verdict is is_verdict


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        pytest.param({"status": "failed"}, "status is failed, but there are no findings", id="failed-without"),
        pytest.param(
            {"status": "passed", "findings": [{"summary": "s", "severity": "error"}]},
            "status is passed, but there are findings",
            id="passed-with",
        ),
        pytest.param({"status": "unknown"}, "status: ", id="unknown-status"),
        pytest.param(
            {"status": "failed", "findings": [{"summary": "s", "severity": "fatal"}]},
            r"findings\.0\.severity: ",
            id="unknown-severity",
        ),
        pytest.param(
            {"status": "failed", "findings": [{"summary": "s", "severity": "error", "labels": {"n": 1}}]},
            r"findings\.0\.labels\.n: ",
            id="number-as-label",
        ),
    ],
)
def test_a_result_that_contradicts_itself_is_refused(fields: dict[str, object], reason: str) -> None:
    with pytest.raises(MessageRefused, match=reason):
        read(CheckResult, result(**fields))


@pytest.mark.parametrize("missing", ["status", "target", "engine", "check"])
def test_a_result_says_what_it_is_about(missing: str) -> None:
    body = json.loads(result())
    del body[missing]
    with pytest.raises(MessageRefused, match=f"{missing}: Field required"):
        read(CheckResult, json.dumps(body).encode())


@given(LABELS, LABELS)
def test_findings_are_one_when_severity_and_labels_are(one: dict[str, str], other: dict[str, str]) -> None:
    keys = [a_finding(labels=labels).key("e", "t", "c") for labels in (one, other)]
    assert (keys[0] == keys[1]) == (one == other)
    assert a_finding(labels=dict(reversed(one.items()))).key("e", "t", "c") == keys[0]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(a_finding(severity="warning").key("e", "t", "c"), id="severity"),
        pytest.param(a_finding().key("e2", "t", "c"), id="engine"),
        pytest.param(a_finding().key("e", "t2", "c"), id="target"),
        pytest.param(a_finding().key("e", "t", "c2"), id="check"),
        pytest.param(a_finding().key("e", "", "tc"), id="names-run-together"),
    ],
)
def test_what_tells_findings_apart(other: str) -> None:
    assert a_finding().key("e", "t", "c") != other


def test_texts_and_times_are_no_part_of_a_findings_identity() -> None:
    changed = a_finding(
        summary="42 rows", description="d", read_more_url="https://x", failing_since=AT, remediation="r"
    )
    assert changed.key("e", "t", "c") == a_finding().key("e", "t", "c")


def test_severities_are_pmms_eight() -> None:
    assert len(Severity) == 8


def test_events_come_back_as_they_were_written() -> None:
    finished = CheckFinished(run="1-2", target="t", checks=["c"], covers=3, failed=1, started_at=AT, duration_ms=1.5)
    assert read(CheckFinished, finished.to_bytes()) == finished
