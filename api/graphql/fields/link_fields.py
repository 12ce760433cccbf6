"""The fields of links, which views declare to each other by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

import strawberry
from typing_extensions import is_typeddict

from api.graphql.declare import add_field, argument, list_of, output_field
from api.graphql.fields.connections import list_connection, page_arguments
from api.graphql.fields.link_resolvers import ToManyResolver, ToOneResolver
from api.graphql.strawberry_internals import Field, field_names
from api.graphql.type_map import TypeMap
from api.limits.weights import LINKED_ROWS, ROW
from domain.kernel.errors import DeclarationError
from domain.kernel.names import client_name
from projections.kernel.links import Link, ToMany, ToOne
from projections.kernel.view import View


class ViewTypes(NamedTuple):
    """A view with the GraphQL types of its rows, its filter, and its order, if it has one."""

    view: View[Any]
    row: Any
    filters: Any
    orders: Any


def add_links(shapes: Mapping[str, ViewTypes], types: TypeMap) -> None:
    """Add the links of views as fields to the types of their rows. All lead to one of these views.

    Raises DeclarationError for a link by a field that is no id, to many rows without an index, or with a name
    that is taken.
    """
    for shape in shapes.values():
        for link in shape.view.links:
            if isinstance(link, ToOne):
                _add_one(shape, link, shapes[link.to], types)
            else:
                _add_many(shape, link, shapes[link.to], types)


def _add_one(shape: ViewTypes, link: ToOne, target: ViewTypes, types: TypeMap) -> None:
    *route, name = link.name.split(".")
    holder: Any = shape.view.row
    declared = shape.row
    for step in route:
        holder = _inner(get_type_hints(holder).get(step))
        if not is_typeddict(holder):
            raise DeclarationError(
                f"{_label(shape, link)}: {step!r} is neither an object nor a list of objects"
            )
        declared = types.of(holder, step, shape.view.row.__name__)
    _check_id(holder, link.by, types, _label(shape, link))
    text = (
        f"The {_words(target.view.singular)} that `{client_name(link.by)}` refers to; null if there is none."
    )
    resolver = ToOneResolver(link.by, target.view)
    _add(
        declared,
        output_field(name, target.row | None, text, resolver=resolver, weight=ROW),
        _label(shape, link),
    )


def _add_many(shape: ViewTypes, link: ToMany, target: ViewTypes, types: TypeMap) -> None:
    label = _label(shape, link)
    _check_id(target.view.row, link.by, types, label)
    if link.by not in target.view.filters:
        raise DeclarationError(
            f"{label}: {link.to!r} does not filter by {link.by!r}, so no index finds the rows; add "
            f"{link.by!r} to the filters of that view"
        )
    arguments = [
        argument("filter", target.filters | None, "Conditions that the rows must meet."),
        *page_arguments(),
    ]
    if target.orders is not None:
        order = argument(
            "order_by",
            list_of(target.orders) | None,
            "The fields to sort by. Rows with equal values are sorted by id.",
        )
        arguments.insert(1, order)
    field = output_field(
        link.name,
        list_connection(target.view, target.row, types) | None,
        f"The {_words(target.view.name)} whose `{client_name(link.by)}` refers to this row.",
        resolver=ToManyResolver("id", target.view, link.by),
        arguments=arguments,
        weight=LINKED_ROWS,
    )
    _add(shape.row, field, label)


def _add(declared: Any, field: Field, label: str) -> None:
    if field.python_name in field_names(declared):
        raise DeclarationError(f"{label}: the row has a field of that name already; choose another name")
    add_field(declared, field)


def _check_id(row: Any, by: str, types: TypeMap, label: str) -> None:
    hint = get_type_hints(row, include_extras=True).get(by)
    shape = None if hint is None else types.of(hint, by, row.__name__)
    members = [member for member in get_args(shape) if member is not NoneType] or [shape]
    if members not in ([strawberry.ID], [str]):
        raise DeclarationError(
            f"{label}: {row.__name__} has no field {by!r} of the type str; its fields are "
            f"{', '.join(row.__annotations__)}"
        )


def _inner(hint: Any) -> Any:
    """Return the type of one element of a hint for a list, or for a value that may be missing."""
    while get_origin(hint) is not None:
        hint = next(part for part in get_args(hint) if part is not NoneType)
    return hint


def _words(name: str) -> str:
    return name.replace("_", " ")


def _label(shape: ViewTypes, link: Link) -> str:
    return f"view {shape.view.name!r}, link {link.name!r}"
