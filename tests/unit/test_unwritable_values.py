"""A stored value that cannot be written nulls its own field, and the error says that it is the server's."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

import pytest
from graphql import GraphQLSchema, execute, parse, print_type
from typing_extensions import TypedDict

from api.graphql.error_bodies import error_body
from api.graphql.execution.core_executor import OperationExecutor
from api.graphql.execution.selection_tree import SelectionTree
from api.graphql.execution.value_writers import FieldWriters
from api.graphql.schema import build_schema
from domain.kernel import Catalog, Int32, Int64, RecordedEvent
from domain.kernel.errors import UnfitValue
from domain.kernel.types.stored_values import encoder
from projections.kernel import View, by_stream
from tests.helpers.notes import context


class Part(TypedDict):
    """A part of an account."""

    amount: int


class AccountRow(TypedDict):
    """Sums of all sizes."""

    id: str
    total: int
    totals: list[int]
    parts: list[Part]
    wide: Int64
    small: Int32


def fold(_id: str, row: AccountRow | None, _event: RecordedEvent) -> AccountRow | None:
    return row


VIEW = View(name="accounts", singular="account", context=context, row=AccountRow, key=by_stream, apply=fold)
LARGE = 3_000_000_000


@cache
def schema() -> GraphQLSchema:
    """Return the schema of the view, built once and not by each process that collects tests."""
    return build_schema(Catalog([context]), [VIEW])


def rows(**changed: Any) -> list[dict[str, Any]]:
    row: dict[str, Any] = {"id": "a", "total": 1, "totals": [1], "parts": [{"amount": 1}], "wide": 2**63 - 1}
    return [{**row, "small": 7}, {**row, "small": 7, "id": "b", **changed}]


def listed(selection: str, found: list[dict[str, Any]]) -> tuple[Any, list[dict[str, Any]]]:
    """The data and errors of a list of rows."""
    declared = cast(Any, schema().type_map["Query"]).fields["accounts"]
    resolver = declared.resolve
    declared.resolve = lambda *_, **__: {"rows": found, "cursor": lambda row: row["id"]}
    try:
        document = parse(f"{{ accounts {{ nodes {{ {selection} }} }} }}")
        writers = FieldWriters(SelectionTree(schema(), document))
        outcome: Any = execute(
            schema(),
            document,
            executor_class=OperationExecutor,
            writers=writers,
        )
    finally:
        declared.resolve = resolver
    return outcome.data, [error_body(error) for error in outcome.errors or ()]


@pytest.mark.parametrize(
    ("selection", "changed", "written", "path"),
    [
        ("total", {"total": LARGE}, {"total": None}, ["total"]),
        ("totals", {"totals": [1, LARGE]}, {"totals": None}, ["totals", 1]),
        (
            "parts { amount }",
            {"parts": [{"amount": LARGE}]},
            {"parts": [{"amount": None}]},
            ["parts", 0, "amount"],
        ),
    ],
)
def test_a4_an_int_beyond_32_bits_nulls_its_own_field(
    selection: str, changed: dict[str, Any], written: dict[str, Any], path: list[Any]
) -> None:
    data, errors = listed(f"id {selection}", rows(**changed))
    assert [row["id"] for row in data["accounts"]["nodes"]] == ["Account:a", "Account:b"]
    assert data["accounts"]["nodes"][1] == {"id": "Account:b", **written}
    (error,) = errors
    assert error["path"] == ["accounts", "nodes", 1, *path]
    assert error["extensions"]["code"] == "INTERNAL"
    assert error["extensions"]["traceId"]
    assert "Int64" in error["message"]
    assert str(LARGE) not in error["message"]


def test_a4_64_bits_have_a_scalar_of_their_own() -> None:
    data, errors = listed("wide", rows(wide=-(2**63)))
    assert data == {"accounts": {"nodes": [{"wide": str(2**63 - 1)}, {"wide": str(-(2**63))}]}}
    assert errors == []


def test_a4_only_what_may_exceed_32_bits_can_be_null() -> None:
    fields = [line.strip() for line in print_type(schema().type_map["Account"]).splitlines()]
    assert {"total: Int", "totals: [Int!]", "parts: [Part!]!", "wide: Int64!", "small: Int!"} <= set(fields)


def test_a4_a_row_with_32_bits_is_refused_where_it_exceeds_them() -> None:
    """So that what is declared Int32 is never null."""
    encode = encoder(VIEW.record)
    assert encode is not None
    encode(rows()[0])
    with pytest.raises(UnfitValue, match=r"small: an Int32 has 32 bits"):
        encode(rows(small=LARGE)[1])
