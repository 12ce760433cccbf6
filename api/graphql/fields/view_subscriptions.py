"""The subscriptions of a view: the present result, then each change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import strawberry

from api.graphql.declare import Resolver, argument, declare, list_of, output_field, union
from api.graphql.execution.request_context import Info, RequestContext
from api.graphql.execution.shared_sources import SharedSource
from api.graphql.fields.connections import page_size
from api.graphql.identity import id_look_up, present_key, read_filter
from api.graphql.scalars import Position
from api.graphql.strawberry_internals import Field
from api.graphql.type_map import TypeMap
from domain.kernel.names import client_name
from projections.kernel.view import View
from projections.live.messages import ChangeKind, LiveMessage, RowChange, RowDelta, Snapshot
from projections.querying.filters import Filter
from subscriptions.live.messages import CaughtUp, CursorExpired, Lagged, StatusMessage

_AFTER = argument(
    "after",
    Position | None,
    "Resume after this position: each row that changed since is delivered once, instead of a snapshot.",
)
_LATEST_ONLY = argument(
    "latest_only",
    bool,
    "Deliver only the latest state of each row when this subscriber falls behind.",
    default=False,
)


FIRST = (
    "The maximum number of rows of the snapshot. The default is the maximum size of a page "
    "(`max_page`, 200 unless set)."
)
HAS_MORE = (
    "Whether more rows matched the filter when the snapshot was read. They are sent when they "
    "change; the query of this name pages through all rows."
)
COMMAND_ID = (
    "The id of the command that changed the row last, by which a client finds its own changes. Null if it is "
    "not known, or the row is hidden from the caller."
)


class MessageTypes:
    """The types of subscription messages, each with a position; the common ones are made once."""

    def __init__(self, types: TypeMap) -> None:
        self.change_kind = types.of(ChangeKind, "kind", "ChangeKind")
        position = output_field("position", Position, "The position to resume `after`, on any server.")
        self.interface = declare("Message", [position], "A message of a subscription.", is_interface=True)
        self._caught_up = declare(
            "CaughtUp",
            [],
            "Everything up to this position was delivered. What follows is live.",
            interfaces=(self.interface,),
        )
        resume = output_field("resume_after", Position, "The position to resume after.")
        self._lagged = declare(
            "Lagged",
            [resume],
            "The subscriber was too slow, and the subscription ends. Resume it after `resumeAfter`.",
            interfaces=(self.interface,),
        )
        self._expired = declare(
            "CursorExpired",
            [],
            (
                "The subscription cannot resume at the given position, which was never reached or is too "
                "far in the past. A live view continues with a snapshot; other subscriptions end."
            ),
            interfaces=(self.interface,),
        )

    def union(self, name: str, *own: Any) -> Any:
        """Return the union of a subscription's own messages and the common ones."""
        return union(name, (*own, self._caught_up, self._lagged, self._expired))

    def changed(self, view: View[Any], row: Any, hidden: frozenset[str]) -> Any:
        """Return ``TaskChanged``, which says nothing of the `hidden` fields."""
        fields = [
            output_field("kind", self.change_kind),
            output_field(
                "row_id", strawberry.ID, "The `id` of the row.", resolver=id_look_up(view, "row_id")
            ),
            output_field(view.singular, row | None, "The row after the change; null if it was removed."),
            output_field(
                "changed_fields",
                list[str] | None,
                "The fields whose values changed, if known.",
                resolver=_visible_changes(hidden) if hidden else None,
            ),
            output_field("command_id", strawberry.ID | None, COMMAND_ID),
        ]
        return declare(
            f"{view.type_name}Changed",
            fields,
            "A row was added, changed or removed.",
            interfaces=(self.interface,),
        )

    def snapshot(self, name: str, *fields: Field) -> Any:
        """Return ``TaskSnapshot`` or ``TasksSnapshot``."""
        text = "The present result."
        return declare(f"{name}Snapshot", fields, text, interfaces=(self.interface,))


def _visible_changes(hidden: frozenset[str]) -> Resolver:
    """Return the resolver of ``changedFields`` where these fields are hidden."""
    names = {client_name(name) for name in hidden}

    def resolve(source: Mapping[str, Any], _info: Info) -> list[str] | None:
        changed = source["changed_fields"]
        return None if changed is None else [name for name in changed if name not in names]

    return resolve


def subscriptions(
    view: View[Any],
    row: Any,
    filters: Any,
    messages: MessageTypes,
    hidden: frozenset[str] = frozenset(),
) -> list[Field]:
    """Return ``task(id, after, latestOnly)`` and ``tasks(filter, first, after, latestOnly)``."""
    changed = messages.changed(view, row, hidden)
    one = messages.snapshot(
        view.type_name, output_field(view.singular, row | None, "The row; null if there is none.")
    )
    many = messages.snapshot(
        view.list_type_name,
        output_field(view.name, list_of(row), "The rows, those that changed last first."),
        output_field("has_more", bool, HAS_MORE),
    )
    return [
        output_field(
            view.singular,
            messages.union(f"{view.type_name}Message", one, changed),
            "The row as it is now, then each change of it as soon as the view has it.",
            resolver=_resolve_one(view),
            arguments=[argument("id", strawberry.ID, "The id of the row."), _AFTER, _LATEST_ONLY],
            subscription=True,
        ),
        output_field(
            view.name,
            messages.union(f"{view.list_type_name}Message", many, changed),
            "The rows as they are now, then each change as soon as the view has it.",
            resolver=_resolve_many(view),
            arguments=[
                argument("filter", filters | None, "Conditions that the rows must meet."),
                argument("first", int | None, FIRST),
                _AFTER,
                _LATEST_ONLY,
            ],
            subscription=True,
        ),
    ]


def _resolve_one(view: View[Any]) -> Resolver:
    def snapshot(message: Snapshot) -> dict[str, Any]:
        row = message.rows[0] if message.rows else None
        return {"__typename": f"{view.type_name}Snapshot", view.singular: row}

    def subscribe(
        _root: object, info: Info, *, id: str, after: str | None = None, latest_only: bool = False
    ) -> SharedSource[LiveMessage]:
        context = info.context
        wanted = context.runtime.view_parts[view.name].live.id_filter(present_key(view, id, context, "id"))
        return _shared(view, info, wanted, 1, after, latest_only, snapshot)

    return subscribe


def _resolve_many(view: View[Any]) -> Resolver:
    def snapshot(message: Snapshot) -> dict[str, Any]:
        own = {view.name: message.rows, "has_more": message.has_more}
        return {"__typename": f"{view.list_type_name}Snapshot", **own}

    def subscribe(
        _root: object,
        info: Info,
        *,
        filter: Mapping[str, Any] | None = None,
        first: int | None = None,
        after: str | None = None,
        latest_only: bool = False,
    ) -> SharedSource[LiveMessage]:
        context, runtime = info.context, info.context.runtime
        wanted = runtime.view_parts[view.name].live.parse_filter(read_filter(view, filter, context))
        limit = runtime.settings.max_page
        size = page_size(limit if first is None else first, None, limit)
        return _shared(view, info, wanted, size, after, latest_only, snapshot)

    return subscribe


def _shared(
    view: View[Any],
    info: Info,
    wanted: Filter,
    first: int,
    after: str | None,
    latest_only: bool,
    snapshot: Callable[[Snapshot], dict[str, Any]],
) -> SharedSource[LiveMessage]:
    def to_source(message: LiveMessage | StatusMessage) -> dict[str, Any]:
        """Return the message as the fields of its type read it."""
        match message:
            case Snapshot():
                return {**snapshot(message), "position": context.seal(message.place)}
            case RowDelta(changed):
                return _changed(view, changed, context)
            case _:
                return status(message, context)

    context = info.context
    place = context.start_place(after)
    live, scope = context.runtime.view_parts[view.name].live, context.rows(view)
    begin = partial(live.open, scope, wanted, first, place, latest_only=latest_only)
    hidden = context.visibility.hidden_in(view)
    return SharedSource(begin, to_source, (scope.key, hidden, *_link_rules(view, info)))


def _link_rules(view: View[Any], info: Info) -> Iterator[str]:
    """Yield the rules by which the selected links show rows to the caller, for each linked view."""
    readers = info.context.runtime.readers
    for name in info.context.selections.views(info, view):
        yield f"{name} {info.context.rows(readers[name].view).key}"


def _changed(view: View[Any], message: RowChange, context: RequestContext) -> dict[str, Any]:
    names = message.changed_fields
    return {
        "__typename": f"{view.type_name}Changed",
        "kind": message.kind,
        "row_id": message.id,
        view.singular: message.row,
        "changed_fields": None if names is None else [client_name(name) for name in names],
        "command_id": message.command_id,
        "position": context.seal(message.place),
    }


def status(message: StatusMessage, context: RequestContext) -> dict[str, Any]:
    """Return one of the common messages as the fields of its type read it."""
    match message:
        case CaughtUp(place) | CursorExpired(place):
            return {"__typename": type(message).__name__, "position": context.seal(place)}
        case Lagged(place):
            position = context.seal(place)
            return {"__typename": "Lagged", "position": position, "resume_after": position}
