"""A remediation names what a finding is about, and no value of a label can become a statement of its own."""

import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.checks import Engine
from shared.remediation import labels_in, quoted, render_remediation


@pytest.mark.parametrize(
    ("engine", "template", "labels", "expected"),
    [
        ("postgresql", "DROP ROLE {{role}};", {"role": 'a"b'}, 'DROP ROLE "a""b";'),
        ("postgresql", "SELECT {{role|literal}};", {"role": "it's"}, "SELECT 'it''s';"),
        ("postgresql", "DROP ROLE {{role}};", {"role": "a$$b"}, 'DROP ROLE U&"a\\+000024\\+000024b";'),
        ("postgresql", "-- for {{role}}", {"role": "x\nDROP TABLE t;"}, "-- for x DROP TABLE t;"),
        ("mysql", "DROP USER {{user}}@{{host}};", {"user": "o'k", "host": "%"}, "DROP USER 'o''k'@'%';"),
        ("mysql", "DROP DATABASE {{db|identifier}};", {"db": "a`b"}, "DROP DATABASE `a``b`;"),
        ("mysql", "DROP USER {{user}};", {"user": "a\\"}, "DROP USER 'a\\\\';"),
        ("mysql", "#{{user}}", {"user": "a\r\nb"}, "#a  b"),
        ("mongodb", '{"dropRole": {{role}}}', {"role": 'a"b'}, '{"dropRole": "a\\"b"}'),
        ("mongodb", "// {{role}}", {"role": "a\u2028b"}, "// a b"),
        ("postgresql", "ALTER ROLE {{ role }} X {{other}};", {"role": "a"}, 'ALTER ROLE "a" X <other>;'),
        ("postgresql", "keeps {{not a label}} and {x}", {}, "keeps {{not a label}} and {x}"),
    ],
)
def test_labels_are_quoted_for_their_engine(
    engine: Engine, template: str, labels: dict[str, str], expected: str
) -> None:
    assert render_remediation(template, labels, engine) == expected


def test_the_labels_of_a_remediation_are_told_in_order() -> None:
    assert labels_in("{{b}} {{a|literal}} {{b|identifier}}") == ("b", "a")


@given(st.text())
@example('";DROP TABLE t;--')
@example("$$; DROP TABLE t; $$")
@example("\\")
def test_no_value_ends_its_quotes_in_postgresql(value: str) -> None:
    for form, quote in (("identifier", '"'), ("literal", "'")):
        written = quoted(value, "postgresql", form)
        inner = re.fullmatch(rf"(?:U&)?{quote}((?:[^{quote}]|{quote}{quote})*){quote}", written, re.DOTALL)
        assert inner
        assert "$" not in written
        plain = inner[1].replace(quote * 2, quote)
        if written.startswith("U&"):
            plain = re.sub(r"\\(\\|\+[0-9A-F]{6})", lambda m: "\\" if m[1] == "\\" else chr(int(m[1][1:], 16)), plain)
        assert plain == value


@given(st.text())
@example("';DROP TABLE t;#")
@example("\\'")
def test_no_value_ends_its_quotes_in_mysql_in_any_mode(value: str) -> None:
    written = quoted(value, "mysql", "literal")
    with_escapes = r"'(?:[^'\\]|''|\\.)*'"
    without_escapes = r"'(?:[^']|'')*'"
    assert re.fullmatch(with_escapes, written, re.DOTALL)
    assert re.fullmatch(without_escapes, written, re.DOTALL)
    assert re.fullmatch(r"`(?:[^`]|``)*`", quoted(value, "mysql", "identifier"), re.DOTALL)


@given(st.text())
def test_a_value_for_mongodb_is_one_string_of_json_on_one_line(value: str) -> None:
    written = quoted(value, "mongodb", "literal")
    assert json.loads(written) == value
    assert not re.search("[\n\r\u2028\u2029]", written)


@given(st.text(), st.sampled_from(["postgresql", "mysql", "mongodb"]))
def test_no_value_leaves_a_comment_line(value: str, engine: Engine) -> None:
    start = {"postgresql": "--", "mysql": "-- ", "mongodb": "//"}[engine]
    assert len(render_remediation(start + " {{x}}", {"x": value}, engine).splitlines()) == 1
