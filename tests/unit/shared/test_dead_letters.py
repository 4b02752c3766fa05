"""Can any text stand in a header, and can any dead letter be read back?"""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.dead_letters import ORIGINAL, REASON, REFUSED_AT, SEQUENCE, STAGE, STORED_AT, SUBJECT, one_line, read
from shared.following import Stored

AT = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)


def stored(headers: dict[str, str]) -> Stored:
    return Stored("dead.checker", 7, b"body", headers, AT)


@given(st.text(alphabet=st.characters(), max_size=300))
def test_any_text_becomes_one_printable_line_that_utf_8_can_hold(text: str) -> None:
    line = one_line(text)
    assert len(line.splitlines()) <= 1
    assert "\x00" not in line
    line.encode()
    assert line == line.strip()
    assert one_line(line) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("plain", "plain", id="plain"),
        pytest.param("a\r\nb", "a b", id="line-break"),
        pytest.param("Nats-Rollup: all\r\n\r\nevil", "Nats-Rollup: all evil", id="header-injection"),
        pytest.param("größe", "größe", id="letters"),
        pytest.param("\x1b[31mred", "[31mred", id="escape"),
        pytest.param("\ud800", "", id="surrogate"),
        pytest.param("a\u2028b", "a b", id="line-separator"),
        pytest.param("\U0001f600", "\U0001f600", id="beyond-the-first-plane"),
    ],
)
def test_what_becomes_of_a_text(text: str, line: str) -> None:
    assert one_line(text) == line


def test_a_long_text_is_cut_and_says_so() -> None:
    line = one_line("x" * 5000)
    assert len(line) == 2000
    assert line.endswith("…")


def test_a_dead_letter_is_read_back() -> None:
    letter = read(
        stored(
            {
                REASON: "not JSON",
                STAGE: "checker",
                SUBJECT: "check.requested",
                "Watchword-Stream": "CHECK_REQUESTS",
                SEQUENCE: "12",
                STORED_AT: AT.isoformat(),
                REFUSED_AT: AT.isoformat(),
                ORIGINAL + "X-Of": "a client",
                "Nats-Msg-Id": "ours",
            }
        )
    )
    assert (letter.reason, letter.stage, letter.subject, letter.stream) == (
        *("not JSON", "checker"),
        *("check.requested", "CHECK_REQUESTS"),
    )
    assert (letter.sequence, letter.stored_at, letter.refused_at, letter.own_sequence) == (12, AT, AT, 7)
    assert letter.headers == {"X-Of": "a client"}


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="none"),
        pytest.param({SEQUENCE: "many", STORED_AT: "yesterday", REFUSED_AT: "now"}, id="nonsense"),
        pytest.param({SEQUENCE: "\u00b2", STAGE: ""}, id="no-digits"),
    ],
)
def test_what_somebody_else_put_there_is_read_too(headers: dict[str, str]) -> None:
    letter = read(stored(headers))
    assert (letter.stage, letter.sequence, letter.data, letter.stored_at, letter.refused_at) == (
        *("checker", 0, b"body", None),
        AT,
    )


def test_a_stage_whose_token_is_none_of_ours_is_shown_as_it_is() -> None:
    assert read(Stored("dead.a%b", 7, b"", {}, AT)).stage == "a%b"
