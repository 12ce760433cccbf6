"""``nerve webhooks``: create, list and show webhooks, and pause, resume, replay, retry and delete them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from api.cli.confirmation import Yes, confirm, is_interactive
from api.cli.connection import connect_runtime
from api.cli.points import MAX_INTEGER, parse_moment, parse_position
from api.cli.records import AsJson, print_record, print_records, print_result
from api.cli.tenant_option import DEFAULT_TENANT, Tenant, cli_scope
from api.cli.terminal import say, warn
from api.cli.webhook_output import COLUMNS, print_dead_letters, print_webhook, status_record, webhook_record
from api.graphql.fields.command_inputs import read_input
from api.ids import now
from api.runtime import Runtime
from api.webhooks.secrets import WebhookSecrets
from domain.builtin.webhooks.aggregate import Webhook
from domain.builtin.webhooks.commands import (
    MAX_BATCH,
    CreateWebhook,
    DeleteWebhook,
    DropWebhookDelivery,
    PauseWebhook,
    ReplayWebhook,
    ResumeWebhook,
    RetryWebhook,
    RotateWebhookSecret,
    WebhookMode,
)
from domain.kernel import Command, Envelope, Receipt
from domain.kernel.errors import NotFound
from eventstore.reading.event_query import EVERYTHING
from projections.builtin.webhooks import NAME
from projections.querying.pages import ListQuery
from projections.querying.row_scope import RowScope
from subscriptions.publishing.ports import WebhookKey
from subscriptions.publishing.webhook_status import WebhookStatusReader

app = typer.Typer(
    help="Manage webhooks: URLs to which events are posted.",
    no_args_is_help=True,
)

MAX_LETTERS = 100
"""Dead letters that are listed."""

WebhookId = Annotated[str, typer.Argument(help="The id of a webhook, such as webhook-01J9.")]
Reason = Annotated[str, typer.Option(help="Why, for the record; it is stored in the log.")]


@app.command()
def create(
    url: Annotated[str, typer.Argument(help="Where events are posted, such as https://shop.example/events.")],
    name: Annotated[str, typer.Option(help="What it is for, such as the service that it notifies.")],
    type: Annotated[list[str] | None, typer.Option(help="Only events of this type; can be repeated.")] = None,
    category: Annotated[list[str] | None, typer.Option(help="Only events of this category.")] = None,
    stream: Annotated[list[str] | None, typer.Option(help="Only events of this stream.")] = None,
    mode: Annotated[WebhookMode, typer.Option(help="The form of requests.")] = WebhookMode.STRUCTURED,
    batch_size: Annotated[int, typer.Option(min=1, max=MAX_BATCH, help="Events in a request, at most.")] = 1,
    personal: Annotated[bool, typer.Option("--personal", help="Send personal data.")] = False,
    as_json: AsJson = False,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """Create a webhook, and print its secret to stdout. It is not shown again."""
    fields = {
        "name": name,
        "url": url,
        "types": type or (),
        "categories": category or (),
        "streams": stream or (),
        "mode": mode,
        "batch_size": batch_size,
        "personal": personal,
    }
    asyncio.run(_show_secret(tenant, read_input(CreateWebhook, fields), as_json=as_json))


@app.command()
def rotate(
    id: WebhookId,
    overlap: Annotated[str, typer.Option(help="How long the old secret signs too, such as PT1H.")] = "P1D",
    as_json: AsJson = False,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """Give a webhook a new secret, and print it to stdout. It is not shown again."""
    command = read_input(RotateWebhookSecret, {"id": id, "overlap": overlap})
    asyncio.run(_show_secret(tenant, command, as_json=as_json))


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="The maximum number of webhooks.")] = 100,
    as_json: AsJson = False,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """List webhooks, the newest first."""
    asyncio.run(_list(tenant, limit, as_json=as_json))


@app.command()
def show(id: WebhookId, as_json: AsJson = False, tenant: Tenant = DEFAULT_TENANT) -> None:
    """Show a webhook, what it has delivered, its last requests, and its dead letters."""
    asyncio.run(_show(tenant, id, as_json=as_json))


@app.command()
def pause(id: WebhookId, reason: Reason, as_json: AsJson = False, tenant: Tenant = DEFAULT_TENANT) -> None:
    """Stop the deliveries of a webhook. Its events are kept."""
    receipt = _dispatch(tenant, read_input(PauseWebhook, {"id": id, "reason": reason}))
    text = f"{id} is paused" if receipt.changed else f"{id} was paused before"
    print_result({"id": id, "changed": receipt.changed}, text, as_json=as_json)


@app.command()
def resume(id: WebhookId, as_json: AsJson = False, tenant: Tenant = DEFAULT_TENANT) -> None:
    """Resume the deliveries of a paused webhook where they stopped."""
    receipt = _dispatch(tenant, read_input(ResumeWebhook, {"id": id}))
    text = f"{id} delivers again" if receipt.changed else f"{id} was not paused"
    print_result({"id": id, "changed": receipt.changed}, text, as_json=as_json)


@app.command()
def replay(
    id: WebhookId,
    after: Annotated[
        str | None, typer.Option(help="After this event, by its id, or after this position of the log.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="From this time of recording on, such as 2026-01-31T12:00:00Z.")
    ] = None,
    as_json: AsJson = False,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """Deliver matching events again; without an option those of the whole log."""
    receipt = asyncio.run(_replay(tenant, id, after, since))
    text = f"events are delivered to {id} again"
    print_result({"id": id, "changed": receipt.changed}, text, as_json=as_json)


@app.command()
def retry(
    id: WebhookId,
    stream: Annotated[str | None, typer.Option(help="Only the dead letter of this stream.")] = None,
    as_json: AsJson = False,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """Deliver the dead letters of a webhook again, and the events that wait behind them."""
    receipt = _dispatch(tenant, read_input(RetryWebhook, {"id": id, "stream": stream}))
    text = f"the dead letters of {id} are" if stream is None else f"{stream} is"
    record = {"id": id, "stream": stream, "changed": receipt.changed}
    print_result(record, f"{text} delivered again", as_json=as_json)


@app.command()
def drop(
    id: WebhookId,
    stream: Annotated[str, typer.Argument(help="The stream of the dead letter, such as task-42.")],
    version: Annotated[
        int, typer.Argument(min=1, max=MAX_INTEGER, help="The version of the event in the stream.")
    ],
    reason: Annotated[str | None, typer.Option(help="Why, for the record.")] = None,
    yes: Yes = False,
    as_json: AsJson = False,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """Drop a dead letter, and deliver the events that wait behind it."""
    fields = {"id": id, "stream": stream, "version": version, "reason": reason}
    command = read_input(DropWebhookDelivery, fields)
    if is_interactive() and not yes:
        confirm(f"Drop version {version} of {stream}, and deliver the events that wait behind it?")
    receipt = _dispatch(tenant, command)
    record = {"id": id, "stream": stream, "version": version, "changed": receipt.changed}
    print_result(record, f"version {version} of {stream} is dropped", as_json=as_json)


@app.command()
def delete(id: WebhookId, yes: Yes = False, as_json: AsJson = False, tenant: Tenant = DEFAULT_TENANT) -> None:
    """Delete a webhook for good, with what it has not delivered."""
    command = read_input(DeleteWebhook, {"id": id})
    if is_interactive() and not yes:
        confirm(f"Delete {id} for good, with what it has not delivered?")
    receipt = _dispatch(tenant, command)
    print_result({"id": id, "changed": receipt.changed}, f"{id} is deleted", as_json=as_json)


def _dispatch(tenant: str, command: Command) -> Receipt:
    async def dispatch() -> Receipt:
        async with connect_runtime() as runtime:
            return await _send(runtime, tenant, command)

    return asyncio.run(dispatch())


async def _send(runtime: Runtime, tenant: str, command: Command) -> Receipt:
    return await runtime.bus.dispatch(Envelope(command, cli_scope(tenant), source="cli"))


async def _show_secret(tenant: str, command: Command, *, as_json: bool) -> None:
    async with connect_runtime() as runtime:
        receipt = await _send(runtime, tenant, command)
        key = WebhookKey(tenant, receipt.stream)
        secret = await WebhookSecrets(runtime.log.secrets).secret(key, receipt.version)
    if as_json:
        print_record({"id": receipt.stream, "secret": secret})
    else:
        warn(f"{receipt.stream} has this secret, which is not shown again:")
        say(secret)


async def _list(tenant: str, limit: int, *, as_json: bool) -> None:
    async with connect_runtime() as runtime:
        query = ListQuery(limit, {}, [("created_at", "desc")])
        page = await runtime.readers[NAME].page(RowScope(tenant), query)
    print_records(map(webhook_record, page.rows), COLUMNS, as_json=as_json, empty="there is no webhook")
    if page.has_next:
        warn(f"there are more than {limit} webhooks; see --limit")


async def _show(tenant: str, id: str, *, as_json: bool) -> None:
    async with connect_runtime() as runtime:
        row: Mapping[str, Any] | None = await runtime.readers[NAME].get(RowScope(tenant), id)
        if row is None:
            raise NotFound(f"there is no webhook {id!r}; `nerve webhooks list` lists the webhooks")
        key = WebhookKey(tenant, id)
        reader = WebhookStatusReader(runtime.database, runtime.log, runtime.checkpoints, now)
        loaded = await runtime.aggregates.load(tenant, id, Webhook, fresh=True)
        status = await reader.read(key, loaded.state)
        letters = await reader.dead_letters.page(key, MAX_LETTERS)
    if as_json:
        print_record(status_record(row, status, letters))
    else:
        print_webhook(row, status)
        print_dead_letters(letters, status.dead_letters)


async def _replay(tenant: str, id: str, after: str | None, since: str | None) -> Receipt:
    fields = {"id": id, "after_event": after, "since": parse_moment(since)}
    async with connect_runtime() as runtime:
        if after is not None and after.isdecimal():
            fields["after_event"] = await _event_at(runtime, tenant, parse_position(after))
        return await _send(runtime, tenant, read_input(ReplayWebhook, fields))


async def _event_at(runtime: Runtime, tenant: str, position: int) -> str | None:
    """Return the id of the tenant's last event up to a position; None before the first."""
    events = await runtime.log.search(tenant, EVERYTHING, limit=1, before=position + 1, backward=True)
    return events[-1].id if events else None
