"""What is a valid script. The engine (starlark-rust) parses it first; the same text is then read as Python, of which
Starlark is nearly a part, to find what the engine would allow and go.starlark.net, which PMM runs, refuses: a global
assigned twice, a name that only this engine has. Pure; what a valid script does is left to ``script.py``. What stays
different is listed in ``tests/unit/checker/starlark_expressions.py``: above all, a string is one of characters here and
of bytes there, and there is no type ``bytes``.
"""

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import starlark

RESERVED = "watchword_"
"""Names that begin so are the prelude's."""

ENTRY = "check_context"

_HIDDEN_NAMES = ("call_stack",)
_ENGINE_ERROR = re.compile(r"error: (?P<text>.*?)\n *--> script:(?P<line>\d+):(?P<column>\d+)", re.DOTALL)
_STRING = re.compile(r"""(?P<prefix>[rRbB]*)(?P<quote>\"\"\"|'''|"|')(?P<body>.*)(?P=quote)\Z""", re.DOTALL)
_ESCAPE = re.compile(r"""\\(?:(?P<wrong>[^\\abfnrtvxuU0-7'"\n])|.)""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ScriptProblem:
    """Something wrong with a script's text. Lines and columns count from 1, in the script."""

    line: int
    column: int
    text: str
    severity: Literal["error", "warning"] = "error"


class ScriptRefused(Exception):
    """The text of a script is not one that can run; says where and why."""

    def __init__(self, problem: ScriptProblem) -> None:
        super().__init__(f"line {problem.line}, column {problem.column}: {problem.text}")
        self.problem = problem


def find_problems(script: str) -> tuple[ScriptProblem, ...]:
    """Return what is wrong with a script: as errors what keeps it from running, as warnings what PMM alone refuses."""
    script = normalised(script)
    try:
        tree = _parse(script)
    except ScriptRefused as refused:
        return (refused.problem,)
    problems = [*_errors(tree), *_warnings(tree, script)]
    return tuple(sorted(problems, key=lambda each: (each.line, each.column)))


def syntax_tree(script: str) -> ast.Module:
    """Return a normalised script as Python sees it. Raises ``ScriptRefused`` when it may not run."""
    tree = _parse(script)
    for problem in sorted(_errors(tree), key=lambda each: (each.line, each.column)):
        raise ScriptRefused(problem)
    return tree


def normalised(script: str) -> str:
    """Return a script with one kind of line end, and one at its end, so that everyone counts its lines alike."""
    return script.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n") + "\n"


def dialect(*, with_load: bool) -> starlark.Dialect:
    """Return the dialect of PMM's checks. ``load`` is for the prelude alone; a script has none."""
    chosen = starlark.Dialect.standard()
    chosen.enable_keyword_only_arguments = True
    chosen.enable_load = with_load
    return chosen


def global_names(tree: ast.Module) -> Iterator[tuple[ast.stmt | ast.expr, str]]:
    """Yield each binding of a global name, in order. The engine has refused ``if`` and ``for`` at this level."""
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef):
            yield statement, statement.name
        elif isinstance(statement, ast.Assign | ast.AugAssign):
            for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
                for node in ast.walk(target):
                    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                        yield node, node.id


def _parse(script: str) -> ast.Module:
    try:
        starlark.parse("script", script, dialect(with_load=False))
    except starlark.StarlarkError as error:
        raise ScriptRefused(engine_problem(error)) from None
    except UnicodeError:
        raise ScriptRefused(ScriptProblem(1, 1, "the script is not valid Unicode")) from None
    try:
        with warnings.catch_warnings():
            # Python has opinions on escapes and comparisons that are none of Starlark's.
            warnings.simplefilter("ignore")
            return ast.parse(script)
    except SyntaxError as error:
        problem = ScriptProblem(error.lineno or 1, error.offset or 1, f"the script can't be read: {error.msg}")
        raise ScriptRefused(problem) from None
    except (RecursionError, MemoryError, ValueError) as error:
        problem = ScriptProblem(1, 1, f"the script is too long or too deeply nested: {error}")
        raise ScriptRefused(problem) from None


def engine_problem(error: starlark.StarlarkError) -> ScriptProblem:
    """Return what the engine says about a script's text, without its picture of the line."""
    match = _ENGINE_ERROR.search(str(error))
    if match is None:
        return ScriptProblem(1, 1, str(error).strip())
    text = re.sub(r", did you mean .*", "", match["text"]).removeprefix("Parse error: ")
    return ScriptProblem(int(match["line"]), int(match["column"]), text)


def _errors(tree: ast.Module) -> Iterator[ScriptProblem]:
    lines: dict[str, int] = {}
    for node, name in global_names(tree):
        if name in lines:
            text = f"cannot reassign global {name} declared at line {lines[name]}"
            yield ScriptProblem(node.lineno, node.col_offset + 1, text)
        lines.setdefault(name, node.lineno)
    if ENTRY not in lines:
        yield ScriptProblem(1, 1, f"function {ENTRY} is not defined")
    bound = set(lines)
    bound |= {name for _, name, is_binding in _names(tree) if is_binding}
    for use, name, _ in _names(tree):
        if name.startswith(RESERVED):
            text = f"{name}: names that begin with {RESERVED} are reserved"
            yield ScriptProblem(use.lineno, use.col_offset + 1, text)
        elif name in _HIDDEN_NAMES and name not in bound:
            yield ScriptProblem(use.lineno, use.col_offset + 1, f"Variable `{name}` not found")


def _names(tree: ast.Module) -> Iterator[tuple[ast.stmt | ast.expr | ast.arg, str, bool]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node, node.id, isinstance(node.ctx, ast.Store)
        elif isinstance(node, ast.FunctionDef):
            yield node, node.name, True
        elif isinstance(node, ast.arg):
            yield node, node.arg, True


def _warnings(tree: ast.Module, script: str) -> Iterator[ScriptProblem]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            match = _STRING.match(ast.get_source_segment(script, node) or "")
            if match is None or "r" in match["prefix"].lower():
                continue
            for escape in _ESCAPE.finditer(match["body"]):
                if escape["wrong"]:
                    text = f"invalid escape sequence {escape[0]}: PMM refuses it; write \\{escape[0]}"
                    yield ScriptProblem(node.lineno, node.col_offset + 1, text, "warning")
                    break
