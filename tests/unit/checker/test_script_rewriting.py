"""What becomes of a script's text: the calls that are put into it, its lines, its branches."""

import pytest

from services.checker.script import ScriptJob, run_script
from services.checker.script_dialect import ScriptRefused
from services.checker.script_rewriting import rewritten

ENTRY = "def check_context(docs, context):\n"


def body_of(script):
    """Return the text without the lines that were added and without the entry function."""
    source = rewritten(f"{script}\n{ENTRY}  pass\n")
    lines = [line for number, line in enumerate(source.text.split("\n"), 1) if number not in source.added_lines]
    return "\n".join(lines[: script.count("\n") + 1])


@pytest.mark.parametrize(
    ("script", "text"),
    [
        pytest.param("x = 1 + 2", "x = 1 + 2", id="nothing to do"),
        pytest.param("x = 5 % 3", "x = watchword_percent(5 , 3)", id="percent"),
        pytest.param("x = a % b % c", "x = watchword_percent(watchword_percent(a , b) , c)", id="percent twice"),
        pytest.param("x = a % (b % c)", "x = watchword_percent(a , (watchword_percent(b , c)))", id="percent inside"),
        pytest.param("x = ('%s') % (a)", "x = watchword_percent(('%s') , (a))", id="percent with brackets"),
        pytest.param(
            "x = (a  # 5 % of\n  % b)", "x = (watchword_percent(a  # 5 % of\n  , b))", id="percent and a comment"
        ),
        pytest.param("x = '%' % 'é%' % 1", "x = watchword_percent(watchword_percent('%' , 'é%') , 1)", id="not ASCII"),
        pytest.param("x = lambda y: y % 2", "x = lambda y: watchword_percent(y , 2)", id="percent in a lambda"),
        pytest.param("x = '{}'.format(1)", "x = watchword_format('{}', 1)", id="format"),
        pytest.param("x = '{}'.format()", "x = watchword_format('{}')", id="format without arguments"),
        pytest.param("x = ('{}' ).format (a, b=1)", "x = watchword_format(('{}' ), a, b=1)", id="format with blanks"),
        pytest.param("x = ('{}'\n  .format(\n  1))", "x = (watchword_format('{}'\n  , \n  1))", id="format over lines"),
        pytest.param(
            "x = '{}'.format('{}'.format(1)).format(2 % 3)",
            "x = watchword_format(watchword_format('{}', watchword_format('{}', 1)), watchword_percent(2 , 3))",
            id="format in format of format",
        ),
        pytest.param("x = a.format", "x = a.format", id="format not called"),
        pytest.param("x = format(1)", "x = format(1)", id="another format"),
        pytest.param("x = a.startswith(b)", "x = a.startswith(b)", id="startswith as usual"),
        pytest.param("x = a.startswith(b, 1)", "x = watchword_startswith(a, b, 1)", id="startswith from a place"),
        pytest.param("x = a.startswith(*b)", "x = a.startswith(*b)", id="startswith of who knows what"),
        pytest.param("x = a.elems()", "x = watchword_elems(a)", id="elems"),
        pytest.param("x = '%s' '%'", None, id="no Starlark"),
    ],
)
def test_calls_are_put_where_the_engine_would_do_otherwise(script, text):
    if text is None:
        with pytest.raises(ScriptRefused):
            rewritten(script)
    else:
        assert body_of(script) == text


def test_name_that_gets_the_rest_of_a_division_is_worked_out_once():
    assert body_of("def f(x):\n  x %= 2, 3") == "def f(x):\n  x = watchword_percent(x, ( 2, 3))"
    assert body_of("def f(x):\n  x[g()] %= 2") == "def f(x):\n  x[g()] %= 2"


@pytest.mark.parametrize(
    ("script", "loaded"),
    [
        pytest.param("x = 1", "", id="nothing"),
        pytest.param("x = str(1)", 'str="watchword_text"', id="str"),
        pytest.param("x = parse_version", '"parse_version"', id="a function of PMM"),
        pytest.param("str = 1\nx = str", "", id="a name of the script's own"),
    ],
)
def test_only_what_a_script_uses_is_loaded(script, loaded):
    text = rewritten(f"{script}\n{ENTRY}  pass\n").text
    assert (text.split("\n")[0] == f'load("watchword", {loaded})') == bool(loaded)


def test_functions_that_can_not_call_themselves_are_left_alone():
    script = f"def f(x):\n  return sorted(x, key=lambda y: y)\n{ENTRY}  return f(docs)\n"
    assert "watchword_once" not in rewritten(script).text


def test_lines_are_those_of_the_script():
    script = f"def f(n):\n  return f(str(n))\n\ndef g():\n  pass\n\n{ENTRY}  '''a\n  b'''\n  x = [\n    1,\n  ]\n"
    source = rewritten(script, with_branches=True)
    texts = source.text.split("\n")
    for number, line in enumerate(script.split("\n"), start=1):
        places = [place for place in range(1, len(texts) + 1) if source.line(place) == number]
        assert any(line in texts[place - 1] or "str(n)" in line for place in places), (number, line, places)
    assert [source.function(line) for line in (1, 2, 3, 4, 5, 6, 7, 11)] == [
        "f",
        "f",
        "",
        "g",
        "g",
        "",
        *["check_context"] * 2,
    ]


def test_any_line_end_is_a_line_end():
    assert rewritten("x = 1\r\ny = 2\rdef check_context(d, c):\r\n  pass").text.startswith("x = 1\ny = 2\ndef check")


BRANCHES = """\
def helper(row):
    if row["a"] > 1: return "big"
    elif row["a"] == 1:
        return "one"
    return "small" if row["b"] else "none"

def unused(): return 1

def check_context(docs, context):
    '''What it does.'''
    found = []
    for row in docs[0]:
        found.append(helper(row))
    for x in {}:
        pass
    big = [x for x in found if x == "big"]
    if not big:
        return []
    return [{"summary": ",".join(found), "severity": "info"}]
"""


def branches(rows):
    outcome = run_script(ScriptJob("c", BRANCHES, 2, [rows], with_branches=True))
    assert outcome.error is None
    return outcome.findings, {(each.line, each.way): each.times for each in outcome.branches}


def test_every_way_through_a_script_is_counted():
    findings, ways = branches([{"a": 2}, {"a": 1}, {"a": 0, "b": 1}, {"a": 0, "b": 0}, {"a": 3}])
    assert findings[0].summary == "big,one,small,none,big"
    assert ways == {
        (1, "called"): 5,
        (2, "true"): 2,
        (2, "false"): 3,
        (3, "true"): 1,
        (3, "false"): 2,
        (5, "true"): 1,
        (5, "false"): 1,
        (7, "called"): 0,
        (9, "called"): 1,
        (12, "items"): 1,
        (12, "no items"): 0,
        (14, "items"): 0,
        (14, "no items"): 1,
        (16, "true"): 2,
        (16, "false"): 3,
        (17, "true"): 0,
        (17, "false"): 1,
    }


def test_ways_that_were_not_taken_are_there_with_zero():
    findings, ways = branches([])
    assert findings == ()
    assert (ways[1, "called"], ways[12, "items"], ways[12, "no items"], ways[17, "true"]) == (0, 0, 1, 1)


def test_branches_are_not_counted_unless_asked_for():
    assert run_script(ScriptJob("c", BRANCHES, 2, [[]])).branches == ()


def test_marks_change_nothing_but_the_time():
    script = f"{ENTRY}  return [{{'summary': str([x for x in [0, 1] if x]), 'severity': 'info'}}]\n"
    plain, marked = (
        run_script(ScriptJob("c", script, 2, [], with_branches=with_branches)) for with_branches in (False, True)
    )
    assert plain.findings == marked.findings


def test_error_has_the_scripts_line_with_marks_too():
    script = f"def f(n):\n  '''doc'''\n  return n[0]\n\n{ENTRY}  if True:\n    f([])\n"
    error = run_script(ScriptJob("c", script, 2, [], with_branches=True)).error
    assert error.startswith("line 3, in f (called from line 7): ")


@pytest.mark.parametrize(
    "script",
    [
        "def f(): return 1",
        "def f(): \\\n  return 1",
        "def f(\n  a=1): return a",
        "def f():\n  'doc'",
        "def f():\n  # comment\n\n  return 1",
        "def f():\n  def g():\n    def h(): return f\n    return h()\n  return g()",
        "def f(): x = 1; return x",
        "def f():\n  for x in (1, 2): pass",
        "def f():\n  if lambda: 1: pass",
        "def f():\n  return [x for x in range(3) if x if x > 1]",
        "def f():\n  return 1 if (2 if 3 else 4) else 5",
        "def f():\n  if (1,\n      2): pass\n  elif not 1 or 2: pass\n  else: pass",
    ],
)
def test_script_of_any_shape_can_be_marked(script):
    outcome = run_script(ScriptJob("c", f"{script}\n{ENTRY}  f()\n  return []\n", 2, [], with_branches=True))
    assert outcome.error is None
    assert {each.line for each in outcome.branches if each.way == "called" and each.times} >= {1}
