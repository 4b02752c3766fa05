"""PMM's contract, sentence by sentence: what a script is given, what it may call, and what it may return."""

import math
from types import MappingProxyType

import pytest

from services.checker.script import CompiledScript, ScriptJob, call_of, run_script
from services.checker.script_engine import MOST_PRINTED_CHARACTERS, MOST_PRINTED_LINES
from shared.severity import Severity

ENTRY = "def check_context(docs, context):\n"
FINDING = {"summary": "s", "severity": "warning"}


def run(body, *documents, file_format=2, before="", **more):
    return run_script(ScriptJob("c", f"{before}{ENTRY}{body}", file_format, documents, **more))


def seen(expression, *documents, before="", **more):
    """Return what an expression over ``docs`` and ``context`` is to the script, by ``repr``."""
    outcome = run(
        f"  return [{{'severity': 'info', 'summary': repr({expression})}}]\n", *documents, before=before, **more
    )
    assert outcome.error is None, outcome.error
    return outcome.findings[0].summary


# What a script is given


def test_format_1_gives_the_rows_of_the_single_query():
    rows = [{"a": 1}, {"a": 2}]
    assert seen("docs", rows, file_format=1) == '[{"a": 1}, {"a": 2}]'


def test_format_2_gives_one_item_for_each_query_even_for_one():
    assert seen("docs", [{"a": 1}]) == '[[{"a": 1}]]'
    assert seen("docs", [{"a": 1}], [], [{"b": 2}]) == '[[{"a": 1}], [], [{"b": 2}]]'


def test_all_dbs_gives_the_rows_of_each_database_by_its_name():
    assert seen("docs[0]['shop'][0]['n'] + len(docs[0]['empty'])", {"shop": [{"n": 7}], "empty": []}) == "7"


def test_no_rows_are_an_empty_list():
    assert seen("docs", [], file_format=1) == "[]"


def test_format_1_with_two_queries_is_an_error():
    assert run("  return []", [], [], file_format=1).error == "a check of format 1 has one query, not 2"


def test_mappings_and_sequences_of_any_kind_are_dicts_and_lists():
    assert seen("docs", (MappingProxyType({"a": (1, 2)}),)) == '[[{"a": [1, 2]}]]'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(None, "None", id="NULL"),
        pytest.param(True, "True", id="a bool"),
        pytest.param(0, "0", id="zero"),
        pytest.param(-(2**63), "-9223372036854775808", id="the least int64"),
        pytest.param(2**63 - 1, "9223372036854775807", id="the greatest int64"),
        pytest.param(2**63, "9223372036854775808", id="the first uint64 beyond int64"),
        pytest.param(2**64 - 1, "18446744073709551615", id="the greatest uint64"),
        pytest.param(1764000000_000000000, "1764000000000000000", id="nanoseconds"),
        pytest.param(1.0, "1.0", id="a float without a fraction"),
        pytest.param(0.1, "0.1", id="a float"),
        pytest.param(1234567.891, "1.234567891e+06", id="a float of many digits"),
        pytest.param(-0.0, "-0.0", id="minus zero"),
        pytest.param(1.7976931348623157e308, "1.7976931348623157e+308", id="the greatest float"),
        pytest.param(math.nan, "nan", id="NaN"),
        pytest.param(math.inf, "+inf", id="infinity"),
        pytest.param(-math.inf, "-inf", id="minus infinity"),
        pytest.param("", '""', id="empty text"),
        pytest.param("ON", '"ON"', id="text"),
        pytest.param("é😀", '"é😀"', id="text beyond ASCII"),
        pytest.param("a\x00b", r'"a\x00b"', id="a NUL"),
        pytest.param("\udcff\udcfe", r'"\xff\xfe"', id="bytes that are not UTF-8"),
        pytest.param("\ud800", '"\ufffd"', id="a surrogate that no byte is"),
        pytest.param("\U0010feff", r'"\xf4\x8f\xbb\xbf"', id="what bytes are disguised as"),
        pytest.param({"b": 1, "a": [None, {"c": 2.5}]}, '{"a": [None, {"c": 2.5}], "b": 1}', id="a document"),
        pytest.param([], "[]", id="an empty list"),
        pytest.param({}, "{}", id="an empty dict"),
    ],
)
def test_value_is_to_the_script_what_it_is_in_pmm(value, text):
    assert seen("docs[0][0]['v']", [{"v": value}]) == text


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "NoneType"),
        (True, "bool"),
        (1, "int"),
        (2**64 - 1, "int"),
        (1.0, "float"),
        (math.nan, "float"),
        ("x", "string"),
        ("\udcff", "string"),
        ([], "list"),
        ({}, "dict"),
    ],
)
def test_value_has_the_type_it_has_in_pmm(value, kind):
    assert seen("type(docs[0][0]['v'])", [{"v": value}]) == f'"{kind}"'


@pytest.mark.parametrize("value", [b"x", bytearray(b"x"), {1, 2}, object(), 1j], ids=lambda value: type(value).__name__)
def test_value_that_no_script_can_see_is_an_error_that_names_its_type(value):
    outcome = run("  return []", [{"v": value}])
    assert outcome.error == f"a query returned a value of the type {type(value).__name__}, which no script can see"


@pytest.mark.parametrize("text", ["\udcc3\udca9", "\udcff", "a\udc80\udc81b", "é\udcc3", "\U0010fe80\U0010feff"])
def test_any_bytes_come_back_as_they_came(text):
    body = "  v = docs[0][0]['v']\n  print(v)\n  return [{'severity': 'info', 'summary': v, 'labels': {v: v}}]\n"
    outcome = run(body, [{"v": text}])
    # Bytes that make up a character are that character now.
    expected = text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    assert outcome.findings[0].summary == expected
    assert outcome.findings[0].labels == {expected: expected}
    assert outcome.printed[0].text == expected


def test_bytes_of_an_error_come_back_too():
    assert run("  fail(docs[0][0]['v'])", [{"v": "\udcff"}]).error.endswith("fail: \udcff")


def test_bytes_that_meet_make_up_a_character():
    assert seen("docs[0][0]['v'] + docs[0][0]['w']", [{"v": "x\udcc3", "w": "\udca9y"}]) == r'"x\xc3\xa9y"'
    body = "  return [{'severity': 'info', 'summary': docs[0][0]['v'] + docs[0][0]['w']}]\n"
    assert run(body, [{"v": "x\udcc3", "w": "\udca9y"}]).findings[0].summary == "xéy"


# Frozen


@pytest.mark.parametrize(
    "change",
    [
        "docs.append([])",
        "docs[0].append({})",
        "docs[0][0].update(a=2)",
        "docs[0][0].pop('a')",
        "docs[0][0]['l'].append(1)",
        "context.update(x=1)",
        "context.pop('ip_is_private')",
        "context['parameters'].pop('p')",
        "CONSTANT.append(1)",
        "TABLE.setdefault('x', 1)",
        "default()",
    ],
)
def test_what_a_script_is_given_and_its_globals_are_frozen(change):
    before = "CONSTANT = []\nTABLE = {}\ndef default(x=[]):\n  x.append(1)\n"
    outcome = run(f"  {change}\n  return []\n", [{"a": 1, "l": []}], before=before, parameters={"p": 1})
    assert outcome.error is not None
    assert "mmutable" in outcome.error or "rozen" in outcome.error


def test_module_body_may_change_its_own_globals():
    assert seen("TABLE", before="TABLE = {}\nTABLE['a'] = 1\n") == '{"a": 1}'


def test_a_list_that_the_script_makes_of_frozen_ones_is_its_own():
    outcome = run("  mine = list(docs[0])\n  mine.append(1)\n  return []\n", [{"a": 1}])
    assert outcome.error is None


# What a script may call


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        pytest.param("parse_version('8.0.36-28')['num']", "80036", id="parse_version is a global"),
        pytest.param("format_version_num(80036)", '"8.0.36"', id="format_version_num is a global"),
        pytest.param("context['parse_version']('8.0.36')['patch']", "36", id="parse_version is in the context"),
        pytest.param("context['format_version_num'](80036)", '"8.0.36"', id="format_version_num is in the context"),
        pytest.param("context['ip_is_private']('10.0.0.1')", "True", id="ip_is_private is in the context"),
        pytest.param("context['ip_is_private']('8.8.8.8')", "False", id="a public address"),
        pytest.param("context['ip_is_private']('%')", "None", id="no address"),
        pytest.param("context.get('ip_is_private', fail)('::1')", "True", id="the idiom with fail"),
        pytest.param("sorted(context)", '["format_version_num", "ip_is_private", "parse_version"]', id="nothing else"),
        pytest.param("[context[name] == None for name in context]", "[False, False, False]", id="functions are values"),
    ],
)
def test_script_can_call_what_pmm_gives_it(expression, text):
    assert seen(expression) == text


def test_idiom_with_fail_ends_the_script_when_a_function_is_not_there():
    outcome = run("  f = context.get('no_such_function', fail)\n  f('8.8.8.8')\n  return []\n")
    assert outcome.error == "line 3, in check_context: fail: 8.8.8.8"


@pytest.mark.parametrize(
    "call",
    [
        "parse_version(version='8.0.36')",
        "format_version_num(num=80036)",
        "context['ip_is_private'](ip='10.0.0.1')",
        "parse_version()",
        "parse_version('8.0.36', '8.0.36')",
        "parse_version(80036)",
        "parse_version(len)",
        "format_version_num('8.0.36')",
        "format_version_num(True)",
        "context['ip_is_private'](None)",
        "context['ip_is_private'](['10.0.0.1'])",
        "parse_version('14.5')",
    ],
)
def test_wrong_call_of_what_pmm_gives_is_an_error(call):
    assert run(f"  {call}\n  return []\n").error is not None


def test_result_of_parse_version_is_the_scripts_own():
    assert run("  v = parse_version('8.0.36')\n  v['major'] = 9\n  return []\n").error is None


def test_entry_function_is_check_context_in_both_formats():
    script = "def check(rows):\n  return [{'summary': 'old', 'severity': 'error'}]\n"
    assert run_script(ScriptJob("c", script, 1, [[]])).error.endswith("function check_context is not defined")
    assert run("  return []\n", [], before=script, file_format=1).findings == ()


def test_entry_function_may_be_made_in_any_way():
    for script in ("check_context = lambda docs, context: []", "def f(*args):\n  return []\ncheck_context = f\n"):
        assert run_script(ScriptJob("c", script, 2, [])).error is None


def test_parameters_of_the_check_are_in_the_context_when_there_are_any():
    assert seen("context['parameters']['days'] + 1", parameters={"days": 30, "users": ("a", "b")}) == "31"
    assert seen("context['parameters']['users']", parameters={"users": ("a", "b")}) == '["a", "b"]'
    assert seen("context['parameters']['x']", parameters={"x": math.inf}) == "+inf"
    assert seen("'parameters' in context") == "False"


# print


def test_print_is_captured_with_its_place():
    before = "print('loading')\ndef helper(x):\n  print('helping', x, [1.5], sep='|')\n\n"
    outcome = run("  print()\n  helper('é')\n  return []\n", before=before)
    assert [(each.line, each.function, each.text) for each in outcome.printed] == [
        (1, "", "loading"),
        (6, "check_context", ""),
        (3, "helper", "helping|é|[1.5]"),
    ]


def test_print_is_kept_when_the_script_fails():
    outcome = run("  print('before')\n  fail('x')\n")
    assert [each.text for each in outcome.printed] == ["before"]
    assert outcome.error is not None


def test_print_of_a_function_takes_it():
    (printed,) = run("  print(print, len, lambda: 1, context.get)\n  return []\n").printed
    assert printed.text.startswith("<function ")


def test_print_keeps_so_many_lines():
    printed = run(f"  for i in range({MOST_PRINTED_LINES * 3}):\n    print(i)\n  return []\n").printed
    assert MOST_PRINTED_LINES <= len(printed) <= MOST_PRINTED_LINES * 1.1
    assert printed[-1].text == "more was printed, and is left out"


def test_print_keeps_so_many_characters():
    printed = run("  for i in range(100):\n    print('x' * 10000)\n  return []\n").printed
    assert sum(len(each.text) for each in printed[:-1]) == MOST_PRINTED_CHARACTERS
    assert printed[-1].text == "more was printed, and is left out"


# What a script returns


@pytest.mark.parametrize(
    "expression", ["[]", "()", "[x for x in docs[0] if False]", "list(docs[0])[1:]"], ids=lambda each: each
)
def test_no_findings_is_a_pass(expression):
    outcome = run(f"  return {expression}\n", [{"a": 1}])
    assert (outcome.findings, outcome.error) == ((), None)


@pytest.mark.parametrize("expression", ["[finding]", "(finding,)", "[finding] + []", "list((finding,))"])
def test_list_or_tuple_of_dicts_is_findings(expression):
    outcome = run(f"  finding = {FINDING}\n  return {expression}\n")
    assert [each.summary for each in outcome.findings] == ["s"]


@pytest.mark.parametrize(
    ("expression", "error"),
    [
        pytest.param("'no access'", "script returned error: no access", id="a string"),
        pytest.param("''", "script returned error: ", id="an empty string"),
        pytest.param("None", "the script returned None; it has to return a list of findings", id="None"),
        pytest.param("{}", "the script returned a dict; it has to return a list of findings", id="a dict"),
        pytest.param("1", "the script returned an int; it has to return a list of findings", id="an int"),
        pytest.param("1.5", "the script returned a float; it has to return a list of findings", id="a float"),
        pytest.param("True", "the script returned a bool; it has to return a list of findings", id="a bool"),
        pytest.param("[1]", "finding 1 is an int; it has to be a dict with summary and severity", id="a list of ints"),
        pytest.param("['x']", "finding 1 is a string; it has to be a dict with summary and severity", id="of strings"),
        pytest.param("[[]]", "finding 1 is a list; it has to be a dict with summary and severity", id="of lists"),
        pytest.param("[None]", "finding 1 is None; it has to be a dict with summary and severity", id="of None"),
    ],
)
def test_anything_else_that_is_returned_is_an_error(expression, error):
    assert run(f"  return {expression}\n").error == error


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        pytest.param("len", "type function", id="a function"),
        pytest.param("range(3)", "type range", id="a range"),
        pytest.param("[{'summary': 's', 'severity': 'info', 'x': lambda: 1}]", "type function", id="a function inside"),
        pytest.param("[{'summary': 's', 'severity': 'info', 'x': range(3)}]", "type range", id="a range inside"),
    ],
)
def test_value_that_is_not_data_can_not_leave_the_script(expression, text):
    assert text in run(f"  return {expression}\n").error


def test_function_that_returns_nothing_is_an_error():
    assert run("  pass\n").error == "the script returned None; it has to return a list of findings"


def test_one_bad_finding_discards_them_all():
    outcome = run(f"  return [{FINDING}, {FINDING}, {{'summary': 's'}}]\n")
    assert (outcome.findings, outcome.error) == ((), "finding 3 has no severity")


def test_so_many_findings_are_too_many():
    assert len(run(f"  return [{FINDING}] * 10000\n").findings) == 10_000
    error = run(f"  return [{FINDING}] * 10001\n").error
    assert error == "the script returned 10001 findings; at most 10000 are taken"


def test_finding_carries_everything_that_it_has():
    finding = (
        "{'summary': 'sum', 'description': 'des', 'severity': ' Critical\\n', 'labels': {'user': 'root', 'é': ''},"
        " 'read_more_url': 'https://example.com/a?b#c', 'extra': {'x': [1, None, 1.5]}}"
    )
    (found,) = run(f"  return [{finding}]\n").findings
    assert (found.summary, found.description, found.severity) == ("sum", "des", Severity.CRITICAL)
    assert (found.labels, found.read_more_url) == ({"user": "root", "é": ""}, "https://example.com/a?b#c")


# Called again


def test_compiled_script_gives_each_call_its_own_outcome():
    script = f"print('body')\n{ENTRY}  print(docs)\n  if docs[0]:\n    fail('x')\n  return []\n"
    compiled = CompiledScript(script)
    for documents, error in (([[]], None), ([[1]], "line 5, in check_context: fail: x"), ([[]], None)):
        outcome = compiled.run(call_of(ScriptJob("c", script, 2, documents)))
        assert outcome.error == error
        assert [each.text for each in outcome.printed] == ["body", str(documents)]


def test_guard_against_recursion_is_open_again_after_an_error():
    script = f"def f(n):\n  return 1 // n if n < 3 else f(n)\n{ENTRY}  f(docs[0])\n  return []\n"
    compiled = CompiledScript(script)
    for number, error in ((0, "line 2, in f (called from line 4): "), (1, None), (3, "line 2, in f"), (1, None)):
        outcome = compiled.run(call_of(ScriptJob("c", script, 2, [number])))
        assert (outcome.error is None) == (error is None)
        assert (outcome.error or "").startswith(error or "")


def test_reason_to_stop_is_the_error_of_a_script_that_runs_on():
    calls = iter(range(100))
    outcome = run_script(
        ScriptJob("c", f"{ENTRY}  for i in range(1000000000):\n    pass\n", 2, []),
        stop=lambda: "that was long enough" if next(calls) > 10 else "",
    )
    assert outcome.error == "line 2, in check_context: that was long enough"


def test_module_body_can_be_stopped_too():
    script = f"x = [i for i in range(1000000000)]\n{ENTRY}  return []\n"
    assert run_script(ScriptJob("c", script, 2, []), stop=lambda: "enough").error == "line 1: enough"


# Depth


def test_values_nested_too_deeply_are_an_error():
    body = "  x = []\n  for i in range({}):\n    x = [x]\n  return [{{'summary': 's', 'severity': 'info', 'x': x}}]\n"
    assert run(body.format(50)).error is None
    assert "depth" in run(body.format(5000)).error


def test_documents_nested_too_deeply_are_an_error():
    nested = []
    for _ in range(100_000):
        nested = [nested]
    assert "no script can see" in run("  return []\n", nested).error
