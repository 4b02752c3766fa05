"""What the checker and its sandbox processes say to each other, and what a process's end means."""

import json
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.checker.sandbox_frames import (
    HEADER,
    MOST_REPLY_BYTES,
    FrameRefused,
    ScriptLimits,
    call_from_bytes,
    call_to_bytes,
    outcome_from_bytes,
    outcome_to_bytes,
)
from services.checker.sandbox_process import _meaning
from services.checker.script import BranchRun, Printed, ScriptCall, ScriptFinding, ScriptJob, ScriptOutcome, call_of
from shared.severity import Severity

TEXT = st.text() | st.binary().map(lambda sent: sent.decode("utf-8", "surrogateescape"))
FINDINGS = st.builds(
    ScriptFinding, TEXT, TEXT, st.sampled_from(Severity), st.dictionaries(TEXT, TEXT, max_size=3), read_more_url=TEXT
)
OUTCOMES = st.builds(
    ScriptOutcome,
    findings=st.lists(FINDINGS, max_size=3).map(tuple),
    error=st.none() | TEXT,
    printed=st.lists(st.builds(Printed, st.integers(0), TEXT, TEXT), max_size=3).map(tuple),
    branches=st.lists(
        st.builds(BranchRun, st.integers(1), st.integers(1), st.sampled_from(["true", "false"]), st.integers(0)),
        max_size=3,
    ).map(tuple),
)
FINDING = ["s", "d", "info", {"a": "b"}, ""]
GOOD = {
    "findings": [FINDING],
    "error": None,
    "printed": [[1, "f", "x"]],
    "branches": [[1, 1, "true", 0]],
    "is_last": False,
}


def body(frame: bytes) -> bytes:
    (length,) = HEADER.unpack_from(frame)
    assert len(frame) == HEADER.size + length
    return frame[HEADER.size :]


@given(OUTCOMES, st.booleans())
def test_outcome_comes_back_as_it_was(outcome, is_last):
    assert outcome_from_bytes(body(outcome_to_bytes(outcome, is_last=is_last))) == (outcome, is_last)


@given(st.text(), st.lists(TEXT), st.dictionaries(st.text(), st.integers() | TEXT), st.booleans())
def test_call_comes_back_as_it_was(script, documents, parameters, with_branches):
    call = call_of(ScriptJob("c", script, 2, documents, parameters, with_branches))
    assert call_from_bytes(body(call_to_bytes(call))) == call
    assert json.loads(call.documents) == documents


def test_call_of_format_1_has_the_rows_themselves():
    assert call_of(ScriptJob("c", "x", 1, [[{"a": 1}]])) == ScriptCall("x", '[{"a":1}]', "{}")


@pytest.mark.parametrize(
    "finding",
    [
        pytest.param(ScriptFinding("x" * (MOST_REPLY_BYTES + 1), "", Severity.INFO), id="long at once"),
        pytest.param(ScriptFinding("\0" * (MOST_REPLY_BYTES // 2), "", Severity.INFO), id="long when it is escaped"),
    ],
)
def test_outcome_that_is_too_long_becomes_an_error_and_keeps_what_was_printed(finding):
    printed = (Printed(1, "", "x"),)
    frame = outcome_to_bytes(ScriptOutcome(findings=(finding,), printed=printed), is_last=True)
    outcome, is_last = outcome_from_bytes(body(frame))
    assert (outcome.findings, outcome.printed, is_last) == ((), printed, True)
    assert outcome.error.startswith("the script returned ")
    assert outcome.error.endswith(" MiB; at most 8 MiB are taken")


def test_outcome_of_just_the_allowed_length_gets_through():
    finding = ScriptFinding("x" * (MOST_REPLY_BYTES - 200), "", Severity.INFO)
    frame = outcome_to_bytes(ScriptOutcome(findings=(finding,)))
    assert len(frame) <= MOST_REPLY_BYTES
    assert outcome_from_bytes(body(frame))[0].findings == (finding,)


def test_good_outcome_is_read():
    outcome, _ = outcome_from_bytes(json.dumps(GOOD).encode())
    assert outcome.findings[0].labels == {"a": "b"}


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"findings": [["s", "d", "fatal", {}, ""]]}, id="an unknown severity"),
        pytest.param({"findings": [["s", "d", "info", {"a": 1}, ""]]}, id="a label that is a number"),
        pytest.param({"findings": [["s", "d", "info", [], ""]]}, id="labels that are a list"),
        pytest.param({"findings": [[1, "d", "info", {}, ""]]}, id="a summary that is a number"),
        pytest.param({"findings": [["s", "d", "info"]]}, id="half a finding"),
        pytest.param({"findings": 1}, id="findings that are a number"),
        pytest.param({"error": {}}, id="an error that is a dict"),
        pytest.param({"printed": [["1", "f", "x"]]}, id="a line that is text"),
        pytest.param({"branches": [[1, 1, "true"]]}, id="half a branch"),
    ],
)
def test_outcome_of_another_form_is_refused(fields):
    with pytest.raises(FrameRefused):
        outcome_from_bytes(json.dumps(GOOD | fields).encode())


@pytest.mark.parametrize("sent", [b"", b"{", b"\xff", b"null", b"[]", b'{"findings":[]}', b"[" * 100_000])
def test_what_is_no_outcome_is_refused(sent):
    with pytest.raises(FrameRefused):
        outcome_from_bytes(sent)


@pytest.mark.parametrize(
    ("code", "said", "meaning"),
    [
        (-signal.SIGXCPU, "", "the script ran longer than 5 s, which is the limit"),
        (-signal.SIGABRT, "", "the script took more than 1 GiB of memory, which is the limit"),
        (-signal.SIGABRT, "memory allocation of 9 bytes failed", "the script took more than 1 GiB of memory"),
        (1, "Traceback:\nMemoryError", "the script took more than 1 GiB of memory, which is the limit"),
        (-signal.SIGSEGV, "", "the script broke its process: it or its values are nested too deeply, or"),
        (-signal.SIGBUS, "", "the script broke its process: it or its values are nested too deeply, or"),
        (-signal.SIGKILL, "", "the process of the script was ended from outside by SIGKILL"),
        (3, "", "the process of the script ended with code 3: it said nothing"),
        (3, "what it said", "the process of the script ended with code 3: what it said"),
    ],
)
def test_end_of_a_process_says_what_the_script_did(code, said, meaning):
    assert _meaning(code, said, ScriptLimits()).startswith(meaning)
