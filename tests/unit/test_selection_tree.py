"""The fields that are collected from a document are the fields of graphql-core's response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from graphql import build_schema, execute_sync, parse, validate
from hypothesis import given
from hypothesis import strategies as st

from api.graphql.execution.selection_tree import SelectionSet, SelectionTree, condition_variables

SCHEMA = build_schema(
    """
    type Query { leaf: Int item: Item node: Node any: Any }
    interface Node { leaf: Int item: Item }
    type Item implements Node { leaf: Int own: Int item: Item node: Node any: Any }
    type Other implements Node { leaf: Int other: Int item: Item }
    union Any = Item | Other
    """
)
FIELDS: dict[str, dict[str, str | None]] = {
    "Query": {"leaf": None, "item": "Item", "node": "Node", "any": "Any", "__typename": None},
    "Node": {"leaf": None, "item": "Item", "__typename": None},
    "Item": {"leaf": None, "own": None, "item": "Item", "node": "Node", "any": "Any", "__typename": None},
    "Other": {"leaf": None, "other": None, "item": "Item", "__typename": None},
    "Any": {"__typename": None},
}
FRAGMENTS = {"Query": ("Query",), "Node": ("Node", "Item", "Other"), "Item": ("Item", "Node", "Any")}
FRAGMENTS |= {"Other": ("Other", "Node"), "Any": ("Any", "Item", "Other", "Node")}
CONCRETE = {"Query": "Query", "Item": "Item", "Node": "Item", "Any": "Other"}
"""The type of the objects that fields of each type return."""

CONDITIONS = (
    "",
    "@skip(if: $yes)",
    "@include(if: $no)",
    "@include(if: true) @skip(if: $no)",
    "@skip(if: true)",
)


class Text(NamedTuple):
    """A selection set, and the fragments that it spreads."""

    text: str
    fragments: tuple[str, ...]


@st.composite
def selection_sets(draw: st.DrawFn, declared: str = "Query", depth: int = 3) -> Text:
    """Fields under their names or others and fragments of both kinds, with conditions, merged at random."""
    parts: list[str] = []
    fragments: list[str] = []
    for _ in range(draw(st.integers(1, 4))):
        condition = draw(st.sampled_from(CONDITIONS))
        if depth and draw(st.booleans()):
            on = draw(st.sampled_from(FRAGMENTS[declared]))
            inner = draw(selection_sets(on, depth - 1))
            fragments += inner.fragments
            if draw(st.booleans()):
                parts.append(f"... on {on} {condition} {inner.text}")
            else:
                name = f"F{abs(hash((on, inner.text)))}"
                fragments.append(f"fragment {name} on {on} {inner.text}")
                parts.extend([f"...{name} {condition}"] * draw(st.integers(1, 2)))
            continue
        names = [name for name, inner_type in FIELDS[declared].items() if depth or inner_type is None]
        name = draw(st.sampled_from(names))
        alias = draw(st.sampled_from(["", f"{name}1: ".strip("_")]))
        inner_type = FIELDS[declared][name]
        inner = Text("", ()) if inner_type is None else draw(selection_sets(inner_type, depth - 1))
        fragments += inner.fragments
        parts.append(f"{alias}{name} {condition} {inner.text}")
    return Text("{" + " ".join(parts) + "}", tuple(fragments))


def value(typename: str, depth: int = 5) -> dict[str, Any]:
    """An object of the type, with objects inside it."""
    fields: dict[str, Any] = {"__typename": typename, "leaf": 1, "own": 2, "other": 3}
    if depth:
        fields |= {
            name: value(CONCRETE[inner_type], depth - 1)
            for name, inner_type in FIELDS[typename].items()
            if inner_type is not None
        }
    return fields


ROOT = value("Query")


def collected(
    tree: SelectionTree, selections: list[SelectionSet], source: Mapping[str, Any], variables: dict[str, bool]
) -> dict[str, Any]:
    """What a response has of an object, by the fields that the tree collects."""
    data: dict[str, Any] = {}
    declared: Any = SCHEMA.type_map[source["__typename"]]
    for field in tree.collect(selections, declared, variables):
        inner = source[field.field_name]
        data[field.name] = (
            collected(tree, list(field.selections), inner, variables) if isinstance(inner, dict) else inner
        )
        assert (field.definition is None) == (field.field_name == "__typename")
    return data


@given(selection=selection_sets(), yes=st.booleans(), no=st.booleans())
def test_the_collected_fields_are_those_of_a_response(selection: Text, yes: bool, no: bool) -> None:
    """graphql-core is the oracle: fragments, aliases, conditions, merged fields, and the order of all."""
    unique = " ".join(dict.fromkeys(selection.fragments))
    document = parse(f"query ($yes: Boolean!, $no: Boolean!) {selection.text} {unique}")
    errors = [error for error in validate(SCHEMA, document) if "is never used" not in error.message]
    assert errors == []
    variables = {"yes": yes, "no": no}
    result = execute_sync(SCHEMA, document, ROOT, variable_values=variables)
    tree = SelectionTree(SCHEMA, document)
    data = collected(tree, [tree.operations[None]], ROOT, variables)
    assert result.errors is None
    assert repr(data) == repr(result.data)


def test_the_variables_of_conditions_are_found_at_any_depth() -> None:
    document = parse("""query ($a: Boolean!, $b: Boolean!, $c: Boolean!) {
      item { item { leaf @include(if: $a) ...F } } leaf @skip(if: $c) }
      fragment F on Item { own @skip(if: $b) item @include(if: false) { leaf @skip(if: $c) } }""")
    tree = SelectionTree(SCHEMA, document)
    root = tree.operations[None]
    assert condition_variables([root]) == {"a", "b", "c"}
    [item, _] = tree.collect([root], SCHEMA.query_type, {})  # type: ignore[arg-type]
    assert condition_variables(item.selections) == {"a", "b"}


def test_a_fragment_stands_in_the_tree_once() -> None:
    """However often it is spread: fragments that double at each level make no tree larger than the text."""
    levels = 60
    fragments = "".join(
        f"fragment F{n} on Item {{ a: item {{ ...F{n + 1} }} b: item {{ ...F{n + 1} }} }} "
        for n in range(levels)
    )
    document = parse(
        f"{{ item {{ ...F0 }} }} {fragments} fragment F{levels} on Item {{ leaf @skip(if: $x) }}"
    )
    tree = SelectionTree(SCHEMA, document)
    assert condition_variables([tree.operations[None]]) == {"x"}
