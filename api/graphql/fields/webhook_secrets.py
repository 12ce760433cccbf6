"""The secrets of webhooks in the payloads of the mutations that make them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from api.graphql.declare import output_field
from api.graphql.execution.request_context import RequestContext
from api.graphql.strawberry_internals import Field
from api.webhooks.secrets import WebhookSecrets
from domain.builtin.webhooks.commands import CreateWebhook, RotateWebhookSecret
from domain.kernel import Command, Receipt
from subscriptions.publishing.ports import WebhookKey

SECRET = "secret"
"""The field of the payload."""

_MAKE_SECRETS = (CreateWebhook, RotateWebhookSecret)


def webhook_secret_fields(command: type[Command]) -> Iterator[Field]:
    """Yield the field that shows the secret, if the command makes one."""
    if issubclass(command, _MAKE_SECRETS):
        yield output_field(
            SECRET,
            str | None,
            "The secret that signs requests, by Standard Webhooks. It is shown only here: give it to the "
            "receiver. Null where the receipt is that of an earlier command.",
        )


async def shown_webhook_secret(command: Command, receipt: Receipt, context: RequestContext) -> dict[str, Any]:
    """Return what the payload shows of the secret: nothing where an earlier run of the command made it."""
    if not isinstance(command, _MAKE_SECRETS):
        return {}
    if receipt.replayed:
        return {SECRET: None}
    secrets = WebhookSecrets(context.runtime.log.secrets)
    # A generation is the version of the event that began it.
    key = WebhookKey(context.scope.tenant, receipt.stream)
    return {SECRET: await secrets.secret(key, receipt.version)}
