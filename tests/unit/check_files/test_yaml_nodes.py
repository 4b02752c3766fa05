"""Nodes know their place, scalars mean what they mean in yaml.v3, and no file makes the reader work without bound."""

import pytest

from shared.check_files.problems import Place
from shared.check_files.yaml_nodes import (
    MAX_BROKEN_DOCUMENTS,
    MAX_DEPTH,
    MAX_NODES,
    BrokenDocument,
    ListNode,
    MapNode,
    Node,
    ScalarNode,
    documents,
)


def only(text: str) -> Node | BrokenDocument:
    (document,) = documents(text)
    return document


def field(node: Node | BrokenDocument, name: str) -> Node:
    assert isinstance(node, MapNode)
    return next(value for key, value in node.fields if key.text == name)


def scalar(text: str) -> ScalarNode:
    node = only(text)
    assert isinstance(node, ScalarNode)
    return node


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("FALSE", False),
        ("yes", "yes"),
        ("on", "on"),
        ("No", "No"),
        ("~", None),
        ("null", None),
        ("Null", None),
        ("nil", "nil"),
        ("12", 12),
        ("-3", -3),
        ("1_000", 1000),
        ("0x1F", 31),
        ("0o17", 15),
        ("0b11", 3),
        ("010", 8),
        ("089", 89.0),
        ("1:30", "1:30"),
        ("1.50", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("2026-11-23", "2026-11-23"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("!!str 5", "5"),
        ("8.0.36", "8.0.36"),
        ("9" * 19, int("9" * 19)),
        ("9" * 30, 1e30),
    ],
)
def test_untyped_scalars_mean_what_they_mean_in_yaml_v3(text: str, value: object) -> None:
    found = scalar(text).value
    assert found == value
    assert type(found) is type(value)


def test_nodes_know_line_and_column_counted_in_characters() -> None:
    node = only("é: [ü, x]\nb:\n  - c: 1\n")
    first = field(node, "é")
    assert isinstance(first, ListNode)
    assert [item.place for item in first.items] == [Place(1, 5), Place(1, 8)]
    second = field(node, "b")
    assert isinstance(second, ListNode)
    assert field(second.items[0], "c").place == Place(3, 8)


@pytest.mark.parametrize(
    ("text", "line", "column", "expected"),
    [
        ("a: |\n  x\n  y\n", 2, 1, Place(3, 3)),
        ("a: |\n\n     first\n       deeper\n", 3, 3, Place(4, 8)),
        ("a: |2\n    x\n  y\n", 2, 1, Place(3, 3)),
        ("a: |  # a comment\n  x\n", 1, 1, Place(2, 3)),
        ("---\na: 1\n---\na: |-\n    x\n", 1, 1, Place(5, 5)),
        ("a: >\n  folded\n  text\n", 1, 4, Place(1, 4)),
        ("a: 'quoted'\n", 1, 4, Place(1, 4)),
    ],
    ids=["literal", "blank-lines-first", "explicit-indent", "comment", "second-document", "folded", "quoted"],
)
def test_a_line_of_a_literal_block_is_found_in_the_file(text: str, line: int, column: int, expected: Place) -> None:
    node = field(list(documents(text))[-1], "a")
    assert isinstance(node, ScalarNode)
    assert node.place_of(line, column) == expected


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("a: [x\n", Place(2, 1), "did not find expected"),
        ("a: 'x\nb: 1", Place(2, 5), "quoted scalar"),
        ("a:\n\tb: 1\n", Place(2, 1), "cannot start any token"),
        ("x: 1\n y: 2", Place(2, 3), "mapping values are not allowed"),
        ("a: b\n\nc: d\x07", Place(3, 5), "U+0007"),
        ("a: *missing", Place(1, 4), "alias *missing"),
        ("a: &a [*a]", Place(1, 8), "alias *a"),
        ("? [a]\n: b", Place(1, 3), "field's name"),
        ("<<: 5\na: b", Place(1, 5), "merges mappings"),
    ],
    ids=["open-list", "open-quote", "tab", "indent", "control", "no-anchor", "own-anchor", "odd-key", "odd-merge"],
)
def test_what_is_not_yaml_is_told_with_its_place(text: str, place: Place, message: str) -> None:
    document = only(text)
    assert isinstance(document, BrokenDocument)
    assert document.place == place
    assert message in document.message


def test_a_broken_document_does_not_hide_those_before_and_after_it() -> None:
    found = list(documents("a: 1\n---\nb: [\n---\nc: 'x\n---\nd: 4\n"))
    assert [type(document) for document in found] == [MapNode, BrokenDocument, BrokenDocument, MapNode]
    assert [found[1].place, found[2].place] == [Place(4, 1), Place(6, 1)]
    assert field(found[3], "d").place == Place(7, 4)


def test_merged_fields_fill_in_what_is_not_written() -> None:
    text = "- &one {a: 1, b: 1}\n- &two {b: 2, c: 2}\n- {<<: [*one, *two], a: 3}\n"
    node = only(text)
    assert isinstance(node, ListNode)
    merged = node.items[2]
    assert {name: field(merged, name).value for name in "abc"} == {"a": 3, "b": 1, "c": 2}  # type: ignore[union-attr]  # all are scalars


def _laughs(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "nested deeper"),
        ("{a: " * 100_000, "nested deeper"),
        ("- " * 100_000, "nested deeper"),
        ("a: &a [1, 2, 3]\nb:\n" + "- *a\n" * (MAX_NODES // 4), "with what its aliases stand for"),
        (_laughs(50), "with what its aliases stand for"),
        ("- a\n" * (MAX_NODES + 1), "values"),
        (
            "\n".join(["a: &a0 {" + ", ".join(f"k{n}: 1" for n in range(2000)) + "}", "b: {<<: *a0}"]),
            "merged fields",
        ),
    ],
    ids=["flow-lists", "flow-maps", "block-lists", "aliases", "laughs", "values", "merges"],
)
def test_a_file_that_is_too_much_is_refused(text: str, message: str) -> None:
    refused = list(documents(text))[-1]
    assert isinstance(refused, BrokenDocument)
    assert message in refused.message


def test_what_aliases_stand_for_may_be_as_much_as_could_be_written_out() -> None:
    text = "a: &a [1, 2, 3]\nb:\n" + "- *a\n" * (MAX_NODES // 4 - 10)
    assert isinstance(only(text), MapNode)


def test_a_file_of_very_many_broken_documents_is_not_read_to_its_end() -> None:
    found = list(documents("---\na: [\n" * (MAX_BROKEN_DOCUMENTS + 5)))
    assert len(found) == MAX_BROKEN_DOCUMENTS + 1
    assert isinstance(found[-1], BrokenDocument)
    assert found[-1].place == Place(2 * MAX_BROKEN_DOCUMENTS + 1, 1)
    assert "the rest was not read" in found[-1].message


def test_depth_that_is_allowed_is_read() -> None:
    assert isinstance(only("[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)), ListNode)
