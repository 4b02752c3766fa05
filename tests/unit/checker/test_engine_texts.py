"""What becomes of a driver's or server's words before they are part of an error."""

import pytest

from services.checker.engines.protocol import Login
from services.checker.engines.texts import LONGEST_TEXT, said
from shared.targets import Target

PASSWORD = "pa ss/w%rd+'é\"\\"


def words(text: str, password: str | None = PASSWORD) -> str:
    return said(text, Login(Target(name="orders", engine="postgresql"), password))


@pytest.mark.parametrize(
    "spelling",
    [
        PASSWORD,
        "pa%20ss/w%25rd%2B%27%C3%A9%22%5C",
        "pa%20ss%2Fw%25rd%2B%27%C3%A9%22%5C",
        "pa+ss%2Fw%25rd%2B%27%C3%A9%22%5C",
        repr(PASSWORD),
        repr(PASSWORD.encode()),
        "pa ss/w%rd+'\\u00e9\\\"\\\\",
        "pa ss/w%rd+''é\"\\",
    ],
)
def test_password_is_taken_out_in_every_spelling(spelling: str) -> None:
    text = words(f"cannot connect to postgresql://watchword:{spelling}@db/")
    assert "ss/w" not in text
    assert "ss%2Fw" not in text
    assert "***" in text


def test_short_password_is_taken_out_where_it_stands_by_itself() -> None:
    assert words("user x may not execute: password x", "x") == "user *** may not execute: password ***"


@pytest.mark.parametrize("password", [None, ""])
def test_without_a_password_nothing_is_taken_out(password: str | None) -> None:
    assert words("refused", password) == "refused"


def test_words_are_one_line_without_control_characters() -> None:
    assert words("first\nsecond\t\x1b[31mred\x00\u2028end", None) == "first second [31mred end"


def test_words_have_a_bounded_length() -> None:
    assert len(words("x" * 10_000_000, None)) == LONGEST_TEXT + 1


def test_password_at_the_bound_is_not_cut_in_half() -> None:
    text = words("y" * (LONGEST_TEXT - 5) + PASSWORD, PASSWORD)
    assert "pa ss" not in text
