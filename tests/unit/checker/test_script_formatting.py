"""How values are written as text."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.checker.script_formatting import field_pieces, float_text, percent_pieces, quoted

FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (-1.5, "-1.5"),
        (100.0, "100.0"),
        (123456.0, "123456.0"),
        (123456.789, "123456.789"),
        (999999.0, "999999.0"),
        (999999.9999999999, "999999.9999999999"),
        (1000000.0, "1e+06"),
        (1234567.0, "1.234567e+06"),
        (1e21, "1e+21"),
        (1e100, "1e+100"),
        (0.1, "0.1"),
        (0.0001, "0.0001"),
        (0.00012, "0.00012"),
        (0.00009999, "9.999e-05"),
        (1e-7, "1e-07"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (2 / 3, "0.6666666666666666"),
        (1e15 / 3, "3.333333333333333e+14"),
    ],
    ids=str,
)
def test_float_is_written_as_go_does(value, text):
    assert float_text(value) == text


@given(FLOATS)
def test_float_can_be_read_back(value):
    assert float(float_text(value)) == value
    assert math.copysign(1, float(float_text(value))) == math.copysign(1, value)


@given(FLOATS)
def test_float_has_a_point_or_an_exponent_of_two_digits_and_no_more_digits_than_needed(value):
    digits, _, exponent = float_text(value).partition("e")
    assert "." in digits or exponent
    assert not exponent or (exponent[0] in "+-" and len(exponent) >= 3)
    assert len(digits.lstrip("-0.").replace(".", "").rstrip("0")) <= 17


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("", '""'),
        ("plain ~!", '"plain ~!"'),
        ('say "hi"', r'"say \"hi\""'),
        ("it's", '"it\'s"'),
        ("a\\b", r'"a\\b"'),
        ("\a\b\f\n\r\t\v", r'"\a\b\f\n\r\t\v"'),
        ("\x00\x1f\x7f", r'"\x00\x1f\x7f"'),
        ("éß漢😀", '"éß漢😀"'),
        ("\u00a0\u200b\u2028", r'"\u00a0\u200b\u2028"'),
        ("\U000e0001", r'"\U000e0001"'),
        ("\U0010fe80\U0010feff", r'"\x80\xff"'),
        ("\U0010fdff\U0010ff00", r'"\U0010fdff\U0010ff00"'),
    ],
)
def test_string_is_quoted_as_go_does(text, result):
    assert quoted(text) == result


@given(st.text())
def test_quoted_string_is_printable_and_in_double_quotes(text):
    result = quoted(text)
    assert result.isprintable()
    assert result[0] == result[-1] == '"'


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", [("", None, "")]),
        ("plain", [("plain", None, "")]),
        ("%s", [("", None, "s"), ("", None, "")]),
        ("a%sb%dc", [("a", None, "s"), ("b", None, "d"), ("c", None, "")]),
        ("%i", [("", None, "d"), ("", None, "")]),
        ("100%%", [("100%", None, "")]),
        ("%%%s%%", [("%", None, "s"), ("%", None, "")]),
        ("%(a b)s", [("", "a b", "s"), ("", None, "")]),
        ("%()d", [("", "", "d"), ("", None, "")]),
    ],
)
def test_percent_format_is_taken_apart(text, pieces):
    assert list(percent_pieces(text)) == pieces


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("%", "incomplete format"),
        ("a%", "incomplete format"),
        ("%(a", "incomplete format key"),
        ("%(a)", "incomplete format"),
        ("%z", "unknown conversion %z"),
        ("%5d", "unknown conversion %5"),
        ("%.2f", "unknown conversion %."),
        ("%-s", "unknown conversion %-"),
        ("% d", "unknown conversion % "),
        ("50% off", "unknown conversion % "),
    ],
)
def test_percent_format_has_neither_width_nor_flags(text, reason):
    with pytest.raises(ValueError, match=f"^{reason}$"):
        percent_pieces(text)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", [("", None, "")]),
        ("{}", [("", "0", "s"), ("", None, "")]),
        ("{}{}", [("", "0", "s"), ("", "1", "s"), ("", None, "")]),
        ("{1}-{0}", [("", "1", "s"), ("-", "0", "s"), ("", None, "")]),
        ("{007}", [("", "7", "s"), ("", None, "")]),
        ("{name!r}", [("", "name", "r"), ("", None, "")]),
        ("{!s}", [("", "0", "s"), ("", None, "")]),
        ("{0:}", [("", "0", "s"), ("", None, "")]),
        ("{{}}", [("{}", None, "")]),
        ("{{{}}}", [("{", "0", "s"), ("}", None, "")]),
    ],
)
def test_format_fields_are_taken_apart(text, pieces):
    assert list(field_pieces(text)) == pieces


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "unmatched '{' in format"),
        ("}", "single '}' in format"),
        ("a}b", "single '}' in format"),
        ("{}{0}", "cannot switch"),
        ("{0}{}", "cannot switch"),
        ("{:d}", "format spec features not supported"),
        ("{0:>5}", "format spec features not supported"),
        ("{!x}", "unknown conversion 'x'"),
        ("{!}", "unknown conversion ''"),
        ("{a.b}", "attribute syntax"),
        ("{a[0]}", "element syntax"),
        ("{a{}}", "nested fields"),
    ],
)
def test_format_fields_of_other_kinds_are_refused(text, reason):
    with pytest.raises(ValueError, match=reason):
        field_pieces(text)
