"""Inputs of commands of every declared type, and the paths and words of what is wrong in them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, get_args
from uuid import UUID

import pytest
from graphql import GraphQLSchema, execute, parse, print_type, validate
from pydantic_core.core_schema import ErrorType

from api.graphql.fields.command_inputs import read_command
from api.graphql.schema import build_schema
from domain.kernel import (
    Catalog,
)
from domain.kernel.errors import ValidationFailed
from domain.kernel.input_messages import input_message
from tests.helpers.foreign_words import FOREIGN
from tests.helpers.input_types import (
    Card,
    Cash,
    Colour,
    Grade,
    Make,
    Node,
    context,
    view,
)


@cache
def input_schema() -> GraphQLSchema:
    """Return the schema of the context, built once and not by each process that collects tests."""
    return build_schema(Catalog([context]), [view])


def received(literal: str, schema: GraphQLSchema | None = None, **variables: Any) -> dict[str, Any]:
    """The input that the resolver of `make` is given."""
    schema = schema or input_schema()
    given: dict[str, Any] = {}
    declared = schema.type_map["Mutation"].fields["make"]  # type: ignore[attr-defined]
    resolver = declared.resolve
    declared.resolve = lambda _root, _info, **arguments: given.update(arguments)
    heads = {"v": "MakeInput!"}
    head = ", ".join(f"${name}: {heads[name]}" for name in variables)
    document = parse(
        f"mutation {f'({head})' if head else ''} {{ make(input: {literal}) {{ receipt {{ stream }} }} }}"
    )
    try:
        assert validate(schema, document) == []
        outcome: Any = execute(schema, document, variable_values=variables)
        assert outcome.errors in (None, []), outcome.errors
    finally:
        declared.resolve = resolver
    found: dict[str, Any] = given["input"]
    return found


def made(literal: str) -> Make:
    return read_command(Make, received(literal), "input")


CASES: list[tuple[str, str, Any]] = [
    ("wide", '"9223372036854775807"', 2**63 - 1),
    ("wide", "-9223372036854775808", -(2**63)),
    ("whole", "2147483647", 2**31 - 1),
    ("real", "1", 1.0),
    ("price", '"12.50"', Decimal("12.50")),
    ("price", "12.50", Decimal("12.50")),
    ("at", '"2026-01-31T13:00:00.1239+01:00"', datetime(2026, 1, 31, 12, 0, 0, 123_000, tzinfo=UTC)),
    ("due", '"2026-01-31t12:00:00z"', datetime(2026, 1, 31, 12, tzinfo=UTC)),
    ("day", '"2026-01-31"', date(2026, 1, 31)),
    ("ofDay", '"12:30:00.25"', time(12, 30, 0, 250_000)),
    ("lasts", '"PT36H"', timedelta(1.5)),
    ("serial", '"3F2B8C9E-4d1a-4c55-9a0e-7f1c2d3e4f50"', UUID("3f2b8c9e-4d1a-4c55-9a0e-7f1c2d3e4f50")),
    ("blob", '"/+8="', b"\xff\xef"),
    ("colour", "GREEN", Colour.GREEN),
    ("grades", "[BAD, GOOD, BAD]", frozenset({Grade.GOOD, Grade.BAD})),
    ("side", '"right"', "right"),
    ("payment", '{card: {holderName: "Ada"}}', Card(holder_name="Ada")),
    ("payment", '{cash: {kind: "coins", amounts: ["1.0", 2]}}', Cash("coins", (Decimal("1.0"), Decimal(2)))),
    ("sizes", "[{widthIn: 2}]", ({"width_in": 2.0},)),
    ("tree", '{label: "a", parts: [{label: "b"}]}', Node(label="a", parts=[Node(label="b")])),
    ("pair", '["a", "1.50"]', ("a", Decimal("1.50"))),
    ("point", "[1, 2.5]", (1.0, 2.5)),
    ("prices", "{r: [{widthIn: 1}, null]}", {Colour.RED: [{"width_in": 1.0}, None]}),
    ("moments", '{a_b: "2026-01-31T12:00:00Z"}', {"a_b": datetime(2026, 1, 31, 12, tzinfo=UTC)}),
    ("extra", "{a_b: [1, {c: null}]}", {"a_b": [1, {"c": None}]}),
]


@pytest.mark.parametrize(("name", "literal", "value"), CASES)
def test_a8_an_input_of_every_type_is_read(name: str, literal: str, value: Any) -> None:
    command = made(f"{{{name}: {literal}}}")
    field = {"ofDay": "of_day"}.get(name, name)
    found = getattr(command, field)
    assert found == value
    assert type(found) is type(value)
    if isinstance(value, Decimal):
        assert found.as_tuple() == value.as_tuple()


@pytest.mark.parametrize(
    ("literal", "path"),
    [
        ('{price: "-1"}', ["input", "price"]),
        ('{price: "1.2345678"}', ["input", "price"]),
        ('{side: "up"}', ["input", "side"]),
        ('{payment: {card: {holderName: "Charles"}}}', ["input", "payment", "card", "holderName"]),
        ('{payment: {cash: {kind: "note", amounts: []}}}', ["input", "payment", "cash", "kind"]),
        ('{pair: ["a"]}', ["input", "pair"]),
        ('{pair: ["a", "b"]}', ["input", "pair", 1]),
        ("{pair: [{}, 1]}", ["input", "pair", 0]),
        ("{point: [1]}", ["input", "point", 1]),
        ("{point: [1, 2, 3]}", ["input", "point"]),
        ("{prices: {blue: []}}", ["input", "prices", "blue"]),
        ("{prices: {r: [{widthIn: 1}, {width_in: 1}]}}", ["input", "prices", "r", 1, "width_in"]),
        ("{prices: {r: [{widthIn: {}}]}}", ["input", "prices", "r", 0, "widthIn"]),
        ("{prices: [1]}", ["input", "prices"]),
        ('{moments: {a_b: "now"}}', ["input", "moments", "a_b"]),
        ("{extra: {a_b: 1e999}}", ["input", "extra"]),
        ('{moments: {_ref: "now"}}', ["input", "moments", "_ref"]),
        ('{checked: "bad"}', ["input", "checked"]),
        ('{id: "x"}', ["input", "id"]),
    ],
)
def test_c7_what_is_wrong_is_named_as_clients_know_it(literal: str, path: list[str | int]) -> None:
    with pytest.raises(ValidationFailed) as refused:
        made(literal)
    assert [str(part) if isinstance(part, str) else part for part in shown(refused.value)] == path
    assert not FOREIGN.search(str(refused.value)), str(refused.value)
    assert str(refused.value).startswith(".".join(map(str, path)))


def shown(error: ValidationFailed) -> list[str | int]:
    from graphql import GraphQLError

    from api.graphql.error_bodies import error_body

    path: list[str | int] = error_body(GraphQLError("x", original_error=error))["extensions"]["path"]
    return path


def test_a8_types_of_inputs() -> None:
    assert print_type(input_schema().type_map["MakeInput"]).splitlines()[2:-1] == [
        '  """Made by the server when left out."""',
        "  id: ID",
        "  wide: Int64",
        "  whole: Int",
        "  real: Float",
        "  price: Decimal",
        "  at: DateTime",
        "  due: DateTime",
        "  day: Date",
        "  ofDay: Time",
        "  lasts: Duration",
        "  serial: UUID",
        "  blob: Bytes",
        "  colour: Colour = RED",
        "  grades: [Grade!] = []",
        '  side: String = "left"',
        "  payment: CardOrCashInput",
        "  sizes: [SizeInput!] = []",
        "  tree: NodeInput",
        "  pair: JSON",
        "  counts: [Int] = [7, null]",
        "  large: [Int!]",
        "  point: [Float!]",
        "  prices: JSON",
        "  moments: JSON",
        "  extra: JSON",
        '  checked: String = ""',
    ]


def test_a8_types_of_records_in_inputs() -> None:
    assert print_type(input_schema().type_map["CardOrCashInput"]).splitlines() == [
        "input CardOrCashInput @oneOf {",
        "  card: CardInput",
        "  cash: CashInput",
        "}",
    ]
    assert print_type(input_schema().type_map["CardInput"]).splitlines()[-2:] == [
        "  holderName: String!",
        "}",
    ]
    assert print_type(input_schema().type_map["SizeInput"]).splitlines()[-3:-1] == [
        "  widthIn: Float!",
        "  unit: String",
    ]
    assert print_type(input_schema().type_map["NodeInput"]).splitlines()[-3:-1] == [
        "  label: String!",
        "  parts: [NodeInput!] = []",
    ]


@pytest.mark.parametrize("kind", get_args(ErrorType))
def test_c7_no_message_about_an_input_has_words_of_a_library(kind: str) -> None:
    """All errors that pydantic knows, with what it knows of them."""
    names = "gt ge lt le multiple_of min_length max_length pattern expected expected_tags discriminator"
    names += " expected_version max_digits decimal_places whole_digits"
    context = dict.fromkeys(names.split(" "), "'a'")
    error: Any = {"type": kind, "loc": (), "msg": "Input should be a valid dictionary", "ctx": context}
    assert not FOREIGN.search(input_message(error)), input_message(error)
    assert "Input" not in input_message(error)
