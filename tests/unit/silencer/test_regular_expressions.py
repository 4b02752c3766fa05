"""Which regular expressions may stand in a matcher, and what they match."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.silencer.regular_expressions import PROBES, fault_of, matches, matches_about_everything


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "orders-db",
        "db[0-9]+|pg-.*",
        r"db\d{1,3}\.example\.com",
        "(?i)orders.*",
        "(?i:Orders)-(?P<number>[0-9]+)",
        "(?:a|b)+?c*?d??",
        r"[]a-z^-]+",
        r"[^]]x",
        r"\[watch\](?:word)",
        r"caf\x41é.*",
        r"a{2}b{2,}c{2,5}",
        r"^orders$",
        r"\Aorders\b\z",
        r"\x{1F600}\.\-\_",
        "(?ims)a.b",
        "(?P<name>a)|()|",
        "|".join(f"server-{number}" for number in range(300)),
    ],
)
def test_what_both_engines_read_alike_is_good(expression: str) -> None:
    assert fault_of(expression) is None


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("(?!x)", "no look-around"),
        ("a(?=x)", "no look-around"),
        ("a(?<=x)", "no look-around"),
        ("a(?<!x)", "no look-around"),
        ("(a)(?(1)b|c)", "no condition"),
        ("(?>a)", "is not known"),
        ("a(?#comment)", "is not known"),
        ("a(?i)b", "flags stand at the beginning"),
        ("(?P=name)", "is not known"),
        ("(?<name>a)", "is not known"),
        (r"(a)\1", r"\1 at character 4 is not known"),
        (r"a\Z", r"\Z at character 2 is not known"),
        (r"\pL+", r"\p at character 1 is not known"),
        (r"\Qa.b\E", r"\Q at character 1 is not known"),
        (r"\x{110000}", r"\x at character 1 is not known"),
        ("a\\", "is not known"),
        ("[[:alpha:]]", "write the characters out"),
        (r"[\pL]", r"\p at character 2 is not known"),
        ("a**", "directly after another"),
        ("a*+", "directly after another"),
        ("a++", "directly after another"),
        ("a???", "directly after another"),
        ("a{2}{3}", "directly after another"),
        ("a{,5}", "is no repeat"),
        ("a{b}", "is no repeat"),
        ("a{", "is no repeat"),
        ("{5}", "nothing to repeat"),
        ("a{1001}", "repeats more than 1000"),
        ("a{99999999999999999999}", "repeats more than 1000"),
        ("((a{100}){100}){100}", "repeats more than 1000"),
        ("(a{2}|b{40}){30}", "repeats more than 1000"),
        ("a" * 4097, "longer than"),
        ("(" * 60 + ")" * 60, "nested more than 50"),
        ("(a", "is not closed"),
        ("a)", "unexpected )"),
        ("[a", "is not closed"),
        ("[]", "is not closed"),
        ("*a", "nothing to repeat"),
        ("a|+", "nothing to repeat"),
        ("a{3,2}", "in the wrong order"),
        ("[z-a]", "is no range"),
        (r"[a-\d]", "is no range"),
    ],
)
def test_what_they_do_not_is_refused_with_a_reason(expression: str, fault: str) -> None:
    found = fault_of(expression)
    assert found is not None
    assert fault in found


@pytest.mark.parametrize(
    "expression",
    [".*", ".+", "(.+)", ".{1,}", r"\S+", "[^a]*", "a|.*", r"\w+", "[a-z0-9]+", ".", ".?.?.?", "^.*$", "(?i)[A-Z0-9]+"],
)
def test_what_matches_names_that_nobody_chose_matches_about_everything(expression: str) -> None:
    assert matches_about_everything(expression)


@pytest.mark.parametrize("expression", ["orders", "db-.*", ".*-prod", "db[0-9]+", "(?i)ORDERS|users", ".*weak.*", ""])
def test_what_names_something_does_not(expression: str) -> None:
    assert not matches_about_everything(expression)


@pytest.mark.parametrize(
    ("expression", "text", "expected"),
    [
        ("", "", True),
        ("a?", "", True),
        ("|a", "", True),
        ("a+", "", False),
        ("(?i)Ab[c-d]", "aBD", True),
        ("(?i:A)b", "AB", False),
        ("a.b", "a\nb", False),
        ("(?s)a.b", "a\nb", True),
        ("(?:ab){2,3}", "ababab", True),
        ("(?:ab){2,3}", "abababab", False),
        ("(?:ab){2,3}", "ab", False),
        (r"[^\d-]+", "a-", False),
        (r"[\d\-]+", "4-2", True),
        (r"\bfoo\b.*", "foo-bar", True),
        (r"\bfoo\b.*", "foobar", False),
        (r"\Sa\s\W\D", "xa !y", True),
        (r"\x41\x{42}\.\t", "AB.\t", True),
        ("[]x]+", "]x]", True),
    ],
)
def test_what_an_expression_matches(expression: str, text: str, expected: bool) -> None:
    assert matches(expression, text) is expected


@pytest.mark.parametrize(
    "expression",
    [
        "(.*)" * 1000 + "y",
        "(" * 49 + ".*" + ")*" * 49 + "y",
        "(" * 49 + ".*" + ")+" * 49 + "y",
        "(a|aa|q|q7|.)*" * 290 + "y",
        "(?:(?:(?:.?){10}){10}){10}y",
        "(?:(?:(?:.*){10}){10}){10}" * 150 + "y",
    ],
    ids=["many", "nested", "nested and needed", "ambiguous", "counted", "counted often"],
)
def test_a_hostile_expression_is_tried_quickly(expression: str) -> None:
    began = time.monotonic()
    assert fault_of(expression) is None
    matches_about_everything(expression)
    assert time.monotonic() - began < 20


@given(st.text(alphabet=r"ab0.*+?{}[]()|\^$-,:<>=!PidwZ", max_size=25))
def test_whatever_passes_can_be_tried(expression: str) -> None:
    if fault_of(expression) is None:
        matches_about_everything(expression)


SIMPLE = st.recursive(
    st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\w", r"\d", r"\.", "^", "$", r"\b", ""]),
    lambda inner: st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("(?:{}|{})".format, inner, inner),
        st.builds("(?:{}){}".format, inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{0,}", "+?"])),
    ),
    max_leaves=6,
)


@given(SIMPLE, st.sampled_from([*PROBES, "", "a", "ab", "b.a", "aab"]))
def test_an_expression_means_here_what_it_means_to_python(expression: str, text: str) -> None:
    assert fault_of(expression) is None
    assert matches(expression, text) == (re.fullmatch(expression, text, re.ASCII) is not None)
