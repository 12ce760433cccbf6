"""Checks of what a view declares, so that an author's mistake is found at start-up. Pure."""

from __future__ import annotations

import re
from keyword import iskeyword
from typing import TYPE_CHECKING, Any

from typing_extensions import is_typeddict

from domain.kernel.declaration_checks import check_arguments, check_pure
from domain.kernel.errors import DeclarationError
from domain.kernel.name_checks import check_name
from domain.kernel.types.annotations import Kind, OptionalOf, Scalar, record_type
from projections.kernel.links import ToMany, ToOne

if TYPE_CHECKING:
    from projections.kernel.view import View


def check_view(view: View[Any]) -> None:
    """Raise DeclarationError where the view's names, functions, row or lists of fields cannot be used."""
    name = view.name
    _check_names(view)
    check_pure(f"key of view {name!r}", view.key)
    check_pure(f"apply of view {name!r}", view.apply)
    check_arguments(f"key of view {name!r}", view.key, "event", own="")
    check_arguments(f"apply of view {name!r}", view.apply, "id", "row", "event", own="")
    if not is_typeddict(view.row) or "id" not in view.row.__annotations__:
        raise DeclarationError(f"the row of view {name!r} must be a TypedDict with a field 'id'")
    for field in ("filters", "orders", "search"):
        _check_list(f"{field} of view {name!r}", getattr(view, field))
    _check_list(f"indexes of view {name!r}", view.indexes, str | list | tuple)
    for index in view.indexes:
        _check_list(f"an index of view {name!r}", index)
    if isinstance(view.links, ToOne | ToMany):
        raise DeclarationError(
            f"links of view {name!r} must be a tuple; write ({type(view.links).__name__}(…),)"
        )
    _check_list(f"links of view {name!r}", view.links, ToOne | ToMany)


def _check_names(view: View[Any]) -> None:
    for what, name in (("name", view.name), ("singular", view.singular)):
        place = f"{what} of view {view.name!r}"
        check_name(place, name)
        if iskeyword(name):
            raise DeclarationError(f"{place}: {name!r} is a word of Python; choose another name")
        if name != name.lower():
            raise DeclarationError(
                f"{place} must be lower case, with '_' between words, as in {_lower(name)!r}, not {name!r}"
            )
        if not all(name.split("_")):
            raise DeclarationError(
                f"{place}: put one '_' between two words, and none at the end, not {name!r}"
            )

    if view.name == view.singular:
        raise DeclarationError(
            f"view {view.name!r} has the same name and singular; choose a name for the list, such as "
            f"'all_{view.name}'"
        )


def _lower(name: str) -> str:
    """Return a name in lower case: ``task_days`` for ``taskDays``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _check_list(place: str, value: Any, items: Any = str) -> None:
    """Refuse a text where a tuple is meant: the comma that makes a tuple of one is easily forgotten."""
    if isinstance(value, str):
        raise DeclarationError(f'{place} must be a tuple, not the text {value!r}; write ("{value}",)')
    if not isinstance(value, tuple) or not all(isinstance(item, items) for item in value):
        raise DeclarationError(f'{place} must be a tuple, as in ("name",), not {value!r}')


def check_row_id(view: View[Any]) -> None:
    """Raise DeclarationError where the field `id` of the row is not a text."""
    row: Any = view.row
    declared = record_type(row).fields["id"].type
    if isinstance(declared, OptionalOf) or not isinstance(declared, Scalar) or declared.kind is not Kind.TEXT:
        raise DeclarationError(f"{row.__name__}.id must be a text; write `id: str`")
