"""How a valid script is made to behave as under go.starlark.net: calls of the prelude are put where the engine would do
otherwise (``%``, ``str.format`` and a few more methods, functions that may call themselves), and, when asked for, marks
where the script can go one way or another. Text is edited in place, so lines stay where they are; the few that are
added are counted back by ``Source.line``. Pure.
"""

import ast
from dataclasses import dataclass
from typing import Literal, TypeAlias

from services.checker.script_dialect import global_names, normalised, syntax_tree
from services.checker.script_recursion import Function, functions_that_may_recurse

Node: TypeAlias = ast.expr | ast.stmt
Way: TypeAlias = Literal["called", "true", "false", "items", "no items"]

_REPLACED_NAMES = {
    "str": "watchword_text",
    "repr": "watchword_quoted",
    "print": "watchword_print",
    "fail": "watchword_fail",
}
_CONTRACT_NAMES = ("parse_version", "format_version_num")
_REPLACED_METHODS = {
    "format": "watchword_format",
    "splitlines": "watchword_splitlines",
    "elems": "watchword_elems",
    "codepoints": "watchword_elems",
    "elem_ords": "watchword_elem_ords",
    "codepoint_ords": "watchword_codepoint_ords",
}
_METHODS_BY_ARGUMENTS = {
    "startswith": ("watchword_startswith", (2, 3)),
    "endswith": ("watchword_endswith", (2, 3)),
    "replace": ("watchword_replace", (3,)),
}


@dataclass(frozen=True, slots=True)
class Branch:
    """One way through a script: a function is called, a condition holds or not, a loop has items or none."""

    line: int
    column: int
    way: Way


@dataclass(frozen=True, slots=True)
class Source:
    """A script as the engine gets it."""

    text: str
    added_lines: tuple[int, ...]
    """The lines of the text that are not the script's own, ascending."""
    functions: tuple[tuple[int, int, str], ...]
    """First line, last line and name of each function, the outer before the inner."""
    branches: tuple[tuple[Branch, ...], ...]
    """The ways at each mark, by the mark's number; empty when none were asked for."""

    def line(self, line: int) -> int:
        """Return the script's own line for a line of the text."""
        return line - sum(added < line for added in self.added_lines)

    def function(self, line: int) -> str:
        """Return the name of the innermost function around one of the script's own lines, empty outside of all."""
        return next((name for first, last, name in reversed(self.functions) if first <= line <= last), "")


def rewritten(script: str, *, with_branches: bool = False) -> Source:
    """Return what the engine shall run in place of a script. Raises ``ScriptRefused`` when the script may not run."""
    script = normalised(script)
    tree = syntax_tree(script)
    own_names = {name for _, name in global_names(tree)}
    rewriter = _Rewriter(_Edits(script), functions_that_may_recurse(tree), with_branches=with_branches)
    rewriter.visit(tree)
    loaded = [f'"{name}"' for name in sorted(rewriter.needed)]
    used = rewriter.names - own_names
    loaded += [f'"{name}"' for name in _CONTRACT_NAMES if name in used]
    loaded += [f'{name}="{replacement}"' for name, replacement in _REPLACED_NAMES.items() if name in used]
    if loaded:
        rewriter.edits.new_lines.append((1, f'load("watchword", {", ".join(loaded)})'))
    text, added_lines = rewriter.edits.applied()
    functions = sorted(rewriter.functions, key=lambda each: (each[0], -each[1]))
    return Source(text, added_lines, tuple(functions), tuple(rewriter.branches))


class _Edits:
    """What to change in a text. Offsets are into its UTF-8, as Python's syntax tree counts columns."""

    def __init__(self, script: str) -> None:
        self.encoded = script.encode()
        self.changes: list[tuple[int, int, str]] = []
        self.new_lines: list[tuple[int, str]] = []
        self._line_starts = [0]
        for line in self.encoded.split(b"\n"):
            self._line_starts.append(self._line_starts[-1] + len(line) + 1)

    def start(self, node: Node) -> int:
        return self._line_starts[node.lineno - 1] + node.col_offset

    def end(self, node: Node) -> int:
        return self._line_starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)

    def find(self, wanted: bytes, offset: int) -> int:
        """Return where a piece of syntax stands, from an offset on; what a comment says does not count."""
        while not self.encoded.startswith(wanted, offset):
            offset = self.encoded.index(b"\n", offset) if self.encoded.startswith(b"#", offset) else offset + 1
        return offset

    def insert(self, offset: int, text: str) -> None:
        self.replace(offset, offset, text)

    def replace(self, start: int, end: int, text: str) -> None:
        """Note a change. Of several at one place the first noted comes first; line ends that go are kept."""
        self.changes.append((start, end, text + "\n" * self.encoded.count(b"\n", start, end)))

    def indentation(self, offset: int) -> str | None:
        """Return the blanks between the line's beginning and an offset, None when a line can't be added before it."""
        line_start = self.encoded.rfind(b"\n", 0, offset) + 1
        before = self.encoded[line_start:offset]
        return None if before.strip() or self.encoded.endswith(b"\\\n", 0, line_start) else before.decode()

    def applied(self) -> tuple[str, tuple[int, ...]]:
        """Return the changed text, and which of its lines were added."""
        parts = []
        position = 0
        for start, end, text in sorted(self.changes, key=lambda change: change[0]):
            parts += [self.encoded[position:start], text.encode()]
            position = end
        lines: list[str] = []
        added: list[int] = []
        waiting = sorted(self.new_lines, key=lambda new: new[0])
        for number, line in enumerate(b"".join([*parts, self.encoded[position:]]).decode().split("\n"), start=1):
            while waiting and waiting[0][0] == number:
                lines.append(waiting.pop(0)[1])
                added.append(len(lines))
            lines.append(line)
        return "\n".join(lines), tuple(added)


class _Rewriter(ast.NodeVisitor):
    """Walks a script in the order of its text, so that of two calls put at one place the outer opens first."""

    def __init__(self, edits: _Edits, guarded: tuple[Function, ...], *, with_branches: bool) -> None:
        self.edits = edits
        self.guarded = {id(function): number for number, function in enumerate(guarded)}
        self.with_branches = with_branches
        self.needed: set[str] = set()
        self.names: set[str] = set()
        self.functions: list[tuple[int, int, str]] = []
        self.branches: list[tuple[Branch, ...]] = []

    def visit_Name(self, node: ast.Name) -> None:
        self.names.add(node.id)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if not isinstance(node.op, ast.Mod):
            self.generic_visit(node)
            return
        self.edits.insert(self.edits.start(node), self._call("watchword_percent"))
        self.visit(node.left)
        operator = self.edits.find(b"%", self.edits.end(node.left))
        self.edits.replace(operator, operator + 1, ",")
        self.visit(node.right)
        self.edits.insert(self.edits.end(node), ")")

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        # Only a plain name: anything else would be worked out twice.
        if not (isinstance(node.op, ast.Mod) and isinstance(node.target, ast.Name)):
            self.generic_visit(node)
            return
        self.names.add(node.target.id)
        operator = self.edits.find(b"%=", self.edits.end(node.target))
        self.edits.replace(operator, operator + 2, f"= {self._call('watchword_percent')}{node.target.id}, (")
        self.visit(node.value)
        self.edits.insert(self.edits.end(node), "))")

    def visit_Call(self, node: ast.Call) -> None:
        replacement = _replaced_method(node)
        if replacement is None or not isinstance(node.func, ast.Attribute):
            self.generic_visit(node)
            return
        self.edits.insert(self.edits.start(node), self._call(replacement))
        self.visit(node.func.value)
        dot = self.edits.find(b".", self.edits.end(node.func.value))
        arguments = self.edits.find(b"(", self.edits.end(node.func)) + 1
        self.edits.replace(dot, arguments, ", " if node.args or node.keywords else "")
        for argument in (*node.args, *node.keywords):
            self.visit(argument)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        if id(node) in self.guarded:
            self._wrap(node, f'{self._call("watchword_once")}{self.guarded[id(node)]}, "lambda", ')
        else:
            self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.functions.append((node.lineno, node.end_lineno or node.lineno, node.name))
        if self.with_branches:
            mark = f"{self._call('watchword_called')}{self._mark(node, 'called')})"
            first = self.edits.start(node.body[0])
            indentation = self.edits.indentation(first)
            if indentation is None:
                self.edits.insert(first, f"{mark}; ")
            else:
                self.edits.new_lines.append((node.body[0].lineno, indentation + mark))
        self.generic_visit(node)
        if id(node) in self.guarded:
            number = self.guarded[id(node)]
            guard = f'{node.name} = {self._call("watchword_once")}{number}, "{node.name}", {node.name})'
            self.edits.new_lines.append(((node.end_lineno or node.lineno) + 1, " " * node.col_offset + guard))

    def visit_If(self, node: ast.If) -> None:
        self._condition(node.test)
        for statement in (*node.body, *node.orelse):
            self.visit(statement)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self.visit(node.body)
        self._condition(node.test)
        self.visit(node.orelse)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        self.visit(node.target)
        self.visit(node.iter)
        for condition in node.ifs:
            self._condition(condition)

    def visit_For(self, node: ast.For) -> None:
        self.visit(node.target)
        if self.with_branches:
            mark = self._mark(node.iter, "items", "no items")
            self._wrap(node.iter, f"{self._call('watchword_items')}{mark}, (", "))")
        else:
            self.visit(node.iter)
        for statement in node.body:
            self.visit(statement)

    def _condition(self, node: ast.expr) -> None:
        if self.with_branches:
            mark = self._mark(node, "true", "false")
            self._wrap(node, f"{self._call('watchword_condition')}{mark}, (", "))")
        else:
            self.visit(node)

    def _wrap(self, node: ast.expr, opening: str, closing: str = ")") -> None:
        self.edits.insert(self.edits.start(node), opening)
        if isinstance(node, ast.Lambda):
            self.generic_visit(node)
        else:
            self.visit(node)
        self.edits.insert(self.edits.end(node), closing)

    def _call(self, function: str) -> str:
        self.needed.add(function)
        return f"{function}("

    def _mark(self, node: Node, *ways: Way) -> int:
        self.branches.append(tuple(Branch(node.lineno, node.col_offset + 1, way) for way in ways))
        return len(self.branches) - 1


def _replaced_method(node: ast.Call) -> str | None:
    if not isinstance(node.func, ast.Attribute):
        return None
    name = node.func.attr
    if name in _METHODS_BY_ARGUMENTS:
        replacement, counts = _METHODS_BY_ARGUMENTS[name]
        is_plain = not node.keywords and not any(isinstance(argument, ast.Starred) for argument in node.args)
        return replacement if is_plain and len(node.args) in counts else None
    return _REPLACED_METHODS.get(name)
