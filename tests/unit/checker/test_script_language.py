"""The dialect: what is worth what, what is refused, and where an error is."""

import pytest

from services.checker.script import ScriptJob, run_script
from services.checker.script_dialect import find_problems
from tests.unit.checker.starlark_expressions import DIFFERENT, REFUSED, VALUES
from tests.unit.checker.starlark_programs import PROGRAMS

ENTRY = "def check_context(docs, context):\n"


def worth(expression, before=""):
    """Return the ``repr`` of an expression in a script, or None when the script ends in an error."""
    finding = f"  return [{{'severity': 'info', 'summary': repr({expression}\n)}}]\n"
    outcome = run_script(ScriptJob("c", before + ENTRY + finding, 2, []))
    return None if outcome.error else outcome.findings[0].summary


def error_of(script):
    outcome = run_script(ScriptJob("c", script, 2, [[{"a": 1}]]))
    assert outcome.findings == ()
    return outcome.error


@pytest.mark.parametrize(("expression", "value"), VALUES, ids=[expression for expression, _ in VALUES])
def test_expression_is_worth_what_it_is_in_pmm(expression, value):
    assert worth(expression) == value


@pytest.mark.parametrize("expression", REFUSED)
def test_expression_that_pmm_refuses_is_an_error(expression):
    assert worth(expression) is None


@pytest.mark.parametrize(("expression", "there", "here"), DIFFERENT, ids=[expression for expression, _, _ in DIFFERENT])
def test_known_difference_is_still_as_documented(expression, there, here):
    assert worth(expression) == here != there


@pytest.mark.parametrize(("program", "value"), PROGRAMS, ids=[program for program, _ in PROGRAMS])
def test_program_does_what_it_does_in_pmm(program, value):
    assert worth("r()", before=program) == value


@pytest.mark.parametrize(
    ("script", "text"),
    [
        pytest.param("set([1])", "Variable `set` not found", id="set"),
        pytest.param("while True:\n    pass", "reserved keyword `while`", id="while"),
        pytest.param("if True:\n    x = 1", "`if` cannot be used outside `def`", id="if outside a function"),
        pytest.param("for x in []:\n    pass", "`for` cannot be used outside `def`", id="for outside a function"),
        pytest.param("x = 1\nx = 2", "cannot reassign global x declared at line 1", id="global twice"),
        pytest.param("x = 1\nx += 2", "cannot reassign global x declared at line 1", id="global added to"),
        pytest.param(
            "x, y = 1, 2\n[y] = [3]", "cannot reassign global y declared at line 1", id="global unpacked twice"
        ),
        pytest.param("x = 1\ndef x():\n  pass", "cannot reassign global x", id="global and function"),
        pytest.param('load("a", "b")', "load", id="load"),
        pytest.param('x = 1\ny = f"{x}"', "f-strings", id="f-string"),
        pytest.param("import os", "reserved keyword `import`", id="import"),
        pytest.param("class A:\n  pass", "reserved keyword `class`", id="class"),
        pytest.param("try:\n  x = 1\nexcept:\n  pass", "reserved keyword `try`", id="try"),
        pytest.param("def f(x: int):\n  pass", "type annotations", id="annotated parameter"),
        pytest.param("def f() -> int:\n  pass", "type annotations", id="annotated function"),
        pytest.param("x: int = 1", "type annotations", id="annotated global"),
        pytest.param("def f(a, /):\n  pass", "positional-only", id="positional-only parameter"),
        pytest.param("def f():\n\tpass", "tabs are not allowed", id="tab"),
        pytest.param("x = 2 ** 3", "`**`", id="power"),
        pytest.param("x = call_stack()", "Variable `call_stack` not found", id="a builtin of this engine alone"),
        pytest.param("x = json.encode(1)", "Variable `json` not found", id="json"),
        pytest.param("x = struct(a=1)", "Variable `struct` not found", id="struct"),
        pytest.param("x = ip_is_private('::1')", "Variable `ip_is_private` not found", id="ip_is_private is no global"),
        pytest.param("x = watchword_text(1)", "names that begin with watchword_ are reserved", id="the prelude's name"),
        pytest.param("def f(watchword_x):\n  pass", "reserved", id="the prelude's prefix in a parameter"),
        pytest.param("def f():\n  return undefined", "Variable `undefined` not found", id="undefined"),
        pytest.param("def f(:\n  pass", "unexpected symbol", id="no Starlark at all"),
        pytest.param("x = '\udc80'", "not valid Unicode", id="not Unicode"),
        pytest.param("x = 1\0", "invalid input", id="a NUL"),
    ],
)
def test_script_outside_the_dialect_is_refused_with_the_reason(script, text):
    error = error_of(f"{script}\n{ENTRY}  return []\n")
    assert text.replace("`", "") in error.replace("`", "")
    assert error.startswith("line ")
    assert "watchword_" not in error or "reserved" in error


def test_script_may_define_what_only_this_engine_has():
    assert worth("call_stack()", before="def call_stack():\n  return 3\n") == "3"
    assert worth("(lambda call_stack: call_stack)(4)") == "4"


def test_script_may_define_what_is_replaced_here():
    assert (
        worth(
            "str(1) + print(2) + parse_version('x')",
            before=("def str(x):\n  return 'own'\nprint = lambda x: '!'\ndef parse_version(x):\n  return x\n"),
        )
        == '"own!x"'
    )


def test_keyword_only_parameters_are_allowed():
    assert worth("f(1, b=2)", before="def f(a, *, b):\n  return (a, b)\n") == "(1, 2)"
    assert worth("f(1, 2)", before="def f(a, *, b):\n  return (a, b)\n") is None


def test_value_of_the_last_expression_need_not_leave_the_script():
    assert worth("1", before="") == "1"
    outcome = run_script(ScriptJob("c", f"{ENTRY}  return []\ncheck_context", 2, []))
    assert outcome.error is None


RECURSIVE = {
    "itself": ("def f(n):\n  return 0 if n == 0 else f(n - 1)\n", "f(2)", "f"),
    "each other": ("def f(n):\n  return g(n)\ndef g(n):\n  return 0 if n == 0 else f(n - 1)\n", "f(2)", "f"),
    "a lambda given to itself": ("", "(lambda f: f(f, 2))(lambda f, n: 0 if n == 0 else f(f, n - 1))", "lambda"),
    "by sorted": ("def f(x):\n  return sorted(x, key=g)\ndef g(x):\n  return f(x)\n", "f([[[1]]])", "f"),
    "by a list": ("def f(n):\n  return 0 if n == 0 else [f][0](n - 1)\n", "f(2)", "f"),
    "by a dict": ("FS = {}\ndef f(n):\n  return 0 if n == 0 else FS['f'](n - 1)\nFS['f'] = f\n", "f(2)", "f"),
    "by a parameter": (
        "def call(g, n):\n  return g(n)\ndef f(n):\n  return 0 if n == 0 else call(f, n - 1)\n",
        "f(1)",
        "f",
    ),
    "by a nested function": (
        "def f(n):\n  def g(m):\n    return 0 if m == 0 else f(m - 1)\n  return g(n)\n",
        "f(2)",
        "f",
    ),
    "a closure made twice": (
        "def f(g):\n  def h(n):\n    return 0 if g == None else g(n)\n  return h\n",
        "f(f(None))(1)",
        "h",
    ),
    "by arguments in a dict": (
        "def f(x, key):\n  return sorted(x, **{'key': key})\n",
        "f([1], lambda x: f([2], len))",
        "f",
    ),
}


@pytest.mark.parametrize(("before", "call", "name"), RECURSIVE.values(), ids=RECURSIVE)
def test_function_that_calls_itself_is_an_error(before, call, name):
    error = error_of(f"{before}{ENTRY}  return [str({call})]\n")
    assert error.endswith(f": function {name} called recursively")


@pytest.mark.parametrize(
    ("before", "call", "value"),
    [
        pytest.param(
            "def f(n):\n  return n if n < 3 else f(n)\n", "[f(1), f(2)]", "[1, 2]", id="it does not come to it"
        ),
        pytest.param("def f(x):\n  return x\n", "f(f(f(1)))", "1", id="one call after the other"),
        pytest.param("def f(g, n):\n  return g(n)\n", "f(lambda n: n + 1, 1)", "2", id="another function is given"),
        pytest.param("def f(n, m=lambda n: n):\n  return m(n)\n", "f(1)", "1", id="a lambda as a default"),
        pytest.param("", "(lambda x: (lambda y: y)(x))(1)", "1", id="two lambdas on one line"),
    ],
)
def test_function_that_does_not_call_itself_is_none(before, call, value):
    assert worth(call, before=before) == value


@pytest.mark.parametrize(
    ("script", "error"),
    [
        pytest.param(
            "def helper(x):\n  y = 1\n  return x + None\n\ndef check_context(docs, context):\n  return [helper(1)]\n",
            "line 3, in helper (called from line 6): Operation `+` not supported for types `int` and `NoneType`",
            id="in a function that was called",
        ),
        pytest.param(
            "X = [1][2]\ndef check_context(docs, context):\n  return []\n",
            "line 1: Index `2` is out of bound",
            id="in the module body",
        ),
        pytest.param(
            "def check_context(docs, context):\n  x = '%d' % 'a'\n  return []\n",
            "line 2, in check_context: %d format requires integer: not string",
            id="in what is replaced",
        ),
        pytest.param(
            "def check_context(docs, context):\n  fail('no', 1.5)\n",
            "line 2, in check_context: fail: no 1.5",
            id="fail",
        ),
        pytest.param(
            "def check_context(docs, context):\n  return docs[0][0]['b']\n",
            'line 2, in check_context: Key `"b"` was not found',
            id="a missing key",
        ),
        pytest.param(
            "def check_context(docs, context):\n  a = 1\n\n  return parse_version('14.5')\n",
            "line 4, in check_context: parse_version: '14.5' is not a version of three parts such as 8.0.36",
            id="in a function of PMM",
        ),
        pytest.param(
            "\n\n\n\n\n\n\n\n\ndef check_context(docs, context):\n  x = {}.pop(\n    'a'\n  )\n",
            'line 11, in check_context: Key `"a"` not found in dictionary `{}`',
            id="beyond line nine",
        ),
        pytest.param(
            "def other():\n  pass\n", "line 1, column 1: function check_context is not defined", id="no entry"
        ),
        pytest.param(
            "check_context = 5\n", "Operation `call()` not supported on type `int`", id="an entry that is none"
        ),
    ],
)
def test_error_says_where_and_what_without_the_engines_picture(script, error):
    assert error_of(script) == error


def test_error_is_never_longer_than_anyone_reads():
    assert len(error_of(f"{ENTRY}  fail('x' * 1000000)\n")) == 2000
    assert len(error_of(f"{ENTRY}  return 'x' * 1000000\n")) == 2000


@pytest.mark.parametrize(
    ("script", "problems"),
    [
        pytest.param("def check_context(docs, context):\n  return []\n", [], id="none"),
        pytest.param("def f():\n  pass\n", [(1, 1, "error", "function check_context is not defined")], id="no entry"),
        pytest.param(
            "X = 1\nX = 2\nX = 3\ndef check_context(d, c):\n  return call_stack()\n",
            [
                (2, 1, "error", "cannot reassign global X declared at line 1"),
                (3, 1, "error", "cannot reassign global X declared at line 1"),
                (5, 10, "error", "Variable `call_stack` not found"),
            ],
            id="several",
        ),
        pytest.param(
            "def check_context(d, c):\n  return ['\\d', '\\n\\\\d', r'\\d']\n",
            [(2, 11, "warning", "invalid escape sequence \\d: PMM refuses it; write \\\\d")],
            id="an escape that only PMM refuses",
        ),
        pytest.param(
            "def check_context(docs, context)\n  return []\n",
            [(1, 33, "error", 'unexpected new line here, expected one of "->" or ":"')],
            id="no Starlark",
        ),
    ],
)
def test_find_problems_lists_them_all_in_order(script, problems):
    found = find_problems(script)
    assert [(each.line, each.column, each.severity, each.text) for each in found] == problems
