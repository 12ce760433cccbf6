"""Removing what MongoDB has of webhooks beside the log."""

from __future__ import annotations

from eventstore.mongo.driver import Database
from subscriptions.publishing.attempt_log import delete_attempts
from subscriptions.publishing.deliveries import delete_deliveries
from subscriptions.publishing.webhook_runs import delete_runs


async def delete_webhook_state(database: Database, tenant: str, webhook: str | None = None) -> None:
    """Delete the checkpoints, deliveries and attempts of a webhook, or of all of the tenant's.

    A worker that has not seen the end of the webhook yet may still write a little. Raises Unavailable.
    """
    await delete_runs(database, tenant, webhook)
    await delete_deliveries(database, tenant, webhook)
    await delete_attempts(database, tenant, webhook)
