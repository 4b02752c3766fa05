"""In which forms may an event come? As headers and body, as a structured CloudEvent, as plain JSON, or empty."""

import base64
import contextlib
import datetime as dt
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.cloudevents import headers_of, read
from shared.errors import MessageRefused
from shared.events import CheckRequested, CheckResult, RunRequested

ASKED = {"targets": ["orders-*"], "reason": "migration 42"}
ENVELOPE = {"specversion": "1.0", "type": "com.example.asked", "source": "/ci", "id": "1"}
BINARY = {"ce-specversion": "1.0", "ce-type": "com.example.asked", "content-type": "application/json"}
FIELDS = st.sampled_from(["specversion", "type", "source", "data", "data_base64", "targets", "checks", "selector", "x"])
STRUCTURED = {"Content-Type": "application/cloudevents+json; charset=utf-8"}


def body(value: object) -> bytes:
    return json.dumps(value).encode()


ENCODED = base64.b64encode(body(ASKED)).decode()


@pytest.mark.parametrize(
    ("data", "headers"),
    [
        pytest.param(body(ASKED), None, id="plain"),
        pytest.param(body(ASKED), {}, id="plain-with-empty-headers"),
        pytest.param(body(ASKED), BINARY, id="binary"),
        pytest.param(body({**ENVELOPE, "data": ASKED}), STRUCTURED, id="structured"),
        pytest.param(body({**ENVELOPE, "data": ASKED}), None, id="structured-without-headers"),
        pytest.param(body({**ENVELOPE, "data": json.dumps(ASKED)}), STRUCTURED, id="structured-data-as-text"),
        pytest.param(body({**ENVELOPE, "data_base64": ENCODED}), STRUCTURED, id="structured-base64"),
        pytest.param(body({**ASKED, "of a newer version": True}), None, id="unknown-field"),
    ],
)  # fmt: skip
def test_an_event_is_read_in_whichever_form_it_came(data: bytes, headers: dict[str, str] | None) -> None:
    assert read(CheckRequested, data, headers) == CheckRequested(targets=["orders-*"], reason="migration 42")


@pytest.mark.parametrize(
    ("data", "headers"),
    [
        pytest.param(b"", None, id="nothing"),
        pytest.param(b" \r\n", None, id="blank"),
        pytest.param(b"{}", None, id="empty-object"),
        pytest.param(body(ENVELOPE), STRUCTURED, id="structured-without-data"),
        pytest.param(body({**ENVELOPE, "data": None}), STRUCTURED, id="structured-with-null"),
        pytest.param(body({**ENVELOPE, "data": ""}), STRUCTURED, id="structured-with-empty-text"),
    ],
)
def test_the_empty_message_is_the_empty_event(data: bytes, headers: dict[str, str] | None) -> None:
    assert read(CheckRequested, data, headers) == CheckRequested()


@pytest.mark.parametrize(
    ("data", "headers", "reason"),
    [
        pytest.param(b"\xff", None, "not UTF-8", id="bytes"),
        pytest.param('{"id": "x"}'.encode("utf-16"), None, "not UTF-8", id="utf-16"),
        pytest.param(b"run all", None, "not JSON: Expecting value", id="text"),
        pytest.param(b"[1]", None, "not a JSON object but list", id="list"),
        pytest.param(b"null", None, "not a JSON object but NoneType", id="null"),
        pytest.param(b"[" * 100_000, None, "not JSON", id="nested-too-deep"),
        pytest.param(b'{"id": ' + b"9" * 5000 + b"}", None, "not JSON", id="number-too-long"),
        pytest.param(body({"targets": 7}), None, "targets: .* got 7", id="wrong-type"),
        pytest.param(body({"targets": [""]}), None, r"targets\.0: ", id="empty-name"),
        pytest.param(body({"targets": 1, "checks": 2}), None, r"\(and 1 more\)", id="two-wrong-fields"),
        pytest.param(body({**ENVELOPE, "data": [1]}), STRUCTURED, "data of the CloudEvent is not an object", id="data"),
        pytest.param(body({**ENVELOPE, "data_base64": "%"}), STRUCTURED, "is not base64", id="base64"),
        pytest.param(body({**ENVELOPE, "data": {"targets": 7}}), STRUCTURED, "targets: ", id="inside"),
    ],
)
def test_what_cant_be_read_is_refused_with_its_reason(data: bytes, headers: dict[str, str] | None, reason: str) -> None:
    with pytest.raises(MessageRefused, match=reason):
        read(CheckRequested, data, headers)


def test_a_long_wrong_value_is_not_repeated() -> None:
    with pytest.raises(MessageRefused) as refused:
        read(CheckRequested, body({"targets": {"x": "y" * 10_000}}))
    assert len(str(refused.value)) < 300


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(MessageRefused):
        read(CheckResult, data)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(FIELDS, inner, max_size=4),
        max_leaves=8,
    )
)  # fmt: skip
def test_any_json_is_read_or_refused(value: object) -> None:
    with contextlib.suppress(MessageRefused):
        read(CheckRequested, body(value))


@given(st.text(), st.text(), st.datetimes(timezones=st.just(dt.UTC)))
def test_our_headers_are_plain_ascii_whatever_the_names(source: str, identifier: str, at: dt.datetime) -> None:
    headers = headers_of("check.finished", source=source, identifier=identifier, at=at)
    assert headers["ce-type"] == "watchword.check.finished"
    assert headers["ce-time"].endswith("Z")
    for value in headers.values():
        assert value.isascii()
        assert value.isprintable()


def test_our_own_events_are_read_back() -> None:
    event = RunRequested(schedule="30 3 * * 1 Europe/Berlin", due_at=dt.datetime(2026, 11, 23, tzinfo=dt.UTC))
    headers = headers_of("check.requested", source="host", identifier="1", at=dt.datetime.now(dt.UTC))
    assert read(RunRequested, event.to_bytes(), headers) == event


@pytest.mark.parametrize("half", [r"\ud83d", r"a\uDE00b", r"\udfff\ud800"])
@pytest.mark.parametrize(
    "form",
    [
        pytest.param('{"reason": "%s"}', id="a field"),
        pytest.param('{"selector": {"%s": "a"}}', id="a name"),
        pytest.param('{"other": ["%s"]}', id="a field that nobody knows"),
        pytest.param('{"specversion": "1.0", "type": "t", "source": "/s", "data": {"reason": "%s"}}', id="structured"),
    ],
)
@pytest.mark.parametrize("headers", [{}, {"content-type": "application/json"}])
def test_half_of_a_surrogate_pair_is_refused_for_it_could_not_be_passed_on(
    half: str, form: str, headers: dict[str, str]
) -> None:
    with pytest.raises(MessageRefused, match="half of a surrogate pair") as refused:
        read(CheckRequested, (form % half).encode(), headers)
    str(refused.value).encode()


def test_a_whole_surrogate_pair_is_the_character_that_it_stands_for() -> None:
    event = read(CheckRequested, rb'{"reason": "\ud83d\ude00 \\ud83d"}')
    assert event.reason == "\U0001f600 \\ud83d"
    assert event.to_bytes()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.sampled_from(["failed", "1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
RESULT_FIELDS = st.sampled_from([*CheckResult.model_fields, "specversion", "type", "source", "data", "other"])
PLAIN_RESULT = {"status": "passed", "engine": "e", "target": "t", "check": "c"}
BODIES = st.binary(max_size=20) | st.dictionaries(RESULT_FIELDS, VALUES, max_size=6).flatmap(
    lambda fields: st.booleans().map(
        lambda is_ascii: json.dumps({**PLAIN_RESULT, **fields}, ensure_ascii=is_ascii).encode(errors="replace")
    )
)


@given(BODIES)
@example(body({**PLAIN_RESULT, "started_at": 1795176000, "duration_ms": "1.5"}))
@example(body({**PLAIN_RESULT, "other": "\ud800"}))
@example(b'{"status": "failed", "status": "passed", "engine": "e", "target": "t", "check": "c", "duration_ms": NaN}')
@example(b'{"status": "passed", "engine": "e", "target": "t", "check": "c", "other": "\xff"}')
@example(b'{"\\u0073pecversion": "1.0", "type": "t", "source": "s", "data": {}}')
@example(
    b'{"status": "passed", "engine": "e", "target": "t", "check": "c", "other": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"
)
def test_the_header_of_our_own_programs_changes_nothing_but_the_time_that_reading_takes(data: bytes) -> None:
    read_both_ways = []
    for headers in ({"content-type": "application/json"}, {"Content-Type": "application/json"}):
        try:
            read_both_ways.append(repr(read(CheckResult, data, headers)))
        except MessageRefused as refused:
            read_both_ways.append(str(refused))
    assert read_both_ways[0] == read_both_ways[1]
