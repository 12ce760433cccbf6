"""Which variable of a subscription is its subscriber's cursor."""

from __future__ import annotations

import pytest
from graphql import parse

from api.graphql.execution.selection_tree import SelectionTree
from api.graphql.execution.shared_sources import cursor_variable
from tests.helpers.own_contexts import own_schema

SCHEMA = own_schema()


@pytest.mark.parametrize(
    ("text", "operation", "variable"),
    [
        ("subscription ($a: Position) { events(after: $a) { __typename } }", None, "a"),
        ("subscription ($a: Position = null) { x: events(after: $a, filter: {}) { __typename } }", None, "a"),
        ("subscription ($a: Position) { events { __typename } }", None, None),
        ("subscription { events(after: null) { __typename } }", None, None),
        ("subscription ($a: Position, $b: ID) { task(id: $b, after: $a) { __typename } }", None, "a"),
        ("subscription ($a: Position) { events(after: $a) { __typename @skip(if: $a) } }", None, None),
        (
            "subscription A($a: ID) { events(after: $a) { id } } query B($b: ID) { task(id: $b) { id } }",
            "A",
            "a",
        ),
        (
            "subscription A($a: ID) { events(after: $a) { id } } query B($a: ID) { task(id: $a) { id } }",
            "A",
            None,
        ),
    ],
)
def test_a_cursor_variable_is_used_as_a_cursor_and_for_nothing_else(
    text: str, operation: str | None, variable: str | None
) -> None:
    """Subscribers share a topic whatever its value; with another use it would change their results."""
    document = parse(text)
    tree = SelectionTree(SCHEMA, document)
    assert cursor_variable(document, tree.operations[operation]) == variable
