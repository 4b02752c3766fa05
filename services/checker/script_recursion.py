"""Which functions of a script may come to call themselves. Go refuses that at the moment of the call, the engine here
does not; so these functions, and no others, are called through a guard that costs a little. Pure, and cautious: it
counts every function that a name may mean, and never misses one.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from typing import TypeAlias

Function: TypeAlias = ast.FunctionDef | ast.Lambda

_CALLS_BACK = ("key",)
"""The arguments by which ``sorted``, ``min`` and ``max`` call a function."""


def functions_that_may_recurse(tree: ast.Module) -> tuple[Function, ...]:
    """Return the functions from which a chain of calls may lead back to themselves, in the order of the text."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.Lambda)]
    by_name: dict[str, list[Function]] = defaultdict(list)
    for function in functions:
        if isinstance(function, ast.FunctionDef):
            by_name[function.name].append(function)
    # What may be called by whoever calls something that is not the plain name of a function.
    escaping: list[Function] = [function for function in functions if isinstance(function, ast.Lambda)]
    callees = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and id(node) not in callees:
            escaping += by_name.get(node.id, [])

    bound = _bound_names(tree) - set(by_name)
    calls = {id(function): _calls(function, by_name, bound, escaping) for function in functions}
    return tuple(
        sorted(
            (function for function in functions if _reaches(id(function), calls)),
            key=lambda function: (function.lineno, function.col_offset),
        )
    )


def _calls(
    function: Function, by_name: dict[str, list[Function]], bound: set[str], escaping: list[Function]
) -> set[int]:
    reached: set[int] = set()
    for node in _own(function):
        if isinstance(node, ast.Name):
            reached |= {id(each) for each in by_name.get(node.id, [])}
        elif isinstance(node, ast.FunctionDef | ast.Lambda):
            reached.add(id(node))
        elif isinstance(node, ast.Call):
            is_known = isinstance(node.func, ast.Attribute) or (
                isinstance(node.func, ast.Name) and node.func.id not in bound
            )
            if not is_known or any(each.arg is None or each.arg in _CALLS_BACK for each in node.keywords):
                reached |= {id(each) for each in escaping}
    return reached


def _own(function: Function) -> Iterator[ast.AST]:
    """Yield what runs when the function is called: not the bodies of the functions inside, but those themselves."""
    waiting: list[ast.AST] = list(function.body) if isinstance(function, ast.FunctionDef) else [function.body]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)
        else:
            waiting += [default for default in (*node.args.defaults, *node.args.kw_defaults) if default is not None]


def _bound_names(tree: ast.Module) -> set[str]:
    """Return every name that a script gives a value, so that calling it may call anything."""
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return names | {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}


def _reaches(start: int, calls: dict[int, set[int]]) -> bool:
    seen: set[int] = set()
    waiting = list(calls[start])
    while waiting:
        function = waiting.pop()
        if function == start:
            return True
        if function not in seen:
            seen.add(function)
            waiting += calls[function]
    return False
