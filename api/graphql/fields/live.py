"""Subscriptions of a view: the current result, then each change, in-band and typed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Annotated, Any, Union

import strawberry
from strawberry.types.field import StrawberryField
from strawberry.utils.str_converters import to_camel_case

from api.graphql.context import Info, RequestContext
from api.graphql.declare import Resolver, argument, declare, listed, output_field
from api.graphql.fields.queries import page_size
from api.graphql.scalars import Position
from api.graphql.types import TypeMap
from projections.view import View
from projections.watching.held import Changed, ChangeKind, Snapshot
from projections.watching.live import ViewMessage
from subscriptions.messages import CaughtUp, Common, CursorExpired, Lagged, Place

_AFTER = argument(
    "after",
    Position | None,
    "Resume behind this position: what changed since is told once, instead of a snapshot.",
)


class Messages:
    """What every subscription may say, each with a position: its own messages, and the common ones."""

    def __init__(self, types: TypeMap) -> None:
        self.change_kind = types.of(ChangeKind, "kind", "ChangeKind")
        position = output_field("position", Position, "Resume `after` it, on any server.")
        self.interface = declare("Message", [position], "What a subscription says.", is_interface=True)
        self._caught_up = declare(
            "CaughtUp",
            [],
            "All that was there has been told; what follows is live.",
            interfaces=(self.interface,),
        )
        resume = output_field("resume_after", Position, "Where to resume.")
        self._lagged = declare(
            "Lagged",
            [resume],
            "The subscriber was too slow and the subscription ends here.",
            interfaces=(self.interface,),
        )
        self._expired = declare(
            "CursorExpired",
            [],
            "It cannot be resumed where it was asked to: nerve never came there, or has gone too far since.",
            interfaces=(self.interface,),
        )

    def union(self, name: str, *own: Any) -> Any:
        """The union of a subscription's own messages and the common ones."""
        return Annotated[Union[(*own, self._caught_up, self._lagged, self._expired)], strawberry.union(name)]

    def changed(self, view: View[Any], row: Any) -> Any:
        """``TaskChanged``."""
        fields = [
            output_field("kind", self.change_kind),
            output_field("id", strawberry.ID, "Of the row that changed."),
            output_field(view.single, row | None, "The row as it is now; null once it is gone."),
            output_field(
                "changed_fields", list[str] | None, "Where known: whose value is another than before."
            ),
        ]
        return declare(
            f"{view.type_name}Changed", fields, "A row came, changed or left.", interfaces=(self.interface,)
        )

    def snapshot(self, name: str, field: StrawberryField) -> Any:
        """``TaskSnapshot`` or ``TasksSnapshot``."""
        return declare(f"{name}Snapshot", [field], "The result as it is now.", interfaces=(self.interface,))


def subscriptions(view: View[Any], row: Any, filters: Any, messages: Messages) -> list[StrawberryField]:
    """``task(id, after)`` and ``tasks(filter, first, after)``."""
    changed = messages.changed(view, row)
    one = messages.snapshot(
        view.type_name, output_field(view.single, row | None, "Null where there is none.")
    )
    many = messages.snapshot(view.list_type_name, output_field(view.name, listed(row)))
    return [
        output_field(
            view.single,
            messages.union(f"{view.type_name}Message", one, changed),
            "The row as it is, then each change of it after the view has it.",
            resolver=_watch_one(view),
            arguments=[argument("id", strawberry.ID, "The id of the row."), _AFTER],
            subscription=True,
        ),
        output_field(
            view.name,
            messages.union(f"{view.list_type_name}Message", many, changed),
            "The rows as they are, then each change after the view has it.",
            resolver=_watch_many(view),
            arguments=[
                argument("filter", filters | None, "Which rows."),
                argument("first", int | None, "How many rows the snapshot has."),
                _AFTER,
            ],
            subscription=True,
        ),
    ]


def _watch_one(view: View[Any]) -> Resolver:
    async def subscribe(
        _root: object, info: Info, *, id: str, after: str | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        context = info.context
        live = context.services.live[view.name]
        messages = live.watch_one(context.scope.tenant, id, after=_place(after, context))

        def snapshot(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
            return {"__typename": f"{view.type_name}Snapshot", view.single: rows[0] if rows else None}

        return _told(view, messages, snapshot, context)

    return subscribe


def _watch_many(view: View[Any]) -> Resolver:
    typename = f"{view.list_type_name}Snapshot"

    async def subscribe(
        _root: object,
        info: Info,
        *,
        filter: Mapping[str, Any] | None = None,
        first: int | None = None,
        after: str | None = None,
    ) -> AsyncIterator[dict[str, Any]]:
        context = info.context
        live = context.services.live[view.name]
        size = page_size(first, None, context.services.max_page)
        messages = live.watch_many(context.scope.tenant, filter, first=size, after=_place(after, context))
        return _told(view, messages, lambda rows: {"__typename": typename, view.name: rows}, context)

    return subscribe


def _place(after: str | None, context: RequestContext) -> Place | None:
    return None if after is None else context.open(after, "after")


async def _told(
    view: View[Any],
    messages: AsyncGenerator[ViewMessage, None],
    snapshot: Callable[[Sequence[Mapping[str, Any]]], dict[str, Any]],
    context: RequestContext,
) -> AsyncIterator[dict[str, Any]]:
    """Each message as the client's selection reads it."""
    async with aclosing(messages):
        async for message in messages:
            match message:
                case Snapshot(rows, place):
                    yield {**snapshot(rows), "position": context.seal(place)}
                case Changed():
                    yield _changed(view, message, context)
                case CaughtUp() | Lagged():
                    yield status(message, context)


def _changed(view: View[Any], message: Changed, context: RequestContext) -> dict[str, Any]:
    names = message.changed_fields
    return {
        "__typename": f"{view.type_name}Changed",
        "kind": message.kind,
        "id": message.id,
        view.single: message.row,
        "changed_fields": None if names is None else [to_camel_case(name) for name in names],
        "position": context.seal(message.place),
    }


def status(message: Common, context: RequestContext) -> dict[str, Any]:
    """One of the common messages, for the client."""
    match message:
        case CaughtUp(place) | CursorExpired(place):
            return {"__typename": type(message).__name__, "position": context.seal(place)}
        case Lagged(place):
            position = context.seal(place)
            return {"__typename": "Lagged", "position": position, "resume_after": position}
