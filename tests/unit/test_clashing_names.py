"""Two declarations that would share a name in the API or in MongoDB are refused at start, with both named."""

from __future__ import annotations

from typing import Any, TypedDict

import pytest
from pydantic import BaseModel

from api.graphql.schema import print_api
from domain.kernel import Aggregate, Catalog, ChangeCommand, Context, CreateCommand
from domain.kernel.errors import DeclarationError
from projections.kernel import View
from tests.helpers.mistakes import Begin, Begun, Sheet

MODULE = __name__


class FirstRow(TypedDict):
    id: str


class SecondRow(TypedDict):
    id: str


class Date(BaseModel):
    """A class with the name of one of nerve's scalars."""

    day: int


class DateRow(TypedDict):
    id: str
    due: Date


class DateTwo(CreateCommand):
    """Has a field of that class."""

    due: Date


def fold(id: str, row: Any, event: Any) -> Any:
    return row


SHEETS = Context("sheets", Sheet)


def view(name: str, singular: str, row: Any = FirstRow) -> View[Any]:
    return View(name=name, singular=singular, context=SHEETS, row=row, apply=fold)


def row_of(**fields: Any) -> Any:
    """A TypedDict with these fields and an id."""
    make: Any = TypedDict
    return make("Row", {"id": str, **fields})


def refused(*views: View[Any], context: Context = SHEETS) -> str:
    with pytest.raises(DeclarationError) as error:
        print_api(Catalog([context]), views)
    text = str(error.value)
    assert "\n" not in text
    return text


def test_two_views_whose_lists_have_one_name_in_the_api_are_refused() -> None:
    assert refused(view("page_1", "leaf"), view("page1", "sheet", SecondRow)) == (
        f"view 'page_1' ({MODULE}.FirstRow) and view 'page1' ({MODULE}.SecondRow) would both be the field "
        "page1 of Query; give one of them another name"
    )


def test_a_list_and_a_row_of_one_name_are_refused() -> None:
    text = refused(view("leaves", "leaf"), view("leaf", "page", SecondRow))
    assert "view 'leaves'" in text
    assert "view 'leaf'" in text
    assert "would both be the field leaf of Query" in text


def test_a_view_needs_two_names() -> None:
    text = "view 'sheep' has the same name and singular; choose a name for the list, such as 'all_sheep'"
    with pytest.raises(DeclarationError, match=text):
        view("sheep", "sheep")


@pytest.mark.parametrize("name", ["events", "node", "dead_letters", "view_status", "sheet_history"])
def test_a_view_with_the_name_of_a_field_of_nerve_is_refused(name: str) -> None:
    text = refused(view("sheets", "sheet"), view(name, "leaf", SecondRow))
    assert f"view {name!r} ({MODULE}.SecondRow)" in text
    assert "of Query" in text


def test_a_field_that_every_api_has_is_named() -> None:
    assert refused(view("events", "leaf")) == (
        f"view 'events' ({MODULE}.FirstRow) cannot be the field events of Query, which nerve has already; "
        "give it another name"
    )


def test_two_mutations_of_one_name_are_refused() -> None:
    one = type("Begin_", (ChangeCommand,), {"__module__": MODULE, "__doc__": "Begin."})
    assert refused(context=Context("sheets", _with_commands(Begin, one))) == (
        f"command tests.helpers.mistakes.Begin and command {MODULE}.Begin_ would both be the field begin of "
        "Mutation; give one of them another name"
    )


@pytest.mark.parametrize("name", ["Invoices", "taskDays", "INVOICES"])
def test_a_name_with_capitals_is_refused(name: str) -> None:
    with pytest.raises(DeclarationError, match=rf"name of view '{name}' must be lower case, .* not '{name}'"):
        view(name, "leaf")


def test_a_class_with_the_name_of_a_scalar_is_refused() -> None:
    expected = f"{MODULE}.Date cannot be the GraphQL type Date, which nerve has already; give it another name"
    assert refused(view("sheets", "sheet", DateRow)) == expected
    text = refused(view("dates", "date"))
    assert text.startswith("view 'dates' ")
    assert "GraphQL type Date, which nerve" in text


def test_two_types_that_are_derived_with_one_name_are_refused() -> None:
    text = refused(view("leaves", "leaf"), view("changes", "leaf_changed", SecondRow))
    assert text == (
        "two declarations would both be the GraphQL type LeafChanged; rename a view, command or class "
        "whose name it contains"
    )


@pytest.mark.parametrize("name", ["Version", "CaughtUp", "Receipt", "PageInfo", "SheetHistoryEntry"])
def test_a_class_with_the_name_of_another_type_is_refused(name: str) -> None:
    made = type(name, (BaseModel,), {"__module__": MODULE, "__annotations__": {"day": int}})
    assert f"GraphQL type {name}" in refused(view("sheets", "sheet", row_of(part=made)))


def test_two_classes_of_one_type_are_refused_with_what_to_do() -> None:
    other = type("Date2", (BaseModel,), {"__module__": "elsewhere", "__annotations__": {"day": int}})
    other.__name__ = other.__qualname__ = "Part"
    mine = type("Part", (BaseModel,), {"__module__": MODULE, "__annotations__": {"day": int}})
    assert refused(view("sheets", "sheet", row_of(a=mine, b=other))) == (
        f"{MODULE}.Part and elsewhere.Part would both be the GraphQL type Part; give one of them another name"
    )


def _with_commands(*commands: type[Any]) -> Any:
    union: Any = commands[0]
    for command in commands[1:]:
        union |= command
    return type("Made", (Sheet,), {"__orig_bases__": (Aggregate[union, Begun],)})
