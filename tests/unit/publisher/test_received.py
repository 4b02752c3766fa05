"""Is a message a result? The subject is the truth, and nothing that is stored may stop the reader."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.publisher.errors import ResultBroken
from services.publisher.received import read_result
from shared.following import Stored
from tests.unit.publisher.news import NOON, SUBJECT

VERDICT = "check.result.verdict.postgresql.db-1.superusers"
ERROR = "check.result.error.postgresql.db-1.superusers"


def body(**changed: Any) -> bytes:
    plain = {"status": "passed", "engine": "postgresql", "target": "db-1", "check": "superusers"}
    return json.dumps({**plain, **changed}).encode()


def stored(data: bytes, subject: str = VERDICT) -> Stored:
    return Stored(subject, 7, data, {}, NOON)


def test_a_result_is_read_with_its_place() -> None:
    received = read_result(stored(body()))
    assert (received.subject, received.sequence, received.stored_at) == (SUBJECT, 7, NOON)


def test_an_error_stands_for_the_same_check_as_its_verdict() -> None:
    assert read_result(stored(body(status="error"), ERROR)).subject == SUBJECT


@pytest.mark.parametrize(
    ("data", "subject", "reason"),
    [
        pytest.param(b"", VERDICT, "status", id="empty"),
        pytest.param(b"\xff", VERDICT, "UTF-8", id="not UTF-8"),
        pytest.param(b"[]", VERDICT, "object", id="no object"),
        pytest.param(body(status="fine"), VERDICT, "status", id="an unknown status"),
        pytest.param(body(status="failed"), VERDICT, "no findings", id="failed without findings"),
        pytest.param(body(engine="mysql"), VERDICT, "engine 'mysql', its subject 'postgresql'", id="another engine"),
        pytest.param(body(target="db-2"), VERDICT, "target 'db-2', its subject 'db-1'", id="another target"),
        pytest.param(body(check="roles"), VERDICT, "check 'roles', its subject 'superusers'", id="another check"),
        pytest.param(body(status="error"), VERDICT, "does not belong", id="an error where verdicts are"),
        pytest.param(body(), ERROR, "does not belong", id="a verdict where errors are"),
        pytest.param(body(), "check.result.other.postgresql.db-1.superusers", "verdict", id="another kind of subject"),
        pytest.param(body(), "check.result.verdict.postgresql.db=.superusers", "encoded", id="no encoded name"),
        pytest.param(b"[" * 100_000, VERDICT, "JSON", id="deeply nested"),
    ],
)
def test_what_contradicts_its_subject_is_broken(data: bytes, subject: str, reason: str) -> None:
    with pytest.raises(ResultBroken, match=reason):
        read_result(stored(data, subject))


fields = st.sampled_from(
    ["status", "engine", "target", "check", "findings", "failing_since", "expires_at", "labels", "severity", "summary"]
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["failed", "error"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(fields, inner, max_size=4),
    max_leaves=12,
)


@given(st.binary(max_size=60) | st.dictionaries(fields, values, max_size=8).map(lambda made: json.dumps(made).encode()))
def test_whatever_is_stored_is_a_result_or_broken(data: bytes) -> None:
    with contextlib.suppress(ResultBroken):
        read_result(stored(data))
