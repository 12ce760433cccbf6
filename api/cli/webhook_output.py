"""What ``nerve webhooks`` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.table import Table

from api.cli.terminal import print_table, say
from subscriptions.publishing.deliveries import PendingDelivery
from subscriptions.publishing.webhook_status import WebhookStatus

Row = Mapping[str, Any]


def print_webhooks(rows: Sequence[Row]) -> None:
    """Print a line for each webhook."""
    table = Table("webhook", "name", "state", "url", "events", "created")
    for row in rows:
        table.add_row(
            row["id"], row["name"], row["state"], row["url"], _filter(row), _time(row["created_at"])
        )
    print_table(table)


def print_webhook(row: Row, status: WebhookStatus) -> None:
    """Print a webhook, and what it has delivered."""
    say(f"{row['id']} ({row['name']}) posts {_filter(row)} to {row['url']}")
    batches = f", up to {row['batch_size']} in a request" if row["batch_size"] > 1 else ""
    say(f"mode: {row['mode']}{batches}")
    reason = f": {row['pause_reason']}" if row["pause_reason"] is not None else ""
    say(f"state: {row['state']}{reason}")
    say(f"last delivered position: {_text(status.position)}, lag: {status.lag:.1f} s")
    say(
        f"{status.delivered} events delivered, {status.failed} requests failed, {status.pending} streams "
        f"wait for another attempt, {status.dead_letters} dead letters"
    )
    if status.attempts:
        table = Table("at", "events", "first event", "status", "seconds", "error")
        for attempt in reversed(status.attempts):
            outcome = (_text(attempt.status), f"{attempt.seconds:.3f}", _text(attempt.error))
            table.add_row(_time(attempt.at), str(attempt.events), attempt.event, *outcome)
        print_table(table)


def print_dead_letters(letters: Sequence[PendingDelivery], total: int) -> None:
    """Print a line for each of these dead letters, of `total` in all."""
    if not letters:
        return
    table = Table("dead letter", "version", "type", "attempts", "last", "error")
    for letter in letters:
        tried = (str(letter.attempts), _time(letter.failed_at), _text(letter.error))
        table.add_row(letter.stream, str(letter.version), letter.type, *tried)
    print_table(table)
    if total > len(letters):
        say(f"and {total - len(letters)} more dead letters")


def _filter(row: Row) -> str:
    names = [*row["types"], *(f"{name}.*" for name in row["categories"]), *row["streams"]]
    return ", ".join(names) if names else "all events"


def _time(time: datetime | None) -> str:
    return "-" if time is None else f"{time:%Y-%m-%d %H:%M:%S}"


def _text(value: object) -> str:
    return "-" if value is None else str(value)
