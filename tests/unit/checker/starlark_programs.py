"""What small programs come to under go.starlark.net, which PMM runs: what their function ``r`` returns, by ``repr``;
None for those that it refuses, when they are read or when they run. Seen there, not looked up.
"""

PROGRAMS = [
    (
        """\
x = 1
x = 2
def r(): return x
""",
        None,
    ),
    (
        """\
x = 1
x += 1
def r(): return x
""",
        None,
    ),
    (
        """\
def f(): pass
def f(): pass
def r(): return 1
""",
        None,
    ),
    (
        """\
x = [1]
x += [2]
def r(): return x
""",
        None,
    ),
    (
        """\
x = {}
x["a"] = 1
def r(): return x
""",
        '{"a": 1}',
    ),
    (
        """\
x = {}
def r():
    x["a"] = 1
    return x
""",
        None,
    ),
    (
        """\
x = [1]
def r():
    x.append(2)
    return x
""",
        None,
    ),
    (
        """\
def g(d=[]):
    d.append(1)
    return d
def r():
    g()
    return g()
""",
        None,
    ),
    (
        """\
def r():
    x = [1,2,3]
    for y in x:
        x.append(y)
    return x
""",
        None,
    ),
    (
        """\
def r():
    x = {"a":1}
    for y in x:
        x["b"]=1
    return x
""",
        None,
    ),
    (
        """\
def r():
    x = {"a":1,"b":2}
    for y in x:
        x[y]=5
    return x
""",
        None,
    ),
    (
        """\
def r():
    x = {"a":1,"b":2}
    for y in x.keys():
        x.pop(y)
    return x
""",
        "{}",
    ),
    (
        """\
def r():
    x = 0
    def g():
        x += 1
        return x
    return g()
""",
        None,
    ),
    (
        """\
def r():
    x = [0]
    def g():
        x[0] += 1
        return x[0]
    g()
    return g()
""",
        "2",
    ),
    (
        """\
def r():
    x = 0
    def g():
        return x
    x = 5
    return g()
""",
        "5",
    ),
    (
        """\
def r():
    fs = []
    for i in range(3):
        fs.append(lambda: i)
    return [f() for f in fs]
""",
        "[2, 2, 2]",
    ),
    (
        """\
def r():
    fs = [lambda: i for i in range(3)]
    return [f() for f in fs]
""",
        "[2, 2, 2]",
    ),
    (
        """\
def f(n):
    return 1 if n == 0 else n*f(n-1)
def r(): return f(3)
""",
        None,
    ),
    (
        """\
def a(n): return b(n)
def b(n): return 0 if n == 0 else a(n-1)
def r(): return a(2)
""",
        None,
    ),
    (
        """\
def r():
    f = lambda g, n: 0 if n == 0 else g(g, n-1)
    return f(f, 3)
""",
        None,
    ),
    (
        """\
def f(x): return x
def r(): return sorted([2,1], key=lambda v: sorted([v], key=f)[0])
""",
        "[1, 2]",
    ),
    (
        """\
def f(n):
    if n > 100: return f(n)
    return n
def r(): return f(1)
""",
        "1",
    ),
    (
        """\
def f(x): return x
def r(): return f(f(f(1)))
""",
        "1",
    ),
    (
        """\
def apply(f, x): return f(x)
def r(): return apply(lambda x: apply(lambda y: y, x), 1)
""",
        None,
    ),
    (
        """\
def outer():
    def inner(n):
        return n
    return inner
def r(): return outer()(1)+outer()(2)
""",
        "3",
    ),
    (
        """\
def mk(f):
    def inner(n):
        return 0 if f == None else f(n)
    return inner
def r(): return mk(mk(None))(1)
""",
        None,
    ),
    (
        """\
def r():
    if True:
        y = 1
    return y
""",
        "1",
    ),
    (
        """\
def r():
    if False:
        y = 1
    return y
""",
        None,
    ),
    (
        """\
def r():
    for i in []:
        pass
    return i
""",
        None,
    ),
    (
        """\
def r():
    for i in range(3):
        if i == 1: continue
        if i == 2: break
    return i
""",
        "2",
    ),
    (
        """\
def r():
    for i in range(3):
        pass
    else:
        return 1
""",
        None,
    ),
    (
        """\
def r():
    while True:
        return 1
""",
        None,
    ),
    (
        """\
if True:
    x = 1
def r(): return 1
""",
        None,
    ),
    (
        """\
for i in [1]:
    x = i
def r(): return 1
""",
        None,
    ),
    (
        """\
x = 1 if True else 2
def r(): return x
""",
        "1",
    ),
    (
        """\
x = [i for i in range(3)]
def r(): return x
""",
        "[0, 1, 2]",
    ),
    (
        """\
def r():
    i = 5
    x = [i for i in range(3)]
    return i
""",
        "5",
    ),
    (
        """\
def r():
    a, b = 1, 2
    a, b = b, a
    return (a, b)
""",
        "(2, 1)",
    ),
    (
        """\
def r():
    [a, b] = [1, 2]
    (c, (d, e)) = (3, (4, 5))
    return [a,b,c,d,e]
""",
        "[1, 2, 3, 4, 5]",
    ),
    (
        """\
def r():
    a, b = [1,2,3]
    return a
""",
        None,
    ),
    (
        """\
def r():
    a, b = "ab"
    return a
""",
        None,
    ),
    (
        """\
def r():
    a, b = {"x":1,"y":2}
    return a
""",
        '"x"',
    ),
    (
        """\
def r():
    for a, b in {"x":1}.items():
        return (a,b)
""",
        '("x", 1)',
    ),
    (
        """\
def r():
    x = [1,2,3]
    x[1:2] = [5]
    return x
""",
        None,
    ),
    (
        """\
def r():
    x = [1,2,3]
    x[-1] = 9
    x[0] += 4
    return x
""",
        "[5, 2, 9]",
    ),
    (
        """\
def r():
    x = (1,2)
    x[0] = 1
    return x
""",
        None,
    ),
    (
        """\
def r():
    x = "ab"
    x[0] = "c"
    return x
""",
        None,
    ),
    (
        """\
def r():
    d = {"a": {"b": 1}}
    d["a"]["b"] += 1
    return d
""",
        '{"a": {"b": 2}}',
    ),
    (
        """\
def r():
    x = [1]
    y = x
    y += [2]
    return x
""",
        "[1, 2]",
    ),
    (
        """\
def r():
    x = (1,)
    y = x
    y += (2,)
    return x
""",
        "(1,)",
    ),
    (
        """\
def r():
    x = {"a":1}
    y = x
    y |= {"b":2}
    return x
""",
        '{"a": 1, "b": 2}',
    ),
    (
        """\
def r():
    x = 7
    x //= 2
    x <<= 2
    x |= 1
    x &= 0xff
    x ^= 3
    x %= 10
    x -= 1
    x *= 3
    return x
""",
        "9",
    ),
    (
        """\
def r():
    x = "%s %d"
    x %= ("a", 1)
    return x
""",
        '"a 1"',
    ),
    (
        """\
def r():
    x = 5
    x /= 2
    return x
""",
        "2.5",
    ),
    (
        'def r():\n    """doc"""\n    return 1\n',
        "1",
    ),
    (
        """\
def r():
    "doc only"
""",
        "None",
    ),
    (
        """\
def r():
    pass
""",
        "None",
    ),
    (
        """\
def r():
    return
""",
        "None",
    ),
    (
        """\
def r(): return 1;
""",
        "1",
    ),
    (
        """\
def r(
    a=1,
    b=2,
):
    return a+b
""",
        "3",
    ),
    (
        """\
def r(*args, **kwargs): return (args, kwargs)
""",
        "((), {})",
    ),
    (
        """\
def f(a, b=2, *c, **d): return (a,b,c,d)
def r(): return f(1, 3, 4, x=5)
""",
        '(1, 3, (4,), {"x": 5})',
    ),
    (
        """\
def f(a, b=2, *c, **d): return (a,b,c,d)
def r(): return f(*[1,2,3], **{"z":1})
""",
        '(1, 2, (3,), {"z": 1})',
    ),
    (
        """\
def f(a, *, b): return (a,b)
def r(): return f(1, b=2)
""",
        "(1, 2)",
    ),
    (
        """\
def f(a, *, b=1, c): return (a,b,c)
def r(): return f(1, c=2)
""",
        "(1, 1, 2)",
    ),
    (
        """\
def f(a): return a
def r(): return f(1, a=2)
""",
        None,
    ),
    (
        """\
def f(a): return a
def r(): return f()
""",
        None,
    ),
    (
        """\
def f(a): return a
def r(): return f(b=1)
""",
        None,
    ),
    (
        """\
def f(a, a): return a
def r(): return 1
""",
        None,
    ),
    (
        """\
def r(): return undefined_thing
""",
        None,
    ),
    (
        """\
def q(): return undefined_thing
def r(): return 1
""",
        None,
    ),
    (
        """\
def r(): return later()
def later(): return 3
""",
        "3",
    ),
    (
        """\
x = later()
def later(): return 3
def r(): return x
""",
        None,
    ),
    (
        """\
y = x
x = 1
def r(): return y
""",
        None,
    ),
    (
        """\
len = 5
def r(): return len
""",
        "5",
    ),
    (
        """\
def len(x): return 42
def r(): return len([1])
""",
        "42",
    ),
    (
        """\
def r():
    len = 3
    return len
""",
        "3",
    ),
    (
        """\
str = "abc"
def r(): return str
""",
        '"abc"',
    ),
    (
        """\
def r(str): return str
r2 = r
""",
        None,
    ),
    (
        """\
print = 1
def r(): return print
""",
        "1",
    ),
    (
        """\
def str(x): return "mine"
def r(): return str(1) + "%s" % 1.0
""",
        '"mine1.0"',
    ),
    (
        """\
load("x", "y")
def r(): return y
""",
        None,
    ),
    (
        """\
def r():
    load("x", "y")
    return 1
""",
        None,
    ),
    (
        """\
def r():
    x = 1
    x: int = 2
    return x
""",
        None,
    ),
    (
        """\
def r(x: int): return 1
""",
        None,
    ),
    (
        """\
def r() -> int: return 1
""",
        None,
    ),
    (
        """\
def r():
    return f"{1}"
""",
        None,
    ),
    (
        """\
def r():
    try:
        return 1
    except:
        return 2
""",
        None,
    ),
    (
        """\
import os
def r(): return 1
""",
        None,
    ),
    (
        """\
class A: pass
def r(): return 1
""",
        None,
    ),
    (
        """\
def r():
    with open("x") as f:
        return 1
""",
        None,
    ),
    (
        """\
def r():
    return (yield 1)
""",
        None,
    ),
    (
        """\
def r():
    raise "x"
""",
        None,
    ),
    (
        """\
def r():
    assert True
    return 1
""",
        None,
    ),
    (
        """\
def r():
    del x
""",
        None,
    ),
    (
        """\
def r():
    global x
    x = 1
""",
        None,
    ),
    (
        """\
def r():
    nonlocal x
""",
        None,
    ),
    (
        """\
@dec
def r(): return 1
""",
        None,
    ),
    (
        """\
def r():
    return 1 if 2 else 3 if 4 else 5
""",
        "1",
    ),
    (
        """\
def r():
    x = 1; y = 2; return x+y
""",
        "3",
    ),
    (
        """\
def r():
  if 1:
      return "mixed indents"
""",
        '"mixed indents"',
    ),
    (
        """\
def r():
    return [
        1,
        2,
    ]
""",
        "[1, 2]",
    ),
    (
        """\
def r():
    return (1 +
            2)
""",
        "3",
    ),
    (
        "def r():\n    return 1 + \\\n        2\n",
        "3",
    ),
    (
        """\
def r():
    # comment
    return "a # b"
""",
        '"a # b"',
    ),
    (
        """\
def r():
    return len("x") and "y" or "z"
""",
        '"y"',
    ),
    (
        """\
def r():
    return not 1 == 2
""",
        "True",
    ),
    (
        """\
def r():
    return -2 // 3 % 5
""",
        "4",
    ),
    (
        """\
def r():
    return 1 | 2 ^ 3 & 4 << 1
""",
        "3",
    ),
    (
        """\
def r():
    return 10 - 2 - 3
""",
        "5",
    ),
    (
        """\
def r():
    return 2 * 3 % 4
""",
        "2",
    ),
    (
        """\
def r():
    return "%d%%" % 5 + "x"
""",
        '"5%x"',
    ),
    (
        """\
def r():
    return "a%s" % "b" * 2
""",
        '"abab"',
    ),
    (
        """\
def r():
    return [x % 2 for x in range(4) if x % 2]
""",
        "[1, 1]",
    ),
    (
        """\
def r():
    return {k: v % 3 for k, v in {"a": 5}.items()}
""",
        '{"a": 2}',
    ),
    (
        """\
def r():
    return ("%s" % "a").upper()
""",
        '"A"',
    ),
    (
        """\
def r():
    return "%s-%s" % ("a",
       "b")
""",
        '"a-b"',
    ),
    (
        """\
def r():
    return ("%s-"
      + "%s") % ("a", "b")  # 100% sure
""",
        '"a-b"',
    ),
    (
        """\
def r():
    return "{} {}".format("a", "%s" % "b")
""",
        '"a b"',
    ),
    (
        """\
def r():
    return "{x}".format(**{"x": 1})
""",
        '"1"',
    ),
    (
        """\
def r():
    f = "{}".format
    return f(1.5)
""",
        '"1.5"',
    ),
    (
        """\
def r():
    return [s.format(1) for s in ["{}", "a{}"]]
""",
        '["1", "a1"]',
    ),
    (
        """\
def r():
    return "a" in [x.lower() for x in ["A"]]
""",
        "True",
    ),
    (
        """\
def r():
    return sorted([{"a":2},{"a":1}], key=lambda d: d["a"])
""",
        '[{"a": 1}, {"a": 2}]',
    ),
    (
        """\
def r():
    return [[] for _ in range(2)]
""",
        "[[], []]",
    ),
    (
        """\
def r():
    a = []
    b = a
    b.append(1)
    return a == b, a
""",
        "(True, [1])",
    ),
    (
        """\
def r():
    d = {}
    d.setdefault("x", []).append(1)
    return d
""",
        '{"x": [1]}',
    ),
    (
        """\
def r():
    d = dict(a=1)
    d.update(b=2)
    d.update([("c",3)], d=4)
    return d
""",
        '{"a": 1, "b": 2, "c": 3, "d": 4}',
    ),
    (
        """\
def r():
    return [i for i in range(10) if i % 2 == 0 and i > 3]
""",
        "[4, 6, 8]",
    ),
    (
        """\
def r():
    return any([x > 2 for x in [1,2,3]])
""",
        "True",
    ),
    (
        """\
def r():
    return "\\n".join(["%s=%s" % (k, v) for k, v in sorted({"b":1,"a":2.5}.items())])
""",
        '"a=2.5\\nb=1"',
    ),
    (
        """\
def r():
    return str([1.0, 2.5, 1e10, "x", None, True, (1,), {"k": 0.1}])
""",
        '"[1.0, 2.5, 1e+10, \\"x\\", None, True, (1,), {\\"k\\": 0.1}]"',
    ),
    (
        """\
def r():
    return "%s %r" % ([1.5e-7], {"a": 123456789.25})
""",
        '"[1.5e-07] {\\"a\\": 1.2345678925e+08}"',
    ),
    (
        """\
def r():
    return "{} {!r}".format(1.5e-7, [123456789.25, "é"])
""",
        '"1.5e-07 [1.2345678925e+08, \\"é\\"]"',
    ),
    (
        """\
def r():
    return int("8") * 1.0 / 3
""",
        "2.6666666666666665",
    ),
    (
        """\
def r():
    return int(12345678901.9)
""",
        "12345678901",
    ),
    (
        """\
def r():
    return "%d" % (1<<70)
""",
        '"1180591620717411303424"',
    ),
    (
        """\
def r():
    return type(r)
""",
        '"function"',
    ),
    (
        """\
def r():
    return [str(type), str([len])]
""",
        '["<built-in function type>", "[<built-in function len>]"]',
    ),
    (
        """\
def r():
    return {"a": 1} == {"a": 1.0}
""",
        "True",
    ),
    (
        """\
def r():
    return [1, 2] == (1, 2)
""",
        "False",
    ),
    (
        """\
def r():
    return r == r
""",
        "True",
    ),
    (
        """\
def r():
    x = 0
    for i in range(3):
        for j in range(3):
            if j == 1:
                break
            x += 1
    return x
""",
        "3",
    ),
    (
        """\
def r():
    return [1,2,3][0:2] + [4]
""",
        "[1, 2, 4]",
    ),
    (
        """\
def r():
    x = [3,1,2]
    return sorted(x), x
""",
        "([1, 2, 3], [3, 1, 2])",
    ),
    (
        """\
def r():
    return [x for x in ("a", "b")], [x for x in {"c": 1}], list(enumerate(["d"]))
""",
        '(["a", "b"], ["c"], [(0, "d")])',
    ),
    (
        """\
def r():
    return max([(1, "a"), (1, "b")])
""",
        '(1, "b")',
    ),
    (
        """\
def r():
    return hash("abc") % 7
""",
        "6",
    ),
    (
        """\
def r():
    return getattr("abc", "upper")()
""",
        '"ABC"',
    ),
    (
        """\
def r():
    return {1: "a", "1": "b", 1.0: "c", (1, 2): "d"}
""",
        None,
    ),
    (
        """\
def r():
    return [x*2 for x in range(1000000)][999999]
""",
        "1999998",
    ),
    (
        """\
def r():
    return 1 if 5 in range(0, 10, 5) else 0
""",
        "1",
    ),
    (
        """\
def r():
    return tuple([1]) + (2,)
""",
        "(1, 2)",
    ),
    (
        """\
_private = 1
def r(): return _private
""",
        "1",
    ),
    (
        """\
def r():
    return (lambda x, y=2, *a, **k: (x, y, a, k))(1, z=3)
""",
        '(1, 2, (), {"z": 3})',
    ),
    (
        """\
def r():
    def inner(x):
        def inner2(y):
            return x + y
        return inner2
    return inner(1)(2)
""",
        "3",
    ),
    (
        """\
def check(rows):
    return []
def r(): return check([])
""",
        "[]",
    ),
    (
        """\
def r():
    return "abc"[1:2], "abc"[:-1], "abc"[-2:]
""",
        '("b", "ab", "bc")',
    ),
    (
        """\
def r():
    s = "x"
    s += "y"
    return s
""",
        '"xy"',
    ),
    (
        """\
def r():
    return 5 .x
""",
        None,
    ),
    (
        """\
def r():
    return 1.0 == 1, 1.0 // 1, 7.5 // 2, -7.5 // 2, 7 / 2
""",
        "(True, 1.0, 3.0, -4.0, 3.5)",
    ),
    (
        """\
r = lambda: 3
""",
        "3",
    ),
    (
        """\
def r():
    return 1 if "a" < "b" < "c" else 2
""",
        None,
    ),
    (
        """\
def r():
    d = {"a": 1}
    del d["a"]
    return d
""",
        None,
    ),
    (
        """\
def r():
    for i in range(3): pass; x = i
    return x
""",
        "2",
    ),
    (
        """\
def r():
    print("x")
    print()
    return None
""",
        "None",
    ),
    (
        """\
def r():
    return repr(print("x"))
""",
        '"None"',
    ),
    (
        """\
x = print("loading")
def r(): return x
""",
        "None",
    ),
    (
        """\
def r():
    return [a for a in range(3) if a if a > 1]
""",
        "[2]",
    ),
    (
        """\
def r():
    return {**{"a": 1}}
""",
        None,
    ),
    (
        """\
def r():
    return [*[1], 2]
""",
        None,
    ),
    (
        """\
def r():
    x = y = 1
    return x
""",
        None,
    ),
    (
        """\
def r():
    (x) = 1
    return x
""",
        "1",
    ),
    (
        """\
def r():
    match = 1
    case = 2
    type = 3
    return match + case + type
""",
        "6",
    ),
    (
        """\
def r():
    exec = 1
    nonlocal_ = 2
    return exec
""",
        "1",
    ),
    (
        """\
def r():
    return 0o17 + 0xFF + 0b11
""",
        "273",
    ),
    (
        """\
def r():
    return 1_000
""",
        None,
    ),
    (
        """\
def r():
    return 1j
""",
        None,
    ),
    (
        """\
def r():
    return "a" "b"
""",
        None,
    ),
    (
        """\
def r():
    return ...
""",
        None,
    ),
    (
        """\
def r():
    return `1`
""",
        None,
    ),
    (
        """\
def r():
    return 1 <> 2
""",
        None,
    ),
    (
        """\
def r():
    return not not 1
""",
        "True",
    ),
    (
        """\
def r():
    return - - 1
""",
        "1",
    ),
    (
        """\
def r():
    return lambda: (1, 2)
""",
        "<function lambda>",
    ),
    (
        """\
def r():
    return [x for x in 1, 2]
""",
        None,
    ),
    (
        """\
def r():
    x = 1, 2
    return x
""",
        "(1, 2)",
    ),
    (
        """\
x = 1, 2
def r(): return x
""",
        "(1, 2)",
    ),
    (
        """\
def r():
    return 1, 2
""",
        "(1, 2)",
    ),
    (
        """\
def r():
    a = [1, 2, 3]
    a[0], a[1] = a[1], a[0]
    return a
""",
        "[2, 1, 3]",
    ),
    (
        """\
def r():
    (a, b), c = (1, 2), 3
    return [a, b, c]
""",
        "[1, 2, 3]",
    ),
    (
        """\
def r():
    for (i, (a, b)) in enumerate([(1, 2)]):
        return [i, a, b]
""",
        "[0, 1, 2]",
    ),
    (
        """\
def r():
    return [a + b for (a, b) in [(1, 2)]]
""",
        "[3]",
    ),
    (
        """\
def r():
    return {"a": 1}.items()[0][1]
""",
        "1",
    ),
    (
        """\
def f(*args): return args
def r(): return f(*[1], *[2])
""",
        None,
    ),
    (
        """\
def f(**kw): return kw
def r(): return f(a=1, **{"b": 2}, c=3)
""",
        None,
    ),
    (
        """\
def f(a, b): return [a, b]
def r(): return f(b=1, *[2])
""",
        "[2, 1]",
    ),
    (
        """\
def f(a, b=1, *c, d=5, **e): return [a,b,c,d,e]
def r(): return f(1,2,3,d=4,z=5)
""",
        '[1, 2, (3,), 4, {"z": 5}]',
    ),
    (
        """\
def f(a, *, b=2): return [a,b]
def r(): return f(1)
""",
        "[1, 2]",
    ),
    (
        """\
def r(): return (lambda *args, **kw: (args, kw))(1, a=2)
""",
        '((1,), {"a": 2})',
    ),
    (
        """\
def r(): return "a" if True else "b" if False else "c"
""",
        '"a"',
    ),
    (
        """\
def r():
    if 1: return 1
    elif 2: return 2
    else: return 3
""",
        "1",
    ),
    (
        """\
def r():
    x = [1,
         2,  # comment

         3]
    return x
""",
        "[1, 2, 3]",
    ),
    (
        """\
def r():
    return "tab\\there"
""",
        '"tab\\there"',
    ),
    (
        'def r():\n    """multi\n    line"""\n    return 1\n',
        "1",
    ),
    (
        "def r():\n    s = 'a\\\nb'\n    return s\n",
        '"ab"',
    ),
    (
        """\
def r():
    return R'a'
""",
        None,
    ),
    (
        """\
def r():
    return "\\x41" + '\\101' + "\\u00e9"
""",
        '"AAé"',
    ),
    (
        """\
def r():
    pass; return 1
""",
        "1",
    ),
    (
        """\
def r(): pass; return 1
""",
        "1",
    ),
    (
        """\
def r():
  return 1
# comment at column 0

x = 1
""",
        "1",
    ),
    (
        """\
def r():
    return 1

    # trailing comment
""",
        "1",
    ),
    (
        """\
def r():
        if True:
          return 1
        return 2
""",
        "1",
    ),
    (
        """\
def r():
    if True:
        x = 1
      # odd comment
        y = 2
    return x + y
""",
        "3",
    ),
    (
        """\
def r():
    return not (1 in [2])
""",
        "True",
    ),
    (
        """\
def r():
    return 1 in [1] == True
""",
        None,
    ),
    (
        """\
def r():
    return (1 in [1]) == True
""",
        "True",
    ),
    (
        """\
def r():
    return -1 < 2 and 3 > 2 or False
""",
        "True",
    ),
    (
        """\
def r():
    return 5 & 3 | 4 ^ 1
""",
        "5",
    ),
    (
        """\
def r():
    return 2 + 3 * 4 - 10 // 3 % 2
""",
        "13",
    ),
    (
        """\
def r():
    return ~1 + -1 + +1
""",
        "-2",
    ),
    (
        """\
def r():
    return not None and 1
""",
        "1",
    ),
    (
        """\
def r():
    return [1, 2][-1], "abc"[-2], (1, 2, 3)[1:][0]
""",
        '(2, "b", 2)',
    ),
    (
        """\
def r():
    return {}.get("x", {}).get("y", 0)
""",
        "0",
    ),
    (
        """\
def r():
    d = {"b": 1, "a": 2}
    return [k for k in d], sorted(d.keys()), d.values()
""",
        '(["b", "a"], ["a", "b"], [1, 2])',
    ),
    (
        """\
def r():
    return sorted([("b", 1), ("a", 2)], key=lambda t: t[1], reverse=True)
""",
        '[("a", 2), ("b", 1)]',
    ),
    (
        """\
def r():
    return sorted(["B", "a", "C"], key=lambda s: s.lower())
""",
        '["a", "B", "C"]',
    ),
    (
        """\
def r():
    return min([3, 1], key=lambda x: -x), max(1, 2, key=lambda x: -x)
""",
        "(3, 1)",
    ),
    (
        """\
def r():
    return zip([1, 2], ["a", "b"]), list(zip([1], [2], [3]))
""",
        '([(1, "a"), (2, "b")], [(1, 2, 3)])',
    ),
    (
        """\
def r():
    return any([]), all([]), any([0, 1]), all([1, 0])
""",
        "(False, True, True, False)",
    ),
    (
        """\
def r():
    return int("-5") + int("0x10", 16) + int("077", 8) + int(3.99)
""",
        "77",
    ),
    (
        """\
def r():
    return float("1.5") + 1
""",
        "2.5",
    ),
    (
        """\
def r():
    return str(1.10), str(100.0 / 3), 10 / 4, 10 // 4, 10 % 4
""",
        '("1.1", "33.333333333333336", 2.5, 2, 2)',
    ),
    (
        """\
def r():
    return "%s/%s" % (10, 2.50), "%d%%" % (50.7,), "%s" % ((1, 2),)
""",
        '("10/2.5", "50%", "(1, 2)")',
    ),
    (
        """\
def r():
    return "a,b,,c".split(","), " a  b ".split(), "a-b".partition("-")
""",
        '(["a", "b", "", "c"], ["a", "b"], ("a", "-", "b"))',
    ),
    (
        """\
def r():
    return "x".join([]), "-".join(["a"]), "AbC".lower(), "abc".upper(), "hello".title(), "hELLO".capitalize()
""",
        '("", "a", "abc", "ABC", "Hello", "Hello")',
    ),
    (
        """\
def r():
    return "abc".find("b"), "abc".index("c"), "abc".rfind("z"), "banana".count("an")
""",
        "(1, 2, -1, 2)",
    ),
    (
        """\
def r():
    return "  x ".strip(), "xxaxx".strip("x"), "xxa".lstrip("x"), "axx".rstrip("x")
""",
        '("x", "a", "a", "a")',
    ),
    (
        """\
def r():
    return "a1".isalnum(), "abc".isalpha(), "12".isdigit(), "ab".islower(), "AB".isupper(), " ".isspace()
""",
        "(True, True, True, True, True, True)",
    ),
    (
        """\
def r():
    return "abc".startswith("a"), "abc".endswith(("b", "c")), "abc".replace("b", "x"), "aXbX".replace("X", "", 1)
""",
        '(True, True, "axc", "abX")',
    ),
    (
        """\
def r():
    return "10.5.3" < "10.6", "10" < "9", "a" < "B"
""",
        "(True, True, False)",
    ),
    (
        """\
def r():
    l = [1, 2, 3]
    l.insert(1, 9); l.remove(3); l.extend([4]); l.append(5)
    p = l.pop(0)
    return l, p, l.index(9)
""",
        "([9, 2, 4, 5], 1, 0)",
    ),
    (
        """\
def r():
    l = [1, 2, 3]
    l.insert(-1, 9); l.insert(100, 10)
    return l
""",
        "[1, 2, 9, 3, 10]",
    ),
    (
        """\
def r():
    d = {}
    d["a"] = 1
    d.update({"b": 2})
    x = d.pop("a")
    y = d.setdefault("c", 3)
    return d, x, y, d.get("zz"), "b" in d, len(d)
""",
        '({"b": 2, "c": 3}, 1, 3, None, True, 2)',
    ),
    (
        """\
def r():
    return type(1), type(1.0), type("s"), type(None), type([]), type({}), type(()), type(True), type(r), type(range(1))
""",
        '("int", "float", "string", "NoneType", "list", "dict", "tuple", "bool", "function", "range")',
    ),
    (
        """\
def r():
    return hasattr("s", "upper"), getattr("s", "upper")(), dir(1)
""",
        '(True, "S", [])',
    ),
    (
        """\
def r():
    return bool([]), bool("0"), bool(0.0), bool(None), bool({"a": 1})
""",
        "(False, True, False, False, True)",
    ),
    (
        """\
def r():
    return range(5)[2], len(range(0, 10, 3)), list(range(5, 0, -2)), 3 in range(5)
""",
        "(2, 4, [5, 3, 1], True)",
    ),
    (
        """\
def r():
    return reversed([1, 2]), enumerate(["a"], 1), tuple({"a": 1}), list("ab".elems())
""",
        '([2, 1], [(1, "a")], ("a",), ["a", "b"])',
    ),
    (
        """\
def r():
    return abs(-5), abs(-1.5), chr(97), ord("a"), hash("a")
""",
        '(5, 1.5, "a", 97, 97)',
    ),
    (
        """\
def r():
    x = 5
    def f():
        return x + 1
    return f()
""",
        "6",
    ),
    (
        """\
def r():
    fs = [lambda x, n=n: x + n for n in range(3)]
    return [f(10) for f in fs]
""",
        "[10, 11, 12]",
    ),
    (
        """\
def r():
    return [[i * j for j in range(3)] for i in range(2)]
""",
        "[[0, 0, 0], [0, 1, 2]]",
    ),
    (
        """\
def r():
    return [x for xs in [[1, 2], [3]] for x in xs if x != 2]
""",
        "[1, 3]",
    ),
    (
        """\
def r():
    return {k: v for k, v in [("a", 1), ("b", 2)] if v > 1}
""",
        '{"b": 2}',
    ),
    (
        """\
def r():
    return [1] < [1, 0], (1, 2) < (1, 3), [1, 2] == [1, 2], {} == {}, None == None, 1 != 1.0
""",
        "(True, True, True, True, True, False)",
    ),
    (
        """\
def r():
    return "%s %s" % ("a", "b") + "c" * 2
""",
        '"a bcc"',
    ),
    (
        """\
def r():
    return "a" + str(1) + str(None) + str([1, "x"]) + str({"a": (1,)})
""",
        '"a1None[1, \\"x\\"]{\\"a\\": (1,)}"',
    ),
    (
        """\
def r():
    return "{} {} {x}".format(1, "b", x=None), "{0}{1}{0}".format("a", "b"), "{{}}".format()
""",
        '("1 b None", "aba", "{}")',
    ),
    (
        """\
def r():
    return "%c%c" % (97, "b"), "%x %X %o" % (255, 255, 8), "%e %f %g" % (1.5, 1.5, 1.5)
""",
        '("ab", "ff FF 10", "1.500000e+00 1.500000 1.5")',
    ),
    (
        """\
def r():
    return "%r %s" % ("a", "a"), "%(a)s %(b)d" % {"a": 1, "b": 2}
""",
        '("\\"a\\" a", "1 2")',
    ),
    (
        """\
def r():
    return 1e3, 1.5e-3, .5, 5., 0x1F, 0o17, 0b11
""",
        "(1000.0, 0.0015, 0.5, 5.0, 31, 15, 3)",
    ),
    (
        """\
def r():
    return 1 << 10, 1024 >> 3, 5 ^ 1, 5 & 1, 5 | 2, ~5
""",
        "(1024, 128, 4, 1, 7, -6)",
    ),
    (
        """\
def r():
    return 9223372036854775807 + 1, -9223372036854775808 - 1, 2 * 9223372036854775807
""",
        "(9223372036854775808, -9223372036854775809, 18446744073709551614)",
    ),
    (
        """\
def r():
    return 7 // -2, -7 // 2, 7 % -2, -7 % 2, 7.5 // 2, -7.5 % 2
""",
        "(-4, -4, -1, 1, 3.0, 0.5)",
    ),
    (
        """\
def r():
    return 3 * "ab", [0] * 3, (1,) * 2, "ab" * 0
""",
        '("ababab", [0, 0, 0], (1, 1), "")',
    ),
    (
        """\
def r():
    x = None
    return x == None, x != None, not x
""",
        "(True, False, True)",
    ),
    (
        """\
def r():
    return "a" in {"a": 1}, 1 in [1], "b" not in "abc", (1, 2) in [(1, 2)]
""",
        "(True, True, False, True)",
    ),
    (
        """\
def r():
    return len("abc"), len([1]), len({"a": 1}), len((1, 2))
""",
        "(3, 1, 1, 2)",
    ),
    (
        """\
def r():
    for i in range(3):
        pass
    return i
""",
        "2",
    ),
    (
        """\
def r():
    x = 1
    if x == 1:
        y = 2
    else:
        y = 3
    return y
""",
        "2",
    ),
    (
        """\
A = {"x": [1, 2]}
def r():
    return A["x"][0], A.get("y", "d")
""",
        '(1, "d")',
    ),
    (
        """\
def helper(a, b="x"):
    return "%s-%s" % (a, b)
def r():
    return helper(1), helper(1, b=2), helper(b=3, a=4)
""",
        '("1-x", "1-2", "4-3")',
    ),
    (
        """\
def r():
    return [x.strip() for x in "a, b ,c".split(",")]
""",
        '["a", "b", "c"]',
    ),
    (
        """\
def r():
    l = []
    for k, v in sorted({"b": 1, "a": 2}.items()):
        l += ["%s=%d" % (k, v)]
    return ", ".join(l)
""",
        '"a=2, b=1"',
    ),
    (
        """\
def r():
    return dict([("a", 1)]), dict(a=1, b=2), dict({"a": 1}, b=3)
""",
        '({"a": 1}, {"a": 1, "b": 2}, {"a": 1, "b": 3})',
    ),
    (
        """\
def r():
    return "é" == "\\u00e9", "é" + "x", "é" in "café"
""",
        '(True, "éx", True)',
    ),
    (
        """\
def r():
    return "ÀÉ".lower(), "àé".upper(), " é ".strip()
""",
        '("àé", "ÀÉ", "é")',
    ),
    (
        """\
def r():
    return max("a", "b"), min([2.5, 1]), sorted([2, 1.5])
""",
        '("b", 1, [1.5, 2])',
    ),
    (
        'def r():\n    return "a\\\\b", \'c"d\', "e\'f", """g"h"""\n',
        '("a\\\\b", "c\\"d", "e\'f", "g\\"h")',
    ),
    (
        """\
def r():
    return "%s" % "\\n", repr("\\n"), str(["\\n"])
""",
        '("\\n", "\\"\\\\n\\"", "[\\"\\\\n\\"]")',
    ),
]
