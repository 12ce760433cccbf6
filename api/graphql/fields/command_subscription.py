"""The subscription `command`: the progress of a command, whichever process runs it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import strawberry

from api.graphql.declare import argument, declare, list_of, output_field, union
from api.graphql.execution.request_context import Info, RequestContext
from api.graphql.fields.mutations import receipt_row, receipt_type
from api.graphql.fields.view_subscriptions import MessageTypes
from api.graphql.scalars import JSON
from api.graphql.strawberry_internals import Field
from api.graphql.type_map import TypeMap
from domain.dispatch.middleware import MAX_COMMAND_ID
from domain.kernel.errors import ValidationFailed
from domain.kernel.names import client_name
from domain.process.events import ProcessStatus
from eventstore.place import Place
from projections.live.command_status import CommandMessage, CommandProjected, StatusScope
from projections.live.started_processes import InstanceEnd
from subscriptions.live.command_hints import CommandAccepted, CommandRefusal
from subscriptions.live.command_watch import CommandStored


def command_field(types: TypeMap, messages: MessageTypes, *, with_processes: bool) -> Field:
    """Return ``command(id)``; `with_processes` if a process is registered."""
    members = _messages(types, messages)
    text = (
        "What becomes of the command with this id, whichever server runs it, and whether it was sent before "
        "or is sent later. The subscription ends when the command is refused, or when each view that its "
        "events concern has reported the result"
    )
    if with_processes:
        members += _process_messages(types, messages)
        text += ", and each instance of a process that its events have started has ended"
    return output_field(
        "command",
        union("CommandMessage", members),
        f"{text}.",
        resolver=_follow,
        arguments=[argument("id", strawberry.ID, "The `commandId` of the mutation.")],
        subscription=True,
    )


def _messages(types: TypeMap, messages: MessageTypes) -> list[Any]:
    command_id = output_field("command_id", strawberry.ID, "The id of the command.")
    receipt = output_field("receipt", receipt_type(types), "The receipt, as in the payload of the mutation.")
    return [
        declare(
            "CommandAccepted",
            [command_id],
            "A server is running the command. This message is a hint and may be missing.",
        ),
        declare(
            "CommandStored",
            [receipt],
            "The events of the command are stored, or there was nothing to change.",
            interfaces=(messages.interface,),
        ),
        *_view_messages(messages),
        declare(
            "CommandRefused",
            [
                command_id,
                output_field("code", str, "The code, as in the `extensions.code` of an error."),
                output_field("message", str, "The error message."),
            ],
            "The command was refused and stored nothing. This message is a hint and may be missing.",
        ),
    ]


def _view_messages(messages: MessageTypes) -> list[Any]:
    view = output_field("view", str, "The view, by the name of its list.")
    dead_letters = output_field(
        "dead_letters", list_of(strawberry.ID), "The ids of the dead letters of the view."
    )
    return [
        declare(
            "CommandProjected",
            [view],
            "A view has applied the events of the command. There is one message for each view that they "
            "concern.",
            interfaces=(messages.interface,),
        ),
        declare(
            "CommandParked",
            [view, dead_letters],
            "A view could not apply an event of the command, or an earlier event of its stream, and "
            "continues without it. There is no `CommandProjected` for this view.",
            interfaces=(messages.interface,),
        ),
    ]


def _process_messages(types: TypeMap, messages: MessageTypes) -> list[Any]:
    instance = output_field("process_id", strawberry.ID, "The instance: its id in mutations of processes.")
    status = types.of(ProcessStatus, "status", "ProcessFinished")
    return [
        declare(
            "ProcessFinished",
            [
                instance,
                output_field("status", status, "The final state of the instance."),
                output_field("reason", str | None, "Why it failed or was cancelled."),
                output_field("result", JSON | None, "What the process has returned."),
            ],
            "An instance that the command has started is completed, has failed or was cancelled.",
            interfaces=(messages.interface,),
        ),
        declare(
            "ProcessCompensated",
            [instance, output_field("reason", str | None, "Why what was done was undone.")],
            "An instance that the command has started has undone what it had done.",
            interfaces=(messages.interface,),
        ),
    ]


async def _follow(_root: object, info: Info, *, id: str) -> AsyncIterator[dict[str, Any]]:
    context = info.context
    if not 0 < len(id) <= MAX_COMMAND_ID:
        raise ValidationFailed(f"a command id must have 1 to {MAX_COMMAND_ID} characters", ("id",))
    visibility = context.visibility
    scope = None if visibility.may_operate else StatusScope(context.scope.actor, visibility.views)
    return _sources(context.runtime.command_status.follow(context.scope.tenant, id, scope), id, context)


async def _sources(
    messages: AsyncGenerator[CommandMessage, None], id: str, context: RequestContext
) -> AsyncIterator[dict[str, Any]]:
    async with aclosing(messages):
        async for message in messages:
            match message:
                case CommandAccepted():
                    yield {"__typename": "CommandAccepted", "command_id": id}
                case CommandStored(receipt):
                    position = context.seal(Place(receipt.position))
                    row = receipt_row(receipt)
                    yield {"__typename": "CommandStored", "receipt": row, "position": position}
                case CommandProjected(view, place, parked):
                    kind = "CommandParked" if parked else "CommandProjected"
                    fields = {"view": client_name(view), "position": context.seal(place)}
                    yield {"__typename": kind, **fields, "dead_letters": parked}
                case InstanceEnd():
                    yield _instance_end(message, context)
                case CommandRefusal(code, text):
                    yield {"__typename": "CommandRefused", "command_id": id, "code": code, "message": text}


def _instance_end(end: InstanceEnd, context: RequestContext) -> dict[str, Any]:
    is_compensated = end.status is ProcessStatus.COMPENSATED
    return {
        "__typename": "ProcessCompensated" if is_compensated else "ProcessFinished",
        "process_id": end.instance,
        "status": end.status.value,
        "reason": end.reason,
        "result": end.result,
        "position": context.seal(end.place),
    }
