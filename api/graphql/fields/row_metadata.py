"""The field ``_meta`` of every row: its version, its position, its dead letters, and its personal fields.

Fields of rows may not start with an underscore, so no row has a field of this name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import strawberry

from api.graphql.declare import declare, list_of, output_field
from api.graphql.execution.request_context import ExecutionContext
from api.graphql.execution.row_resolvers import RowItemsResolver
from api.graphql.identity import AS_OF, row_key
from api.graphql.scalars import Position
from api.graphql.strawberry_internals import Field
from api.graphql.type_map import TypeMap
from domain.kernel.names import client_name
from eventstore.place import Place
from projections.folding.parking import letter_id, parked_in
from projections.kernel.view import View
from projections.storage.rows import Row

META = "_meta"

_FIELDS = {
    "key": (
        strawberry.ID,
        "The row's key, by which other rows refer to it. It is the same now and in the past.",
    ),
    "version": (
        int | None,
        "The version of the row's own stream. Send it as the `expectedVersion` of a command that is decided "
        "on this row. Null for a row without a stream of its own.",
    ),
    "position": (Position, "The position in the log at which the row last changed."),
    "parked": (
        list_of(strawberry.ID),
        "The ids of the row's dead letters: events that could not be applied. The row lacks these events and "
        "all later events of their streams. Empty for a row that lacks none.",
    ),
    "as_of": (
        Position | None,
        "The point in the past of this state of the row; null for the present state.",
    ),
    "personal_fields": (
        list_of(str),
        "The fields of the row that may have personal data, as reports leave them out.",
    ),
}


class _RowMetadata(NamedTuple):
    """A row with its view."""

    view: View[Any]
    row: Row

    @property
    def key(self) -> str:
        key: str = row_key(self.row)
        return key


def meta_field(view: View[Any], types: TypeMap) -> Field:
    """Return ``_meta``."""
    text = "The row's version and position in the log, and the events that could not be applied to it."

    def read(row: Row, _context: ExecutionContext) -> _RowMetadata:
        return _RowMetadata(view, row)

    resolver = RowItemsResolver(read, "id", "_position", "_version", "_parked")
    return output_field(META, types.claim("RowMeta", meta_field, _declare), text, resolver=resolver)


def _declare() -> Any:
    readers: Mapping[str, Callable[[Any, Any], Any]] = {
        "key": _key,
        "version": _version,
        "position": _position,
        "parked": _parked,
        "as_of": _as_of,
        "personal_fields": _personal_fields,
    }
    fields = [output_field(name, *shape, read=readers[name]) for name, shape in _FIELDS.items()]
    return declare(
        "RowMeta", fields, "Metadata of a row: its version, its position, and the events that it lacks."
    )


def _key(meta: _RowMetadata, _context: ExecutionContext) -> str:
    return meta.key


def _position(meta: _RowMetadata, context: ExecutionContext) -> str:
    return context.seal(Place(meta.row["_position"]))


def _as_of(meta: _RowMetadata, context: ExecutionContext) -> str | None:
    position = meta.row.get(AS_OF)
    return None if position is None else context.seal(Place(position))


def _personal_fields(meta: _RowMetadata, _context: ExecutionContext) -> list[str]:
    return list(map(client_name, meta.view.personal_fields))


def _parked(meta: _RowMetadata, _context: ExecutionContext) -> list[str]:
    return [letter_id(meta.view.name, meta.key, parked.name) for parked in parked_in(meta.row)]


def _version(meta: _RowMetadata, context: ExecutionContext) -> int | Awaitable[int | None] | None:
    version: int | None = meta.row.get("_version")
    may_be_stream = meta.key.partition("-")[0] in meta.view.categories
    return version if version is not None or not may_be_stream else _read_version(meta, context)


async def _read_version(meta: _RowMetadata, context: ExecutionContext) -> int | None:
    """Return the version of a row that was stored before rows had versions, from the log."""
    load = partial(_read_versions, context)
    version: int = await context.reads.loader("versions", load).load((meta.key, meta.row["_position"]))
    for parked in parked_in(meta.row):
        if parked.stream == meta.key:
            version = min(version, parked.version - 1)
    return version or None


async def _read_versions(context: ExecutionContext, places: Sequence[tuple[str, int]]) -> list[int]:
    return await context.runtime.log.versions_at(context.scope.tenant, places)
