"""``nerve access``: API keys, and the end of access of subjects, credentials, roles and tenants."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer

from api.access.grants import check_command_names
from api.access.key_format import format_key, new_secret
from api.cli.access_explain import explain
from api.cli.connection import connect_runtime
from api.cli.development_token import token
from api.cli.records import (
    AsJson,
    Cell,
    Record,
    format_value,
    print_record,
    print_records,
    print_result,
    to_record,
)
from api.cli.tenant_option import DEFAULT_TENANT, Tenant, cli_scope
from api.cli.terminal import say, warn
from api.graphql.fields.command_inputs import read_input
from api.runtime import Runtime
from domain.builtin.apikeys.commands import IssueApiKey, RevokeApiKey, RotateApiKey
from domain.builtin.revocations.commands import AccessKind, EndAccess, RestoreAccess
from domain.kernel import Command, Envelope, Receipt
from projections.builtin import api_keys, revocations
from projections.querying.pages import ListQuery
from projections.querying.row_scope import RowScope

app = typer.Typer(help="Manage API keys, end or restore access, and explain it.", no_args_is_help=True)
keys = typer.Typer(help="Issue, list, rotate and revoke API keys.", no_args_is_help=True)
app.add_typer(keys, name="keys")
app.command()(token)
app.command()(explain)

KeyId = Annotated[str, typer.Argument(help="The id of a key, such as apikey-01J9.")]
Kind = Annotated[AccessKind, typer.Argument(help="What access belongs to.", case_sensitive=False)]
AccessName = Annotated[
    str | None,
    typer.Argument(
        help="The subject, the credential (token-JTI or apikey-ID), or the role; none for TENANT."
    ),
]
Reason = Annotated[str, typer.Option(help="The reason, stored in the log; clients receive it.")]

KEY_COLUMNS: Mapping[str, Cell] = {
    "key": "id",
    "name": "name",
    "subject": "subject",
    "roles": "roles",
    "commands": lambda key: "all" if key["commands"] is None else format_value(key["commands"] or "none"),
    "issued": lambda key: _minute(key["issuedAt"]),
    "expires": lambda key: _minute(key["expiresAt"]),
    "revoked": lambda key: _minute(key["revokedAt"]),
    "last use": lambda key: _minute(key["lastUsedAt"]),
}
ENDED_COLUMNS: Mapping[str, Cell] = {
    "kind": "kind",
    "name": "name",
    "ended": lambda entry: _minute(entry["endedAt"]),
    "by": lambda entry: entry["endedBy"] or "command line",
    "refused": lambda entry: "all credentials" if entry["untilRestored"] else "credentials of before",
    "reason": "reason",
}


@keys.command()
def issue(
    name: Annotated[str, typer.Argument(help="What the key is for, such as the service that uses it.")],
    role: Annotated[list[str] | None, typer.Option(help="A role of the key; can be repeated.")] = None,
    command: Annotated[
        list[str] | None,
        typer.Option(help="A command that the key may send, and no others; can be repeated."),
    ] = None,
    subject: Annotated[str | None, typer.Option(help="The subject of the key; default: its own id.")] = None,
    expires_at: Annotated[
        str | None, typer.Option(help="When it expires, such as 2030-01-01T00:00:00Z; default: never.")
    ] = None,
    as_json: AsJson = False,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """Issue an API key, and print it to stdout. It cannot be shown again."""
    fields = {
        "name": name,
        "roles": role or [],
        "commands": command or None,
        "subject": subject,
        "expires_at": expires_at,
    }
    asyncio.run(_show_new_key(tenant, IssueApiKey, fields, as_json=as_json))


@keys.command()
def rotate(
    key: KeyId,
    grace: Annotated[
        str, typer.Option(help="How long the old secret still works, such as PT1H; PT0S: not at all.")
    ] = "P1D",
    as_json: AsJson = False,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """Give a key a new secret, and print the key to stdout. It cannot be shown again."""
    asyncio.run(_show_new_key(tenant, RotateApiKey, {"id": key, "grace": grace}, as_json=as_json))


@keys.command()
def revoke(
    key: KeyId,
    reason: Annotated[str | None, typer.Option(help="The reason, stored in the log.")] = None,
    as_json: AsJson = False,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """Revoke a key for good, and close the connections of its holder."""
    receipt = _dispatch(tenant, read_input(RevokeApiKey, {"id": key, "reason": reason}))
    text = f"{key} is revoked" if receipt.changed else f"{key} was revoked before"
    print_result({"id": key, "changed": receipt.changed}, text, as_json=as_json)


@keys.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="The maximum number of keys.")] = 100,
    as_json: AsJson = False,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """List the keys, the newest first, with their last use to the minute."""
    asyncio.run(_list(tenant, limit, as_json=as_json))


@app.command()
def end(
    kind: Kind,
    reason: Reason,
    name: AccessName = None,
    until_restored: Annotated[
        bool, typer.Option("--until-restored", help="Refuse tokens that are issued later, too.")
    ] = False,
    as_json: AsJson = False,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """End access: close connections, and refuse the tokens and keys that were issued until now."""
    fields = {"kind": kind, "name": name, "reason": reason, "until_restored": until_restored}
    receipt = _dispatch(tenant, read_input(EndAccess, fields))
    record = {"kind": kind, "name": name, "changed": receipt.changed}
    print_result(record, f"access of {_described(kind, name, tenant)} has ended", as_json=as_json)


@app.command()
def restore(
    kind: Kind,
    reason: Reason,
    name: AccessName = None,
    as_json: AsJson = False,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """Restore access that was ended: what was issued before is accepted again, unless it has expired."""
    receipt = _dispatch(tenant, read_input(RestoreAccess, {"kind": kind, "name": name, "reason": reason}))
    state = "is restored" if receipt.changed else "was restored before"
    record = {"kind": kind, "name": name, "changed": receipt.changed}
    print_result(record, f"access of {_described(kind, name, tenant)} {state}", as_json=as_json)


@app.command("list")
def list_ended(
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="The maximum number of entries.")] = 100,
    as_json: AsJson = False,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """List the access that has ended and was not restored, the latest first."""
    asyncio.run(_list_ended(tenant, limit, as_json=as_json))


def _described(kind: AccessKind, name: str | None, tenant: str) -> str:
    return f"the {kind.lower()} {tenant if name is None else name}"


def _dispatch(tenant: str, command: Command) -> Receipt:
    async def dispatch() -> Receipt:
        async with connect_runtime() as runtime:
            return await runtime.bus.dispatch(Envelope(command, cli_scope(tenant), source="cli"))

    return asyncio.run(dispatch())


async def _show_new_key(
    tenant: str, kind: type[IssueApiKey | RotateApiKey], fields: Mapping[str, Any], *, as_json: bool
) -> None:
    secret = new_secret()
    command = read_input(kind, {**fields, "secret_hash": secret.hash})
    async with connect_runtime() as runtime:
        if isinstance(command, IssueApiKey):
            check_command_names(command.commands, runtime.catalog, "command")
        receipt = await runtime.bus.dispatch(Envelope(command, cli_scope(tenant), source="cli"))
    key = format_key(receipt.stream, secret.text)
    if as_json:
        print_record({"id": receipt.stream, "key": key})
    else:
        warn(f"{receipt.stream} has this key, which is not shown again:")
        say(key)


async def _list(tenant: str, limit: int, *, as_json: bool) -> None:
    async with connect_runtime() as runtime:
        query = ListQuery(limit, {}, [("issued_at", "desc")])
        page = await runtime.readers[api_keys.NAME].page(RowScope(tenant), query)
        records = await _key_records(runtime, tenant, page.rows)
    print_records(records, KEY_COLUMNS, as_json=as_json, empty="there is no API key")
    if page.has_next:
        warn(f"there are more than {limit} keys; see --limit")


async def _key_records(runtime: Runtime, tenant: str, rows: Sequence[Mapping[str, Any]]) -> Sequence[Record]:
    used = await runtime.key_uses.read(tenant, [row["id"] for row in rows])
    names = api_keys.ApiKeyRow.__annotations__
    return [{**to_record(row, names), "lastUsedAt": used.get(row["id"])} for row in rows]


async def _list_ended(tenant: str, limit: int, *, as_json: bool) -> None:
    async with connect_runtime() as runtime:
        query = ListQuery(limit, {}, [("ended_at", "desc")])
        page = await runtime.readers[revocations.NAME].page(RowScope(tenant), query)
    names = revocations.RevocationRow.__annotations__
    records = [to_record(row, names) for row in page.rows]
    print_records(records, ENDED_COLUMNS, as_json=as_json, empty="no access has ended")
    if page.has_next:
        warn(f"there are more than {limit} entries; see --limit")


def _minute(time: datetime | None) -> str:
    return "-" if time is None else f"{time:%Y-%m-%d %H:%M}"
