"""Every entity as a versioned document: the queries `versions`, `stateAt` and `diff`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import strawberry

from api.graphql.as_of_inputs import as_of_argument, read_as_of
from api.graphql.declare import argument, declare, list_of, output_field
from api.graphql.execution.request_context import Info, RequestContext
from api.graphql.fields.commit_fields import COMMIT, commit_row
from api.graphql.fields.connections import page_size
from api.graphql.identity import reject_past_id
from api.graphql.scalars import JSON
from api.graphql.strawberry_internals import Field
from api.graphql.type_map import TypeMap
from domain.kernel import Aggregate, Catalog
from domain.kernel.errors import ValidationFailed
from domain.kernel.names import client_name
from eventstore.history.diff import Operation, diff_at
from eventstore.history.state_json import state_json
from eventstore.history.versions import StreamHistory, StreamVersion

_VERSION = {
    "version": (int, "The version that the entity came to."),
    "types": (list[str], "What happened, such as `document.renamed`."),
    **COMMIT,
}
_STATE = {
    "stream": (strawberry.ID, "The entity."),
    "version": (int, "The version it was at; 0: it was not there yet."),
    "state": (JSON | None, "What its rules knew of it; null where it was not there yet."),
}
_CHANGE = {
    "path": (str, "Where, as a JSON Pointer (RFC 6901)."),
    "before": (JSON | None, "What was there; null for what is added."),
    "after": (JSON | None, "What is there now; null for what is removed."),
}


def history_fields(catalog: Catalog, types: TypeMap) -> Iterator[Field]:
    """The three queries."""
    entity = argument("id", strawberry.ID, "The id of any entity.")
    version = declare("Version", _fields(_VERSION), "A version of an entity.")
    yield output_field(
        "versions",
        list_of(version),
        "The versions of an entity, in order: one for each command that changed it.",
        resolver=_versions,
        arguments=[
            entity,
            argument("after", int | None, "Behind this version."),
            argument("first", int | None, "How many."),
        ],
    )
    yield output_field(
        "state_at",
        declare("PastState", _fields(_STATE), "An entity as its rules knew it at some time."),
        "An entity at one of its versions, or at a point in the past.",
        resolver=partial(_state_at, catalog),
        arguments=[
            entity,
            argument("version", int | None, "The version; or else:"),
            as_of_argument(types),
        ],
    )
    operation = output_field("operation", types.of(Operation, "operation", "Change"), "What is to be done.")
    change = declare("Change", [operation, *_fields(_CHANGE)], "A step from one value to another.")
    yield output_field(
        "diff",
        list_of(change),
        "What leads from an entity's state at one version to that at another: a JSON Patch (RFC 6902), "
        "to be applied in order, with what was there before.",
        resolver=partial(_diff, catalog),
        arguments=[
            entity,
            argument("from_", int, "A version; 0 is before the first."),
            argument("to", int, "Another version, later or earlier."),
            argument(
                "path",
                str | None,
                "Only what is at this JSON Pointer or below, such as `/content`; paths begin there then, as "
                "`patchDocument` needs them.",
            ),
        ],
    )


def _fields(shapes: Mapping[str, tuple[Any, str]]) -> list[Field]:
    return [output_field(name, shape, text) for name, (shape, text) in shapes.items()]


async def _versions(
    _root: object, info: Info, *, id: str, after: int | None = None, first: int | None = None
) -> list[dict[str, Any]]:
    context = info.context
    size = page_size(first, None, context.runtime.settings.max_page)
    reject_past_id(id, context, "id")
    if after is not None and after < 0:
        raise ValidationFailed(f"{after} is no version; 0 is before the first", ("after",))
    found = await StreamHistory(context.runtime.log).versions(context.scope.tenant, id, after or 0, size)
    return [_version(one, context) for one in found]


def _version(one: StreamVersion, context: RequestContext) -> dict[str, Any]:
    return {
        "version": one.version,
        "types": one.types,
        **commit_row(one.commit, context),
    }


async def _state_at(
    catalog: Catalog,
    _root: object,
    info: Info,
    *,
    id: str,
    version: int | None = None,
    as_of: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    context = info.context
    reject_past_id(id, context, "id")
    kind = _kind(catalog, id)
    history, tenant = StreamHistory(context.runtime.log), context.scope.tenant
    if (version is None) == (as_of is None):
        raise ValidationFailed("give either version or asOf", ("version",))
    if version is not None:
        loaded = await history.state_at(tenant, id, kind, version)
    else:
        loaded = await history.state(tenant, id, kind, read_as_of(as_of or {}, context))
    state = state_json(loaded.state, client_name) if loaded.version else None
    return {"stream": id, "version": loaded.version, "state": state}


async def _diff(
    catalog: Catalog, _root: object, info: Info, *, id: str, to: int, path: str | None = None, **rest: int
) -> list[dict[str, Any]]:
    context = info.context
    reject_past_id(id, context, "id")
    kind = _kind(catalog, id)
    history, tenant = StreamHistory(context.runtime.log), context.scope.tenant
    before = await history.document(tenant, id, kind, rest["from"], client_name)
    after = await history.document(tenant, id, kind, to, client_name)
    try:
        changes = diff_at(before, after, path or "")
    except ValueError as error:
        raise ValidationFailed(str(error), ("path",)) from None
    return [change._asdict() for change in changes]


def _kind(catalog: Catalog, id: str) -> type[Aggregate[Any, Any]]:
    return catalog.aggregate(id.partition("-")[0])
