"""Values of variables are coerced to every input type of the API as graphql-core coerces them."""

from __future__ import annotations

from random import Random
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    build_schema,
)
from graphql.utilities import coerce_input_value

from api.graphql.execution.input_coercers import input_coercer
from tests.helpers.own_contexts import own_schema

VALUES: tuple[Any, ...] = (
    None,
    "",
    "a",
    "1",
    0,
    1,
    -3,
    2.5,
    10**12,
    True,
    [],
    {},
    [None],
    ["a", 1],
    "2026-01-05T08:00:00Z",
    "P1D",
)
ROUNDS = 60

SCHEMA = """
input Either @oneOf { a: Int b: [String!] }
input Node { value: Int! = 3 next: Node tags: [[String!]] = [["x"]] either: Either kind: Kind }
enum Kind { ONE TWO }
type Query { node(node: Node): Int }
"""


class Values:
    """Random values that often fit a type."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def of(self, declared: Any, depth: int = 0) -> Any:
        if self._random.random() < 0.08:
            return self._random.choice(VALUES)
        if isinstance(declared, GraphQLNonNull):
            return self.of(declared.of_type, depth)
        if self._random.random() < 0.08:
            return None
        if isinstance(declared, GraphQLList):
            return [self.of(declared.of_type, depth + 1) for _ in range(self._random.randrange(3))]
        if isinstance(declared, GraphQLEnumType):
            return self._random.choice(list(declared.values))
        if isinstance(declared, GraphQLScalarType):
            return self._random.choice(VALUES)
        share = 0.9 if self._random.random() < 0.5 else 0.4 / (depth + 1)
        value = {
            name: self.of(field.type, depth + 1)
            for name, field in declared.fields.items()
            if self._random.random() < (share if depth < 4 else 0)
        }
        return {**value, "unknown": 1} if self._random.random() < 0.03 else value


def test_values_are_coerced_as_graphql_core_coerces_them() -> None:
    own, small = own_schema(), build_schema(SCHEMA)
    inputs = [
        declared
        for schema in (own, small)
        for declared in schema.type_map.values()
        if isinstance(declared, GraphQLInputObjectType)
    ]
    inputs += [small.type_map["Node"]] * 40  # type: ignore[list-item]
    values, fitting = Values(7), 0
    for declared in inputs:
        for wrapped in (declared, GraphQLNonNull(GraphQLList(GraphQLNonNull(declared)))):
            coerce = input_coercer(wrapped)
            for _ in range(ROUNDS):
                value = values.of(wrapped)
                expected = coerce_input_value(value, wrapped)
                assert repr(coerce(value)) == repr(expected), (declared.name, value)
                fitting += expected is not None and repr(expected) != "Undefined"
    assert fitting > 1_000
