"""The secrets of API keys in mutations: made for each request, shown once in the payload."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from api.access.grants import check_command_names, check_grant
from api.access.key_format import NewSecret, format_key, new_secret
from api.graphql.declare import output_field
from api.graphql.execution.request_context import RequestContext
from api.graphql.strawberry_internals import Field
from domain.builtin.apikeys.aggregate import ApiKey
from domain.builtin.apikeys.commands import IssueApiKey, RotateApiKey
from domain.kernel import Command, Receipt
from domain.kernel.command import secret_hashes


def make_secrets(command: type[Command]) -> Mapping[str, NewSecret]:
    """Return a new secret for each field of the command that is the hash of one; nearly always none."""
    return {field: new_secret() for field in secret_hashes(command)}


def secret_fields(command: type[Command]) -> Iterator[Field]:
    """Yield the fields of the payload that show the secrets."""
    for mark in secret_hashes(command).values():
        yield output_field(
            mark.shown_as,
            str | None,
            "The key, which is shown only here: keep it in a safe place. Send it as `Authorization: Bearer` "
            "or as `X-API-Key`. Null where the receipt is that of an earlier command.",
        )


def shown_secrets(
    command: type[Command], secrets: Mapping[str, NewSecret], receipt: Receipt
) -> dict[str, Any]:
    """Return what the payload shows of the secrets: nothing where an earlier run of the command made them."""
    return {
        mark.shown_as: None if receipt.replayed else format_key(receipt.stream, secrets[field].text)
        for field, mark in secret_hashes(command).items()
    }


async def check_key_grant(command: Command, context: RequestContext) -> None:
    """Check that the caller may grant what the holder of the command's API key may do.

    Raises Forbidden, and ValidationFailed for a command that does not exist.
    """
    if isinstance(command, IssueApiKey):
        check_command_names(command.commands, context.runtime.catalog, "input", "commands")
        check_grant(context.caller, command.roles, command.commands)
    elif isinstance(command, RotateApiKey):
        loaded = await context.runtime.aggregates.load(context.scope.tenant, command.id, ApiKey, fresh=True)
        if loaded.version:
            check_grant(context.caller, loaded.state.roles, loaded.state.commands)
