"""What cannot be used is refused when it is declared, in one sentence with what to write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, make_dataclass
from enum import Enum
from typing import Any, NamedTuple, TypedDict

import pytest
from pydantic import BaseModel, create_model

from api.cli import run
from api.contexts import load_contexts
from api.graphql.type_map import TypeMap
from api.settings import Settings
from domain.dispatch.stream_checks import check_prefix
from domain.kernel import Catalog, Context, Event
from domain.kernel.errors import ConfigurationError, DeclarationError, ValidationFailed
from domain.kernel.types.annotations import record_type
from projections.kernel import View, by_stream
from projections.kernel.links import ToOne
from projections.kernel.view_checks import check_row_id
from tests.helpers.made_aggregates import aggregate
from tests.helpers.mistakes import Begin, Begun

SHEETS = Context("sheets", aggregate())


class SheetRow(TypedDict):
    id: str
    name: str


def fold(key: str, row: Any, event: Any) -> Any:
    return row


async def async_fold(key: str, row: Any, event: Any) -> Any:
    return row


async def async_key(event: Any) -> tuple[str, ...]:
    return ()


def view(name: str = "sheets", singular: str = "sheet", **members: Any) -> View[Any]:
    given = {"row": SheetRow, "key": by_stream, "apply": fold, **members}
    return View(name=name, singular=singular, context=SHEETS, **given)


class Clash(BaseModel):
    """A part of a row."""

    a_b: str
    aB: str


class ClashRow(TypedDict):
    id: str
    a_b: str
    aB: str


class ClashTuple(NamedTuple):
    a_b: str
    aB: str


class UmlautRow(TypedDict):
    größe: str


class ClashEvent(Event, type="clash.made"):
    name_of_it: str
    nameOfIt: str


@pytest.mark.parametrize(
    "python",
    [
        ClashRow,
        Clash,
        ClashTuple,
        make_dataclass("Part", [("a_b", str), ("aB", str)]),
    ],
)
def test_two_fields_of_one_name_in_the_api_are_refused(python: Any) -> None:
    name = python.__name__
    with pytest.raises(
        DeclarationError, match=rf"{name}\.a_b and {name}\.aB would both be 'aB'.*another name"
    ):
        record_type(python)


def test_two_event_fields_of_one_name_are_refused_at_start() -> None:
    with pytest.raises(DeclarationError, match=r"ClashEvent\.name_of_it and ClashEvent\.nameOfIt would both"):
        Catalog([Context("wrong", aggregate(Begin, ClashEvent))])


@pytest.mark.parametrize("field", ["filters", "orders", "search", "indexes"])
def test_a_text_in_place_of_a_tuple_is_refused(field: str) -> None:
    with pytest.raises(DeclarationError, match=rf'^{field} of view .sheets.*write \("name",\)$'):
        view(**{field: "name"})


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"filters": ("name",), "indexes": ("name",)}, r'^an index of view .sheets.*write \("name",\)$'),
        ({"filters": ["name"]}, "filters of view 'sheets' must be a tuple"),
        ({"orders": (1,)}, "orders of view 'sheets' must be a tuple"),
        ({"links": ToOne("other", "sheets", by="name")}, r"links of view 'sheets'.*write \(ToOne\(…\),\)"),
        ({"links": "name"}, "links of view 'sheets' must be a tuple"),
        ({"apply": async_fold}, "apply of view 'sheets' is asynchronous.*write `def`"),
        ({"key": async_key}, "key of view 'sheets' is asynchronous.*write `def`"),
        ({"apply": by_stream}, r"apply of view 'sheets' must take \(id, row, event\)"),
        ({"key": fold}, r"key of view 'sheets' must take \(event\)"),
        ({"name": "Läden"}, "name of view 'Läden'.*only letters a to z"),
        ({"singular": "my-sheet"}, "singular of view 'sheets'.*only letters a to z.*'my-sheet'"),
        ({"name": "as"}, "name of view 'as': 'as' is a word of Python"),
        ({"singular": "1sheet"}, "singular of view 'sheets'.*begin with a letter"),
        ({"singular": "sheet_"}, "singular of view 'sheets'.*between two words"),
    ],
)
def test_a_view_that_cannot_work_is_refused(members: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        view(**members)


def test_a_view_without_names_has_those_of_its_context() -> None:
    own = View(context=SHEETS, row=SheetRow, apply=fold)
    assert (own.name, own.singular, own.type_name, own.key) == ("sheets", "sheet", "Sheet", by_stream)


@pytest.mark.parametrize(
    ("category", "singular", "is_entity"),
    [("sheet", "sheet", True), ("worksheet", "work_sheet", True), ("sheet", "work_sheet", False)],
)
def test_rows_are_entities_if_the_view_is_named_after_the_category(
    category: str, singular: str, is_entity: bool
) -> None:
    sheets = Context("sheets", aggregate(category=category))
    assert View(context=sheets, row=SheetRow, apply=fold, singular=singular).is_entity is is_entity


def test_functions_of_views_may_have_other_parameters_with_defaults() -> None:
    assert view(apply=lambda *all: None, key=lambda event, other=None: ()).name == "sheets"


@pytest.mark.parametrize("annotation", [int, str | None, list[str]])
def test_an_id_that_is_no_text_is_refused(annotation: Any) -> None:
    made: Any = TypedDict
    row = made("Numbered", {"id": annotation})
    with pytest.raises(DeclarationError, match=r"Numbered\.id must be a text; write `id: str`"):
        check_row_id(row)


def _untyped() -> None:
    class Untyped(Event):
        name: str


def _with_type() -> None:
    class Typed(Event, type="typed.made"):
        type: str  # type: ignore[misc]


def _with_revision() -> None:
    class Typed(Event, type="typed.made"):
        revision: int = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (_untyped, r"Untyped has no event type; write `class Untyped\(Event, type="),
        (_with_type, r"Typed\.type: no field of an event can have this name"),
        (_with_revision, r"Typed\.revision: no field of an event can have this name"),
    ],
)
def test_an_event_that_cannot_work_is_refused(declare: Callable[[], None], message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        declare()


class BegunAgain(Event, type=Begun.type):
    """Has the type of another event."""


def test_two_events_of_one_type_are_named() -> None:
    with pytest.raises(DeclarationError, match=r"\.Begun and .*\.BegunAgain both are events of the type"):
        Catalog([Context("wrong", aggregate(Begin, Begun | BegunAgain))])


@pytest.mark.parametrize(
    "members", [{"decide": lambda self, command: []}, {"evolve": lambda self, event, more: self}]
)
def test_a_rule_with_other_parameters_is_refused(members: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError, match=r"Made\.(decide|evolve) must take .*`def"):
        Context("wrong", aggregate(**members))


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        (UmlautRow, r"UmlautRow\.größe: .*letters a to z"),
        (Enum("Tone", {"Ä": "a"}), r"Tone\.Ä: .*letters a to z"),
        (Enum("Tone", {"true": "a"}), r"Tone\.true: .*true, false or null.*TRUE"),
        (Enum("Tone", {"null": "a"}), r"Tone\.null: .*NULL"),
        (make_dataclass("Größe", [("name", str)]), r"Größe: .*letters a to z"),
    ],
)
def test_a_name_that_graphql_cannot_have_is_refused(annotation: Any, message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        TypeMap().of(annotation, "part", "Row")


def test_an_input_field_that_graphql_cannot_have_is_refused() -> None:
    with pytest.raises(DeclarationError, match=r"Make\.größe: .*letters a to z"):
        TypeMap().model_input(create_model("Make", größe=(str, ...)), "MakeInput")


class Lost(BaseModel):
    """Has an annotation that nothing defines."""

    name: str
    tone: list[Nowhere]  # type: ignore[name-defined]  # noqa: F821


class LostRow(TypedDict):
    id: str
    tone: Nowhere  # type: ignore[name-defined]  # noqa: F821


class Early(BaseModel):
    """Has a class that is defined further down."""

    late: Late


class Late(BaseModel):
    """Is defined after its use."""

    name: str


@pytest.mark.parametrize("python", [Lost, LostRow])
def test_an_undefined_annotation_is_named_with_its_field(python: Any) -> None:
    expected = rf"^{python.__name__}\.tone: Nowhere is not defined; define it .*, or import it$"
    with pytest.raises(DeclarationError, match=expected):
        record_type(python)


def test_a_class_that_is_defined_further_down_is_found() -> None:
    assert set(record_type(Early).fields) == {"late"}


@dataclass
class Undescribed:
    name: str


@dataclass
class Described:
    """What it is."""

    name: str


def test_a_dataclass_has_only_the_description_that_is_written() -> None:
    types = TypeMap()
    declared = [
        types.of(python, "part", "Row").__strawberry_definition__ for python in (Undescribed, Described)
    ]
    assert [each.description for each in declared] == [None, "What it is."]


def test_a_module_that_is_not_found_is_named_with_where_it_is_looked_for() -> None:
    with pytest.raises(ConfigurationError, match=r"no module 'nowhere_at_all'; .*checkout.*PYTHONPATH="):
        load_contexts(Settings(contexts=("nowhere_at_all",)))


def test_an_id_of_another_kind_is_named_with_the_right_article() -> None:
    with pytest.raises(ValidationFailed, match="is not the id of an invoice"):
        check_prefix("id", "invoice", "task-1")
    with pytest.raises(ValidationFailed, match="is not the id of a task"):
        check_prefix("id", "task", "invoice-1")


def test_a_wrong_declaration_is_one_sentence_with_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(_untyped)
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
