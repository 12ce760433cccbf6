"""Checks of a view's declaration, so that an author's mistake is found at start-up. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from keyword import iskeyword
from typing import Any

from typing_extensions import is_typeddict

from domain.kernel import Context
from domain.kernel.access import check_access
from domain.kernel.declaration_checks import check_arguments, check_pure, shown
from domain.kernel.errors import DeclarationError, UnfitValue
from domain.kernel.name_checks import check_name
from domain.kernel.types.annotations import Kind, OptionalOf, Scalar, record_type
from domain.kernel.types.stored_values import encoder
from projections.kernel.links import ToMany, ToOne


def check_contexts(view: str, context: Any, also_reads: Any) -> None:
    """Raise DeclarationError if `context` is no context, or `also_reads` no tuple of contexts."""
    if not isinstance(context, Context):
        raise DeclarationError(
            f"context of view {view!r} must be the Context whose events it reads, as in "
            f"context=notes.context, not {shown(context)}"
        )
    place = f"also_reads of view {view or context.name!r}"
    if not isinstance(also_reads, tuple) or not all(isinstance(each, Context) for each in also_reads):
        raise DeclarationError(
            f"{place} must be a tuple of contexts, as in also_reads=(notes.context,), not {shown(also_reads)}"
        )


def check_names(name: str, singular: str) -> None:
    """Raise DeclarationError if a view cannot have these names in the API."""
    for what, text in (("name", name), ("singular", singular)):
        place = f"{what} of view {name!r}"
        check_name(place, text)
        if iskeyword(text):
            raise DeclarationError(f"{place}: {text!r} is a word of Python; choose another name")
        if text != text.lower():
            raise DeclarationError(
                f"{place} must be lower case, with '_' between words, as in {_lower(text)!r}, not {text!r}"
            )
        if not all(text.split("_")):
            raise DeclarationError(
                f"{place}: put one '_' between two words, and none at the end, not {text!r}"
            )
    if name == singular:
        raise DeclarationError(
            f"view {name!r} has the same name and singular; choose a name for the list, such as 'all_{name}'"
        )


def check_functions(view: str, key: Any, apply: Any) -> None:
    """Raise DeclarationError if a view of this name cannot call its functions."""
    check_pure(f"key of view {view!r}", key)
    check_pure(f"apply of view {view!r}", apply)
    check_arguments(f"key of view {view!r}", key, "event", own="")
    check_arguments(f"apply of view {view!r}", apply, "id", "row", "event", own="")


def check_row(view: str, row: Any) -> None:
    """Raise DeclarationError if the class is no TypedDict for the rows of a view of this name."""
    if not is_typeddict(row) or "id" not in row.__annotations__:
        raise DeclarationError(f"the row of view {view!r} must be a TypedDict with a field 'id'")
    reserved = [name for name in row.__annotations__ if name.startswith("_")]
    if reserved:
        raise DeclarationError(
            f"{row.__name__}.{reserved[0]}: a row's field must not begin with '_'; rename it"
        )


def check_row_id(row: Any) -> None:
    """Raise DeclarationError if the field `id` of the row is not a text."""
    declared = record_type(row).fields["id"].type
    if isinstance(declared, OptionalOf) or not isinstance(declared, Scalar) or declared.kind is not Kind.TEXT:
        raise DeclarationError(f"{row.__name__}.id must be a text; write `id: str`")


def check_fields(
    view: str, row: Any, *, filters: Any, orders: Any, search: Any, defaults: Any, personal: Any
) -> None:
    """Raise DeclarationError if these do not name fields of the row."""
    lists = {"filters": filters, "orders": orders, "search": search, "personal": personal}
    for what, names in lists.items():
        _check_list(f"{what} of view {view!r}", names)
    for what, names in {**lists, "defaults": defaults}.items():
        unknown = [name for name in names if name not in row.__annotations__]
        if unknown:
            raise DeclarationError(
                f"{what} of view {view!r} has {unknown[0]!r}, which is no field of {row.__name__}; its "
                f"fields are {', '.join(row.__annotations__)}"
            )


def check_defaults(view: str, row: Any, defaults: Mapping[str, Any]) -> None:
    """Raise DeclarationError for a default that is not of its field's type."""
    fields = record_type(row).fields
    for name, value in defaults.items():
        encode = encoder(fields[name].type)
        try:
            if encode is not None:
                encode(value)
        except UnfitValue as error:
            raise DeclarationError(f"view {view!r}: the default of {name!r}: {error}") from None


def check_indexes(view: str, indexes: Any, sorted_or_filtered: Iterable[str]) -> None:
    """Raise DeclarationError if an index has other fields than those, and `id`."""
    _check_list(f"indexes of view {view!r}", indexes, str | list | tuple)
    for index in indexes:
        _check_list(f"an index of view {view!r}", index)
    indexed = {name.removeprefix("-") for index in indexes for name in index or ("",)}
    unknown = indexed - {"id", *sorted_or_filtered}
    if unknown:
        raise DeclarationError(
            f"indexes of view {view!r} has {min(unknown)!r}, by which the view neither filters nor orders; "
            "add it to filters or orders"
        )


def check_links(view: str, links: Any) -> None:
    """Raise DeclarationError if the links are no tuple of links."""
    if isinstance(links, ToOne | ToMany):
        raise DeclarationError(f"links of view {view!r} must be a tuple; write ({type(links).__name__}(…),)")
    _check_list(f"links of view {view!r}", links, ToOne | ToMany)


def _lower(name: str) -> str:
    """Return a name in lower case: ``task_days`` for ``taskDays``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _check_list(place: str, value: Any, items: Any = str) -> None:
    """Refuse a text instead of a tuple: the comma that makes a tuple of one item is easily forgotten."""
    if isinstance(value, str):
        raise DeclarationError(f'{place} must be a tuple, not the text {value!r}; write ("{value}",)')
    if not isinstance(value, tuple) or not all(isinstance(item, items) for item in value):
        raise DeclarationError(f'{place} must be a tuple, as in ("name",), not {value!r}')


def check_access_rules(view: str, row: Any, access: Any, field_access: Any) -> None:
    """Raise DeclarationError if a rule is none, depends on a field that rows lack, or is of such a field."""
    fields = tuple(row.__annotations__)
    check_access(f"access of view {view!r}", access, fields)
    if not isinstance(field_access, Mapping):
        raise DeclarationError(
            f"field_access of view {view!r} must map fields to rules, not {shown(field_access)}"
        )
    for field, rule in field_access.items():
        if field not in fields or field == "id":
            raise DeclarationError(
                f"field_access of view {view!r} has {field!r}; it may have fields of the row other than id"
            )
        check_access(f"field_access[{field!r}] of view {view!r}", rule, None)
