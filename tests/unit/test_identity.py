"""Ids of rows: each names one row in one state, and is read back as that."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypedDict, cast

import pytest
from graphql import GraphQLObjectType
from hypothesis import given
from hypothesis import strategies as st

from api.graphql.execution.request_context import RequestContext
from api.graphql.identity import RowReference, id_look_up, past_row, read_id, reject_past_id, row_reference
from api.graphql.schema import build_schema
from api.position_seal import PositionSeal
from domain.kernel import Catalog
from domain.kernel.errors import DeclarationError, ValidationFailed
from eventstore.place import Place
from projections.kernel.view import View
from tests.helpers.own_contexts import OWN, own_schema

CATALOG, VIEWS = OWN
BY_NAME = {view.name: view for view in VIEWS}
SEAL = PositionSeal(bytes(range(32)))


class Tenant:
    """Seals positions as a request does."""

    def seal(self, place: Place) -> str:
        return SEAL.seal("a", place)

    def try_open(self, sealed: str) -> Place | None:
        return SEAL.try_open("a", sealed)


CONTEXT = cast(RequestContext, Tenant())


def id_of(view: View[Any], key: str, position: int | None) -> str:
    """The id that the API shows for a row."""
    row: dict[str, Any] = {"id": key}
    if position is not None:
        row = past_row(view, row, position, CONTEXT)
    shown: str = id_look_up(view)(row, None)
    return shown


streams = st.builds(
    lambda category, rest: (BY_NAME[category], f"{BY_NAME[category].singular}-{rest}"),
    st.sampled_from(["tasks", "agents", "workflows"]),
    st.from_regex(r"[A-Za-z0-9._:-]{1,9}", fullmatch=True),
)
others = st.tuples(
    st.sampled_from([BY_NAME["meters"], BY_NAME["step_times"], BY_NAME["task_days"]]),
    st.text(max_size=9)
    | st.sampled_from(["Meter:x", "task-1", f"task-1@{SEAL.seal('a', Place(7))}"])
    | st.builds(lambda place: f"Meter@{SEAL.seal('a', Place(place))}:x", st.integers(1, 9)),
)
rows = st.tuples(streams | others, st.none() | st.integers(1, 9))


@given(rows)
def test_an_id_is_read_as_the_row_that_it_is_of(row: tuple[tuple[View[Any], str], int | None]) -> None:
    (view, key), position = row
    shown = id_of(view, key, position)
    assert read_id(view, shown, CONTEXT) == row_reference(view, shown, CONTEXT) == RowReference(key, position)


@given(rows, rows)
def test_two_rows_or_two_states_of_one_have_two_ids(
    one: tuple[tuple[View[Any], str], int | None], other: tuple[tuple[View[Any], str], int | None]
) -> None:
    """Relay keeps objects by their ids alone, whatever their types."""
    same = (one[0][0].name, *one[0][1:], one[1]) == (other[0][0].name, *other[0][1:], other[1])
    assert (id_of(*one[0], one[1]) == id_of(*other[0], other[1])) == same


@given(rows)
def test_an_id_of_the_past_is_refused_where_only_the_row_can_be_meant(
    row: tuple[tuple[View[Any], str], int | None],
) -> None:
    (view, key), position = row
    if position is None:
        return
    with pytest.raises(ValidationFailed, match="is the id of a past state of") as refused:
        reject_past_id(id_of(view, key, position), CONTEXT, "input", "id")
    assert refused.value.path == ("input", "id")
    assert str(refused.value).endswith(f"use {key!r} instead")


def test_c13_every_type_with_an_id_is_a_node() -> None:
    schema = own_schema()
    objects = [kind for kind in schema.type_map.values() if isinstance(kind, GraphQLObjectType)]
    with_id = {kind.name for kind in objects if "id" in kind.fields}
    nodes = {kind.name for kind in objects if "Node" in [one.name for one in kind.interfaces]}
    assert with_id == nodes == {"DeadLetter", "Event", *(view.type_name for view in VIEWS)}


class Line(TypedDict):
    """An object inside a row; another row may have one with the same id."""

    id: str


class OrderRow(TypedDict):
    id: str
    lines: list[Line]


def test_an_object_inside_a_row_with_an_id_is_refused() -> None:
    view = replace(BY_NAME["meters"], row=OrderRow, filters=(), orders=())
    with pytest.raises(DeclarationError, match="Line is part of a row and has a field 'id'"):
        build_schema(Catalog([view.context]), [view])
