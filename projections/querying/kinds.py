"""What kind of value a row's field holds, as its TypedDict declares it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum, StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, NotRequired, Required, Union, get_args, get_origin, get_type_hints

from domain.kernel import Json
from domain.kernel.errors import DeclarationError
from projections.view import View


class Kind(StrEnum):
    """The kinds of values that can be filtered and sorted by. LIST is a list of texts."""

    TEXT = "a text"
    INTEGER = "an integer"
    NUMBER = "a number"
    BOOLEAN = "true or false"
    MOMENT = "a moment with its time zone"
    LIST = "a list"


_KINDS: Mapping[Any, Kind] = {
    str: Kind.TEXT,
    bool: Kind.BOOLEAN,
    int: Kind.INTEGER,
    float: Kind.NUMBER,
    datetime: Kind.MOMENT,
}


@cache
def kinds(view: View[Any]) -> Mapping[str, Kind]:
    """The kind of each field that the view filters or sorts by.

    Raises DeclarationError where that cannot be done by a field's type, nor a search in one.
    """
    hints = get_type_hints(view.row, include_extras=True)
    for name in view.search:
        if not _is_searchable(hints[name]):
            raise DeclarationError(f"view {view.name!r} cannot search {name!r}, a {hints[name]}")
    found = {name: _kind(hints[name]) for name in (*view.filters, *view.orders, "id")}
    for name, kind in found.items():
        if kind is None or (kind is Kind.LIST and name in view.orders):
            raise DeclarationError(f"view {view.name!r} cannot filter or order by {name!r}, a {hints[name]}")
    return {name: kind for name, kind in found.items() if kind is not None}


def _is_searchable(hint: Any) -> bool:
    """Of any JSON, what is a text or a list of texts is found."""
    members = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return _kind(hint) in (Kind.TEXT, Kind.LIST) or Json in members


def _kind(hint: Any) -> Kind | None:
    origin = get_origin(hint)
    if origin in (Annotated, Required, NotRequired):
        return _kind(get_args(hint)[0])
    if origin in (Union, UnionType):
        members = {_kind(member) for member in get_args(hint) if member is not NoneType}
        return members.pop() if len(members) == 1 else None
    if origin in (list, tuple):
        return Kind.LIST if _kind(get_args(hint)[0]) is Kind.TEXT else None
    if isinstance(hint, type) and issubclass(hint, Enum):
        return Kind.TEXT if issubclass(hint, str) else None
    return _KINDS.get(hint)
