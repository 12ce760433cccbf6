"""The history of entities as versioned documents: the queries `versions`, `stateAt` and `diff`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import strawberry

from api.graphql.as_of_inputs import as_of_argument, read_as_of
from api.graphql.declare import argument, declare, list_of, output_field, output_fields
from api.graphql.execution.request_context import Info, RequestContext
from api.graphql.fields.commit_fields import COMMIT, commit_row
from api.graphql.fields.connections import page_size
from api.graphql.identity import reject_past_id
from api.graphql.scalars import JSON
from api.graphql.strawberry_internals import Argument, Field
from api.graphql.type_map import TypeMap
from api.limits.weights import PAST, VERSIONS
from domain.kernel import Aggregate, Catalog
from domain.kernel.errors import ValidationFailed
from domain.kernel.names import client_name
from eventstore.history.diff import Operation, diff_at
from eventstore.history.state_json import state_json
from eventstore.history.versions import StreamHistory, StreamVersion, no_stream

_VERSION = {
    "version": (int, "The number of the version."),
    "types": (list[str], "The types of the events, such as `document.renamed`."),
    **COMMIT,
}
_STATE = {
    "stream": (strawberry.ID, "The id of the entity."),
    "version": (int, "The version of the entity; 0 if it did not exist yet."),
    "state": (
        JSON | None,
        "The state on which commands are decided; null if the entity did not exist yet.",
    ),
}
_CHANGE = {
    "path": (str, "The path of the value, as a JSON Pointer (RFC 6901)."),
    "before": (JSON | None, "The previous value; null if a value is added."),
    "after": (JSON | None, "The new value; null if the value is removed."),
}


def history_fields(catalog: Catalog, types: TypeMap) -> Iterator[Field]:
    """Yield ``versions``, ``stateAt`` and ``diff``."""
    entity = argument("id", strawberry.ID, "The id of the entity.")
    yield _versions_field(entity)
    yield _state_field(entity, catalog, types)
    yield _diff_field(entity, catalog, types)


def _versions_field(entity: Argument) -> Field:
    version = declare("Version", output_fields(_VERSION), "A version of an entity.")
    return output_field(
        "versions",
        list_of(version),
        "The versions of an entity in their order, one for each command that changed it.",
        resolver=_versions,
        arguments=[
            entity,
            argument("after", int | None, "Start after this version."),
            argument("first", int | None, "The number of versions."),
        ],
        weight=VERSIONS,
    )


def _state_field(entity: Argument, catalog: Catalog, types: TypeMap) -> Field:
    text = "The state of an entity at a version, or at a point in the past."
    return output_field(
        "state_at",
        declare("PastState", output_fields(_STATE), text),
        "The state of an entity at one of its versions, or at a point in the past.",
        resolver=partial(_state_at, catalog),
        arguments=[
            entity,
            argument("version", int | None, "The version; give either this or `asOf`."),
            as_of_argument(types),
        ],
        weight=PAST,
    )


def _diff_field(entity: Argument, catalog: Catalog, types: TypeMap) -> Field:
    operation = output_field("operation", types.of(Operation, "operation", "Change"), "The operation.")
    text = "One operation of a JSON Patch (RFC 6902), with the previous value."
    change = declare("Change", [operation, *output_fields(_CHANGE)], text)
    return output_field(
        "diff",
        list_of(change),
        "The difference between two versions of an entity: a JSON Patch (RFC 6902), whose operations are "
        "applied in order and also have the previous values.",
        resolver=partial(_diff, catalog),
        arguments=[
            entity,
            argument("from_", int, "The version to start from; 0 is the state before the first event."),
            argument("to", int, "The version to compare with, later or earlier."),
            argument(
                "path",
                str | None,
                "Compare only the part at this JSON Pointer, such as `/content`. Paths in the result then "
                "start there, as `patchDocument` needs them.",
            ),
        ],
        weight=PAST,
    )


async def _versions(
    _root: object, info: Info, *, id: str, after: int | None = None, first: int | None = None
) -> list[dict[str, Any]]:
    context = info.context
    size = page_size(first, None, context.runtime.settings.max_page)
    reject_past_id(id, context, "id")
    if after is not None and after < 0:
        raise ValidationFailed(f"{after} is not a version; 0 is the state before the first event", ("after",))
    history = await _open_history(id, context)
    versions = await history.versions(context.scope.tenant, id, after or 0, size)
    context.count_rows(len(versions))
    return [_version(version, context) for version in versions]


def _version(version: StreamVersion, context: RequestContext) -> dict[str, Any]:
    return {
        "version": version.version,
        "types": version.types,
        **commit_row(version.commit, context),
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
    history, tenant = await _open_history(id, context), context.scope.tenant
    kind = _kind(catalog, id)
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
    history, tenant = await _open_history(id, context), context.scope.tenant
    kind = _kind(catalog, id)
    before = await history.document(tenant, id, kind, rest["from"], client_name)
    after = await history.document(tenant, id, kind, to, client_name)
    try:
        changes = diff_at(before, after, path or "")
    except ValueError as error:
        raise ValidationFailed(str(error), ("path",)) from None
    return [change._asdict() for change in changes]


async def _open_history(id: str, context: RequestContext) -> StreamHistory:
    """Return the history of an entity; raises NotFound unless the caller may read every event of it."""
    history, permissions = StreamHistory(context.runtime.log), context.readable_events
    if permissions is None:
        return history
    category = id.partition("-")[0]
    contexts = [each for each in context.runtime.catalog.contexts if each.category == category]
    rules = [permissions.find(event.type) for each in contexts for event in each.events]
    if not rules or None in rules:
        raise no_stream(id)
    if not all(rule is not None and rule.is_unconditional for rule in rules):
        return await history.readable_part(context.scope.tenant, id, permissions.allows)
    return history


def _kind(catalog: Catalog, id: str) -> type[Aggregate[Any, Any]]:
    return catalog.aggregate(id.partition("-")[0])
