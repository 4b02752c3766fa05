"""Taking the fields out of a mapping: which are there, which are unknown, which are written twice, and whether each
has the shape that is expected. Like yaml.v3 it lets any single value stand where text is expected and takes the text
as written, so ``true``, ``8.0`` and ``yes`` survive. What a field means is left to ``rules.py``.
"""

from collections.abc import Collection, Iterator

from shared.check_files.problems import Fault, did_you_mean, one_of
from shared.check_files.yaml_nodes import ListNode, MapNode, Node, ScalarNode


def fields_of(node: MapNode, known: Collection[str], what: str, faults: list[Fault]) -> dict[str, Node]:
    """Return the known fields by name. One written twice is an error, an unknown one a warning."""
    found: dict[str, Node] = {}
    for key, value in node.fields:
        name = key.text
        if name in found:
            message = f"{name!r} is written twice in this {what}; the first one is on line {found[name].place.line}"
            faults.append(Fault(key.place, "duplicate-field", message, "keep one of them"))
        elif name in known:
            found[name] = value
        else:
            hint = did_you_mean(name, known) or one_of(known)
            message = f"unknown field {name!r} in this {what}; it is ignored"
            faults.append(Fault(key.place, "unknown-field", message, hint, "warning"))
    return {name: value for name, value in found.items() if not (isinstance(value, ScalarNode) and value.is_null)}


def text_field(fields: dict[str, Node], name: str, faults: list[Fault]) -> ScalarNode | None:
    """Return a field of text, also an empty one; None when it is absent or, with a fault, a list or mapping."""
    node = fields.get(name)
    if node is None:
        return None
    if not isinstance(node, ScalarNode):
        faults.append(Fault(node.place, "wrong-type", f"{name!r} must be text, not {_shape(node)}"))
        return None
    return node


def map_field(fields: dict[str, Node], name: str, faults: list[Fault]) -> MapNode | None:
    """Return a field that is a mapping; None when it is absent or, with a fault, something else."""
    node = fields.get(name)
    if node is None or isinstance(node, MapNode):
        return node
    faults.append(Fault(node.place, "wrong-type", f"{name!r} must be a mapping, not {_shape(node)}"))
    return None


def list_field(fields: dict[str, Node], name: str, faults: list[Fault]) -> ListNode | None:
    """Return a field that is a list; None when it is absent or, with a fault, something else."""
    node = fields.get(name)
    if node is None or isinstance(node, ListNode):
        return node
    hint = "begin each item with '- '"
    faults.append(Fault(node.place, "wrong-type", f"{name!r} must be a list, not {_shape(node)}", hint))
    return None


def texts_field(fields: dict[str, Node], name: str, faults: list[Fault]) -> tuple[str, ...]:
    """Return a field that is one text or a list of texts."""
    node = fields.get(name)
    if node is None:
        return ()
    return tuple(_texts(node, name, faults))


def _texts(node: Node, name: str, faults: list[Fault]) -> Iterator[str]:
    for item in node.items if isinstance(node, ListNode) else (node,):
        if isinstance(item, ScalarNode) and item.text.strip() and not item.is_null:
            yield item.text
        else:
            message = f"{name!r} must be text or a list of texts, not {_shape(item)}"
            faults.append(Fault(item.place, "wrong-type", message))


def _shape(node: Node) -> str:
    if isinstance(node, ScalarNode):
        return "nothing" if node.is_null or not node.text.strip() else f"the value {node.text[:40]!r}"
    return "a list" if isinstance(node, ListNode) else "a mapping"
