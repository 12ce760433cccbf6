"""``nerve why``: explain the value of a field."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.text import Text

from api.cli.connection import connect_runtime
from api.cli.events import event_record, print_event_line
from api.cli.points import At, parse_as_of
from api.cli.records import AsJson, print_record
from api.cli.tenant_option import DEFAULT_TENANT, Tenant
from api.cli.terminal import say
from api.encoding import encode
from domain.kernel.errors import NotFound
from domain.kernel.names import client_name, declared_name
from domain.kernel.types.annotations import OptionalOf
from domain.kernel.types.json_values import json_writer
from eventstore.reading.as_of import AsOf
from projections.kernel.view import View
from projections.past.reasons import Reason
from projections.querying.row_scope import RowScope


def why(
    row: Annotated[str, typer.Argument(help="The id of a row, as in the API, such as task-42.")],
    field: Annotated[str, typer.Argument(help="A field of the row, such as status.")],
    view: Annotated[
        str | None, typer.Option(help="The view; default: the view of the id's category.")
    ] = None,
    at: At = None,
    as_json: AsJson = False,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """Show why a field of a row has its value: the event that set it, and the events that caused it."""
    reason = asyncio.run(_why(tenant, row, field, view, None if at is None else parse_as_of(at)))
    if as_json:
        print_record(_reason_record(row, field, reason))
        return
    before, value = (encode(each).decode() for each in (reason.before, reason.value))
    say(Text(f"{field}: {before} → {value}", style="bold"))
    commit = reason.event.commit
    by = f" by {commit.actor}" if commit.actor else ""
    say(f"{commit.command} {commit.command_id}{by}, correlation {commit.correlation}")
    for event in (reason.event, *reason.causes):
        print_event_line(event)


def _reason_record(row: str, field: str, reason: Reason) -> dict[str, Any]:
    return {
        "row": row,
        "field": field,
        "before": reason.before,
        "value": reason.value,
        "event": event_record(reason.event),
        "causes": [event_record(event) for event in reason.causes],
    }


async def _why(tenant: str, id: str, name: str, view_name: str | None, point: AsOf | None) -> Reason:
    async with connect_runtime() as runtime:
        view = _find_view(runtime.views, id, view_name)
        key = id if view.is_entity else id.removeprefix(f"{view.type_name}:")
        field = declared_name(name, view.row.__annotations__)
        if field is None:
            fields = ", ".join(map(client_name, view.row.__annotations__))
            raise NotFound(f"the view {view.name} has no field {name!r}; it has {fields}")
        position = await (
            runtime.log.high_water_mark() if point is None else runtime.log.position_at(tenant, point)
        )
        reason = await runtime.view_parts[view.name].past.at(position).why(RowScope(tenant), key, field)
    if reason is None:
        raise NotFound(f"{view.name} has no row {key!r} at position {position}")
    return _with_json_values(reason, view, field)


def _with_json_values(reason: Reason, view: View[Any], field: str) -> Reason:
    write = json_writer(OptionalOf(view.record.fields[field].type), client_name)
    if write is None:
        return reason
    return reason._replace(before=write(reason.before), value=write(reason.value))


def _find_view(views: Sequence[View[Any]], id: str, name: str | None) -> View[Any]:
    """Return the view of this name; without a name, the view that the id is of."""
    for view in views:
        if name is not None:
            is_meant = name in (view.name, client_name(view.name))
        elif view.is_entity:
            is_meant = id.partition("-")[0] == view.context.category and "/" not in id
        else:
            is_meant = id.startswith(f"{view.type_name}:")
        if is_meant:
            return view
    names = ", ".join(view.name for view in views)
    if name is not None:
        raise NotFound(f"there is no view {name!r}; there are {names}")
    raise NotFound(f"name the view of {id!r} with --view; the views are {names}")
