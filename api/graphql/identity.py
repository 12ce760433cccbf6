"""The ids of rows in the API: each id stands for one state.

Client caches keep one object for each id (Relay), or for each type and id (Apollo, Graphcache). An id is
therefore unique among all rows of a tenant, and a row as of a point in the past has another id than the row
itself:

    row                                   now                     as of a position
    an entity: its id names its stream    task-01J…               task-01J…@<position>
    any other view                        Meter:cpu               Meter@<position>:cpu

The position is sealed. Stream ids contain no ``@``, and type names neither ``@`` nor ``:``, so every id can
be read in one way only, whatever the keys of a view are. Fields that refer to rows, such as `agentId`,
contain plain keys, in the past too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from graphql import GraphQLID, GraphQLInputObjectType, GraphQLObjectType, GraphQLSchema, get_named_type

from api.graphql.execution.request_context import RequestContext
from api.graphql.item_lookups import ItemLookUp
from domain.kernel.errors import DeclarationError, ValidationFailed
from eventstore.place import Place
from projections.kernel.view import View
from projections.storage.rows import Row

AS_OF = "_as_of"
"""The name of the position in a row of the past, and in its objects with links."""

KEY = "_key"
"""The name of the plain key in a row of the past, whose ``id`` is the id of the past state."""

KEPT_INPUTS = 1_000
"""Input types whose fields with IDs are cached. A command has a few."""


class RowReference(NamedTuple):
    """The row of an id: its key in the view, and the position of a past state; None for the present."""

    key: str
    position: int | None


class PastId(str):
    """The complete id of a row of the past."""

    __slots__ = ()


def id_look_up(view: View[Any], key: str = "id") -> ItemLookUp:
    """Return the resolver of a field whose value is the id of a row, made from the row's key."""
    if view.is_entity:
        return ItemLookUp(key)
    prefix = f"{view.type_name}:"
    # A row of the past has its complete id, a PastId.
    return ItemLookUp(key, lambda value: prefix + value if type(value) is str else value)


def check_ids(schema: GraphQLSchema) -> None:
    """Raise DeclarationError for objects that have an ``id`` and are no nodes.

    Client caches would take two objects with one id for one object.
    """
    for declared in schema.type_map.values():
        if isinstance(declared, GraphQLObjectType) and "id" in declared.fields and not _is_node(declared):
            raise DeclarationError(
                f"{declared.name} is part of a row and has a field 'id'; client caches would take equal ids "
                "in two rows for one object, so rename the field, for example to 'number'"
            )


def _is_node(declared: GraphQLObjectType) -> bool:
    return any(interface.name == "Node" for interface in declared.interfaces)


def past_row(view: View[Any], row: Row, position: int, context: RequestContext) -> dict[str, Any]:
    """Return the row as of a position, with an id of its own and links into the same past."""
    sealed, key = context.seal(Place(position)), row["id"]
    past_id = f"{key}@{sealed}" if view.is_entity else f"{view.type_name}@{sealed}:{key}"
    past: dict[str, Any] = {**row, "id": PastId(past_id), KEY: key, AS_OF: position}
    for link in view.links:
        *route, _ = link.name.split(".")
        if route and route[0] in past:
            past[route[0]] = _mark(past[route[0]], route[1:], position)
    return past


def _mark(value: Any, route: Sequence[str], position: int) -> Any:
    """Return a value whose objects at the end of the route have the position."""
    if isinstance(value, Mapping):
        if not route:
            return {**value, AS_OF: position}
        inner = value.get(route[0])
        return value if inner is None else {**value, route[0]: _mark(inner, route[1:], position)}
    return [_mark(item, route, position) for item in value] if isinstance(value, Sequence) else value


def row_key(source: Mapping[str, Any], name: str = "id") -> Any:
    """Return the plain key of a row or, with another name, the value of a field that refers to a row."""
    return source[KEY] if name == "id" and KEY in source else source.get(name)


def row_reference(view: View[Any], id: str, context: RequestContext) -> RowReference:
    """Return the row of the view that a client refers to by its id or its plain key."""
    return read_id(view, id, context) or RowReference(id, None)


def read_id(view: View[Any], id: str, context: RequestContext) -> RowReference | None:
    """Return the row that an id of the view refers to; None for a text that is no id of the view."""
    if view.is_entity:
        head, at, sealed = id.rpartition("@")
        key = head if at else id
    else:
        head, colon, key = id.partition(":")
        name, at, sealed = head.partition("@")
        if not colon or name != view.type_name:
            return None
    if not at:
        return RowReference(key, None)
    place = context.try_open(sealed)
    return None if place is None else RowReference(key, place.position)


def present_key(view: View[Any], id: str, context: RequestContext, *path: str | int) -> str:
    """Return the key of the row of an id; raises ValidationFailed at `path` for the id of a past state."""
    key, position = row_reference(view, id, context)
    if position is not None:
        raise past_id_error(id, key, *path)
    return key


def reject_past_id(id: str, context: RequestContext, *path: str | int) -> None:
    """Raise ValidationFailed at `path` if the text is the id of a past state of any row."""
    if "@" in id:
        before, colon, key = id.partition(":")
        if colon and context.try_open(before.partition("@")[2]) is not None:
            raise past_id_error(id, key, *path)
        stream, _, sealed = id.rpartition("@")
        if context.try_open(sealed) is not None:
            raise past_id_error(id, stream, *path)


def reject_past_ids(declared: Any, value: Any, context: RequestContext, *path: str | int) -> None:
    """Do as `reject_past_id` for every ID in an input of this type."""
    if isinstance(value, str):
        if get_named_type(declared) is GraphQLID:
            reject_past_id(value, context, *path)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            reject_past_ids(declared, item, context, *path, index)
    elif isinstance(value, Mapping) and isinstance(named := get_named_type(declared), GraphQLInputObjectType):
        for name, inner in _fields_with_ids(named):
            if (item := value.get(name)) is not None:
                reject_past_ids(inner, item, context, *path, name)


@lru_cache(KEPT_INPUTS)
def _fields_with_ids(declared: GraphQLInputObjectType) -> tuple[tuple[str, Any], ...]:
    """Return the Python names and types of the fields that are IDs, or inputs that may have IDs."""
    fields = declared.fields.values()
    return tuple((field.out_name or "", field.type) for field in fields if _may_have_ids(field.type))


def _may_have_ids(declared: Any) -> bool:
    named = get_named_type(declared)
    return named is GraphQLID or isinstance(named, GraphQLInputObjectType)


def past_id_error(id: str, key: str, *path: str | int) -> ValidationFailed:
    """Return the error for the id of a past state where only the row itself is possible."""
    return ValidationFailed(f"{id!r} is the id of a past state of {key!r}; use {key!r} instead", path)


def read_filter(
    view: View[Any], filter: Mapping[str, Any] | None, context: RequestContext
) -> Mapping[str, Any] | None:
    """Return the filter with the keys of rows in place of their ids.

    Raises ValidationFailed for ids of past states, as a filter compares with keys and would find nothing.
    """
    return None if filter is None else _read_filter(view, filter, context, ("filter",))


def _read_filter(view: View[Any], data: Any, context: RequestContext, path: tuple[str | int, ...]) -> Any:
    if isinstance(data, list):
        return [_read_filter(view, part, context, (*path, index)) for index, part in enumerate(data)]
    if not isinstance(data, Mapping):
        return data
    read = dict(data)
    for name, value in data.items():
        here = (*path, name)
        if name in ("and", "or", "not"):
            read[name] = _read_filter(view, value, context, here)
        elif isinstance(value, Mapping) and (name == "id" or name.endswith("_id")):
            read[name] = {
                operator: _operand(view if name == "id" else None, operand, context, (*here, operator))
                for operator, operand in value.items()
            }
    return read


def _operand(view: View[Any] | None, value: Any, context: RequestContext, path: tuple[str | int, ...]) -> Any:
    if isinstance(value, list):
        return [_operand(view, item, context, (*path, index)) for index, item in enumerate(value)]
    if not isinstance(value, str):
        return value
    if view is not None:
        return present_key(view, value, context, *path)
    reject_past_id(value, context, *path)
    return value
