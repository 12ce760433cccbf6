"""Arguments of Context and View that cannot be used are refused in one sentence with what to write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

import pytest

from domain.kernel import Catalog, Context, Event, upcaster
from domain.kernel.errors import DeclarationError
from projections.kernel import View
from projections.kernel.view_checks import check_defaults
from tests.helpers.made_aggregates import aggregate
from tests.helpers.mistakes import Begin, Begun, Sheet
from tests.helpers.user_package import CONTEXT, VIEW, Package, refused

SHEETS = Context("sheets", Sheet)


class Row(TypedDict):
    id: str
    count: int


def fold(id: str, row: Any, event: Any) -> Any:
    return row


def view(**changed: Any) -> View[Any]:
    return View(**{"context": SHEETS, "row": Row, "apply": fold, **changed})


@upcaster("sheet.begun", 1)
def begun_1(data: Mapping[str, Any]) -> dict[str, Any]:
    return {**data}


@upcaster("sheet.gone", 1)
def gone_1(data: Mapping[str, Any]) -> dict[str, Any]:
    return {**data}


class BegunTwice(Event, type="sheet.begun", revision=2):
    text: str


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("Sheets", Sheet), r'must be in lower case, as in Context\("notes", Note\), not \'Sheets\''),
        ((Sheet, "sheets"), r"must be in lower case, .*not <class"),
        (("sheets", "Sheet"), r"'sheets' needs the class of its aggregate, .*not 'Sheet'$"),
        (("sheets", Sheet()), r"'sheets' needs the class of its aggregate, .*not a value of class Sheet$"),
        (("sheets", Begun), r"'sheets' needs the class of its aggregate, .*not the class Begun$"),
        (("sheets", Sheet, begun_1), r"upcasters .*must be a tuple .*not a value of class Upcaster$"),
        (("sheets", Sheet, (begun_1.function,)), r"upcasters .*must be a tuple of functions with @upcaster"),
    ],
)
def test_a_context_of_other_arguments_is_refused(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        Context(*arguments)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"context": "sheets"}, r"context of view '' must be the Context .*not 'sheets'$"),
        ({"context": Sheet, "name": "all"}, r"context of view 'all' must be .*not the class Sheet$"),
        ({"also_reads": SHEETS}, r"also_reads of view 'sheets' must be a tuple of contexts, as in"),
        ({"also_reads": ("sheets",)}, r"also_reads of view 'sheets' must be a tuple of contexts"),
        ({"filters": ("cont",)}, r"filters of view 'sheets' has 'cont', .*its fields are id, count$"),
        ({"orders": ("cont",)}, r"orders of view 'sheets' has 'cont', .*its fields are id, count$"),
        ({"search": ("cont",)}, r"search of view 'sheets' has 'cont', .*its fields are id, count$"),
        ({"defaults": {"cont": 1}}, r"defaults of view 'sheets' has 'cont', .*its fields are id, count$"),
        ({"indexes": (("count",),)}, r"indexes of view 'sheets' has 'count', .*add it to filters or orders$"),
    ],
)
def test_a_view_of_other_arguments_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        view(**changed)


def test_a_default_of_another_type_is_refused_at_start(package: Package) -> None:
    with pytest.raises(DeclarationError, match=r"the default of 'count': expected an integer"):
        check_defaults("sheets", Row, {"count": "many"})
    package.write("shop", CONTEXT)
    wrong = VIEW.replace("id: str\n", "id: str\n    count: int\n").replace(
        "apply=apply", 'apply=apply, defaults={"count": "many"}'
    )
    name = package.write("views", wrong)
    assert refused(name) == (
        f"contexts: {name}: view 'shops': the default of 'count': expected an integer, not a value of class "
        "str"
    )


def test_a_category_with_a_type_is_refused() -> None:
    @dataclass(frozen=True, slots=True)
    class Typed(Sheet):
        category: str = "sheet"  # type: ignore[misc]

    expected = r'Typed\.category is declared as a field .* leave its type out: write `category = "note"`'
    with pytest.raises(DeclarationError, match=expected):
        Context("sheets", Typed)


def test_swapped_and_foreign_members_of_an_aggregate_are_named_with_what_to_write() -> None:
    order = r"write class Made\(Aggregate\[its commands, its events\]\)"
    with pytest.raises(DeclarationError, match=f"declares the command .*Begun.*{order}"):
        Context("sheets", aggregate(Begun, Begin))
    with pytest.raises(DeclarationError, match="derive it from CreateCommand, ChangeCommand or PutCommand"):
        Context("sheets", aggregate(Row))
    with pytest.raises(DeclarationError, match=r"derive it from Event, as in class NoteWritten"):
        Context("sheets", aggregate(Begin, Row))


def test_upcasters_that_are_missing_or_of_no_event_are_named_with_what_to_write() -> None:
    with pytest.raises(DeclarationError, match=r"upcaster of 'sheet\.gone', .*its events are sheet\.begun$"):
        Catalog([Context("sheets", aggregate(), (gone_1,))])
    expected = r"leads from revision 1; write `@upcaster\('sheet\.begun', 1\)` above a function"
    with pytest.raises(DeclarationError, match=expected):
        Catalog([Context("sheets", aggregate(Begin, BegunTwice))])


def test_a_command_that_no_aggregate_handles_is_refused(package: Package) -> None:
    lonely = CONTEXT.replace(
        "ShopCommand = Open", "class Move(ChangeCommand):\n    pass\n\nShopCommand = Open", 1
    )
    name = package.write("shop", lonely)
    assert refused(name) == (
        f"contexts: {name}: {name}.Move is a command that no aggregate handles, so the API has no mutation "
        "for it; add it to the commands of Shop, or remove it"
    )


def test_a_base_class_of_commands_is_accepted(package: Package) -> None:
    based = CONTEXT.replace(
        "class Shut(ChangeCommand)", "class Base(ChangeCommand):\n    pass\n\nclass Shut(Base)", 1
    )
    name = package.write("views", VIEW.replace("{package}.shop", "{package}.based"))
    package.write("based", based)
    with pytest.raises(pytest.fail.Exception):
        refused(name)


def test_a_reference_to_a_category_of_no_context_is_refused(package: Package) -> None:
    refers = (
        CONTEXT.replace(
            "class Shut(ChangeCommand):\n    pass",
            'class Shut(ChangeCommand):\n    by: Annotated[Identifier, Refers("person")]',
        )
        .replace("import Literal,", "import Annotated, Literal,")
        .replace("Facts", "Facts, Identifier, Refers", 1)
    )
    name = package.write("shop", refers)
    assert refused(name) == (
        f"{name}.Shut.by refers to the category 'person', which no registered context has: add its module to "
        "`contexts`, or refer to one of access, apikey, deadletter, shop, tenant, webhook"
    )


def test_a_package_and_a_path_are_answered_with_the_name_of_a_module(package: Package) -> None:
    package.write("__init__", "")
    name = package.write("shop", CONTEXT)
    assert refused(package.name).endswith(f"; or name a module of this package, such as {name}")
    assert refused(f"{package.name}/shop.py") == (
        f"contexts: '{package.name}/shop.py' is not the name of a module; write it with dots, as in {name}"
    )
    assert "'json'" in refused("json")
