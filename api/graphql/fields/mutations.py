"""The mutation of each command: its input type, payload and resolver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import Enum
from inspect import cleandoc
from time import monotonic
from typing import Any, NamedTuple

import strawberry

from api.graphql.declare import Resolver, argument, declare, output_field
from api.graphql.execution.request_context import Info, RequestContext
from api.graphql.fields.command_inputs import read_command
from api.graphql.fields.key_secrets import check_key_grant, make_secrets, secret_fields, shown_secrets
from api.graphql.fields.view_queries import reach_links
from api.graphql.fields.webhook_secrets import shown_webhook_secret, webhook_secret_fields
from api.graphql.identity import present_key, reject_past_id, reject_past_ids
from api.graphql.scalars import Position
from api.graphql.strawberry_internals import Field
from api.graphql.type_map import TypeMap
from api.graphql.view_names import with_stored_view
from api.limits.weights import COMMAND
from domain.kernel import Command, Envelope, Receipt
from domain.kernel.errors import CommandIdReused, CommandIdTaken, RowParked, StaleRead, ValidationFailed
from eventstore.place import Place
from projections.folding.parking import EventName
from projections.kernel.view import View
from projections.querying.waiting import views_to_wait_for


class Await(Enum):
    """What a mutation waits for before its response is sent.

    STORED: its events are durable. PROJECTED: views have applied them too, that of the entity or, in a
    context without an entity, all views that the events concern. STALE_READ means that a view has not applied
    them in time, PARKED that it could not; the response has the receipt in either case.
    """

    STORED = "stored"
    PROJECTED = "projected"


class ContextViews(NamedTuple):
    """All `views`, and the view of a context's entity, None where it has none.

    The entity of the commands that processes share is the row of the view `processes`.
    """

    category: str
    entity: View[Any] | None
    views: Sequence[View[Any]]


def mutation(command: type[Command], projections: ContextViews, row: Any, types: TypeMap) -> Field:
    """Return the mutation of a command; `row` is the GraphQL type of the view of its context's entity."""
    wait = types.of(Await, "await", "Await")
    name = command.__name__
    return output_field(
        name[0].lower() + name[1:],
        _payload(command, projections.entity, row, types),
        cleandoc(command.__doc__ or ""),
        resolver=_resolver(command, projections),
        arguments=[
            argument("input", types.model_input(command, f"{name}Input"), "The fields of the command."),
            argument(
                "command_id",
                strawberry.ID | None,
                (
                    "An id that makes the mutation safe to send again: a command with one id takes effect at "
                    "most once. The same id with other content is refused with COMMAND_ID_REUSED."
                ),
            ),
            argument(
                "expected_version",
                int | None,
                "The version that the decision is based on: `_meta.version` of the row that was read. "
                f"{command.on_conflict.__doc__}",
            ),
            argument(
                "await_", wait, "What to wait for before the response is sent.", default=Await.STORED.value
            ),
        ],
        weight=COMMAND,
    )


def _payload(command: type[Command], entity: View[Any] | None, row: Any, types: TypeMap) -> Any:
    receipt = output_field("receipt", receipt_type(types), "The receipt of the command.")
    fields = [*secret_fields(command), *webhook_secret_fields(command), receipt]
    if entity is not None:
        text = "The entity after the command; null unless `await` is PROJECTED."
        fields.insert(0, output_field(entity.singular, row | None, text))
    return declare(f"{command.__name__}Payload", fields)


def receipt_type(types: TypeMap) -> Any:
    """Return ``Receipt``."""
    return types.claim("Receipt", Receipt, _declare_receipt)


def _declare_receipt() -> Any:
    fields = [
        output_field(
            "command_id",
            strawberry.ID,
            "The id of the command. The server makes one if the client sent none.",
        ),
        output_field("stream", strawberry.ID, "The stream of the events: the id of the entity."),
        output_field("version", int, "The stream's version after the command."),
        output_field(
            "position",
            Position,
            "The position of the events in the log, which queries can wait for with `atLeast`.",
            # Sealing takes long, and few clients select it.
            read=lambda source, context: context.seal(Place(source["position"])),
        ),
        output_field(
            "correlation_id",
            strawberry.ID,
            "The id of the request's trace, or else of the command itself.",
        ),
        output_field("replayed", bool, "Whether this is the receipt of an earlier command with the same id."),
        output_field(
            "changed", bool, "Whether the command caused events; false if there was nothing to change."
        ),
    ]
    return declare("Receipt", fields, "Confirms a command: its events are stored, or it caused none.")


def _resolver(command: type[Command], projections: ContextViews) -> Resolver:
    async def resolve(
        _root: object,
        info: Info,
        *,
        input: Mapping[str, Any],
        command_id: str | None = None,
        expected_version: int | None = None,
        **rest: str,
    ) -> dict[str, Any]:
        context = info.context
        secrets = make_secrets(command)
        hashes = {field: secret.hash for field, secret in secrets.items()}
        envelope = Envelope(
            _read(command, {**_with_key(projections.entity, input, context), **hashes}, info),
            context.command_scope,
            command_id,
            expected_version,
            source="graphql",
            permission=context.permission(command),
        )
        await check_key_grant(envelope.command, context)
        receipt = await _dispatch(envelope, context)
        payload = {
            "receipt": receipt_row(receipt),
            **shown_secrets(command, secrets, receipt),
            **await shown_webhook_secret(envelope.command, receipt, context),
        }
        if rest["await"] == Await.PROJECTED.value:
            await _add_projected(payload, envelope.command, projections, receipt, info)
        return payload

    return resolve


def _with_key(
    entity: View[Any] | None, input: Mapping[str, Any], context: RequestContext
) -> Mapping[str, Any]:
    """Return the input with the row's key in place of its id, where these differ."""
    if entity is None or entity.is_entity:
        return input
    return {**input, "id": present_key(entity, input["id"], context, "input", "id")}


def _read(command: type[Command], input: Mapping[str, Any], info: Info) -> Command:
    """Return the command of an input; raises ValidationFailed, which explains ids of past states."""
    declared = info.parent_type.fields[info.field_name].args["input"].type
    reject_past_ids(declared, input, info.context, "input")
    try:
        return with_stored_view(read_command(command, input, "input"), info.context.runtime.readers)
    except ValidationFailed as refused:
        value: Any = {"input": input}
        for part in refused.path:
            with suppress(LookupError, TypeError):
                value = value[part]
        if isinstance(value, str):
            reject_past_id(value, info.context, *refused.path)
        raise


async def _dispatch(envelope: Envelope, context: RequestContext) -> Receipt:
    try:
        return await context.runtime.bus.dispatch(envelope)
    except ValidationFailed as refused:
        if refused.path and refused.path[0] in type(envelope.command).model_fields:
            raise ValidationFailed(str(refused), ("input", *refused.path)) from None
        raise
    except CommandIdReused as reused:
        if context.caller.is_anonymous:
            # Callers without credentials cannot be told apart: the first command may be of another one.
            raise CommandIdTaken(reused.command_id) from None
        sealed = context.seal(Place(reused.position))
        raise CommandIdReused(
            reused.command_id, reused.name, reused.stream, reused.position, sealed
        ) from None


async def _add_projected(
    payload: dict[str, Any], command: Command, projections: ContextViews, receipt: Receipt, info: Info
) -> None:
    """Wait for the views, then add the entity's row to the payload, or the error that replaces it.

    The receipt and the error must both reach the client. Where the row is not selected, the error is reported
    in addition to the payload.
    """
    name = None if projections.entity is None else projections.entity.singular
    try:
        row = await _projected(command, projections, receipt, info)
    except (StaleRead, RowParked) as error:
        if name is not None and info.context.selections.selects(info, name):
            payload[name] = error
        else:
            info.context.report(error, info)
        return
    if name is not None:
        payload[name] = row


async def _projected(
    command: Command, projections: ContextViews, receipt: Receipt, info: Info
) -> Mapping[str, Any] | None:
    """Return the entity's row after the command; None where there is no entity or its row is gone.

    Raises StaleRead and RowParked.
    """
    context, entity = info.context, projections.entity
    runtime, tenant = context.runtime, context.scope.tenant
    deadline = monotonic() + runtime.settings.wait_timeout
    position = receipt.position
    views = views_to_wait_for(command, projections.category, entity, projections.views)
    await runtime.projection_waits.reach(views, position, runtime.settings.wait_timeout)
    await runtime.projection_waits.check_folded(tenant, command, receipt, views)
    if entity is None:
        return None
    within = min(await reach_links(entity, position, info), max(0.0, deadline - monotonic()))
    return await runtime.readers[entity.name].get_at_least(
        context.rows(entity),
        receipt.stream,
        position,
        within,
        event=EventName(receipt.stream, receipt.version),
        fields=context.selections.fields(info, entity),
    )


def receipt_row(receipt: Receipt) -> dict[str, Any]:
    """Return the receipt as the fields of ``Receipt`` read it. Its position is not sealed yet."""
    return {
        "command_id": receipt.command_id,
        "stream": receipt.stream,
        "version": receipt.version,
        "position": receipt.position,
        "correlation_id": receipt.correlation,
        "replayed": receipt.replayed,
        "changed": receipt.changed,
    }
