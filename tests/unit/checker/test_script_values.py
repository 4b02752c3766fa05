"""How values get into the engine and back."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.checker.errors import ScriptFailed
from services.checker.script import ScriptJob, run_script
from services.checker.script_values import disguised_json, may_be_disguised, to_json, undisguised

BYTES = st.binary(max_size=40) | st.text(max_size=20).map(str.encode) | st.just("\U0010fe80\U0010feff".encode())
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | BYTES.map(lambda sent: sent.decode("utf-8", "surrogateescape")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(BYTES)
def test_disguised_bytes_come_back(sent):
    text = sent.decode("utf-8", "surrogateescape")
    disguised = json.loads(disguised_json(to_json(text)))
    assert undisguised(disguised) == text
    disguised.encode()  # The engine takes it.


@given(BYTES, BYTES)
def test_disguised_bytes_can_be_put_together(first, second):
    one, other = (
        json.loads(disguised_json(to_json(sent.decode("utf-8", "surrogateescape")))) for sent in (first, second)
    )
    assert undisguised(one + other).encode("utf-8", "surrogateescape") == first + second


@given(st.text())
def test_text_without_disguises_is_left_alone(text):
    if not may_be_disguised(to_json(text)):
        assert undisguised(text) == text
        assert json.loads(disguised_json(to_json(text))) == text


@pytest.mark.parametrize("character", ["\U0010fe80", "\U0010feff", "x\U0010fec3\U0010fea9"])
def test_text_that_looks_like_a_disguise_is_noticed(character):
    assert may_be_disguised(to_json([{"a": character}]))


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_number_that_json_lacks_is_a_dict(number):
    assert json.loads(disguised_json(to_json([number]))) == [{"watchword_float": str(number)}]


def test_what_no_script_can_see_is_refused():
    with pytest.raises(ScriptFailed, match="type bytes"):
        to_json([{"a": b"x"}])
    with pytest.raises(ScriptFailed, match="no script can see"):
        to_json([{(1, 2): "x"}])


@given(VALUES)
def test_any_value_is_in_the_script_what_it_was_outside(value):
    # What the script makes of it is compared with the same made here; the function calls itself, so it is unrolled.
    body = "def check_context(docs, context):\n  return [{'severity': 'info', 'summary': 'x' + show(docs)}]\n"
    outcome = run_script(ScriptJob("c", _unrolled(8) + body, 2, [value]))
    assert outcome.error is None
    assert outcome.findings[0].summary == "x" + _shown([value])


def _unrolled(depth):
    text = "def show0(value):\n  fail('too deep')\n"
    for level in range(1, depth + 1):
        inner = f"show{level - 1}"
        text += (
            f"def show{level}(value):\n"
            "  kind = type(value)\n"
            "  if kind == 'list':\n"
            f"    return '[' + ' '.join([{inner}(item) for item in value]) + ']'\n"
            "  if kind == 'dict':\n"
            f"    return '{{' + ' '.join([name + '=' + {inner}(value[name]) for name in sorted(value)]) + '}}'\n"
            "  if kind == 'string':\n"
            "    return value\n"
            "  return kind + ':' + str(value if kind != 'float' else value == 0.0)\n"
        )
    return text + f"def show(value):\n  return show{depth}(value)\n"


def _shown(value):
    if isinstance(value, list):
        return "[" + " ".join(map(_shown, value)) + "]"
    if isinstance(value, dict):
        return "{" + " ".join(f"{name}={_shown(value[name])}" for name in sorted(value)) + "}"
    if isinstance(value, str):
        return value
    kind = "NoneType" if value is None else type(value).__name__
    return f"{kind}:{value == 0.0 if isinstance(value, float) else value}"
