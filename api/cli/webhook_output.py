"""What ``nerve webhooks`` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table

from api.cli.records import Cell, Record, format_value, to_record
from api.cli.terminal import print_table, say
from domain.kernel.names import quantity
from projections.builtin.webhooks import WebhookRow
from subscriptions.publishing.deliveries import PendingDelivery
from subscriptions.publishing.webhook_status import WebhookStatus

Row = Mapping[str, Any]

COLUMNS: Mapping[str, Cell] = {
    "webhook": "id",
    "name": "name",
    "state": "state",
    "url": "url",
    "events": lambda record: _filter(record),
    "created": "createdAt",
}
"""The columns of the list of webhooks."""

LETTER_FIELDS = (
    "stream",
    "version",
    "position",
    "event",
    "type",
    "attempts",
    "first_failed_at",
    "failed_at",
    "status",
    "error",
)
"""The fields of a dead letter that are printed as JSON."""


def webhook_record(row: Row) -> Record:
    """Return the fields of a webhook with the names of the API."""
    return to_record(row, WebhookRow.__annotations__)


def status_record(row: Row, status: WebhookStatus, letters: Sequence[PendingDelivery]) -> Record:
    """Return a webhook with what it has delivered, and with these dead letters."""
    fields = asdict(status)
    return {
        **webhook_record(row),
        **to_record(fields, ("position", "lag", "pending", "delivered", "failed")),
        "attempts": [asdict(attempt) for attempt in status.attempts],
        "deadLetterCount": status.dead_letters,
        "deadLetters": [to_record(asdict(letter), LETTER_FIELDS) for letter in letters],
    }


def print_webhook(row: Row, status: WebhookStatus) -> None:
    """Print a webhook, and what it has delivered."""
    say(f"{row['id']} ({row['name']}) posts {_filter(row)} to {row['url']}")
    batches = f", up to {row['batch_size']} in a request" if row["batch_size"] > 1 else ""
    say(f"mode: {row['mode']}{batches}")
    reason = f": {row['pause_reason']}" if row["pause_reason"] is not None else ""
    say(f"state: {row['state']}{reason}")
    say(f"last delivered position: {format_value(status.position)}, lag: {status.lag:.1f} s")
    say(
        f"{quantity(status.delivered, 'event')} delivered, {quantity(status.failed, 'request')} failed, "
        f"{quantity(status.pending, 'stream')} waiting for another attempt, "
        f"{quantity(status.dead_letters, 'dead letter')}"
    )
    if status.attempts:
        table = Table("at", "events", "first event", "status", "seconds", "error")
        for attempt in reversed(status.attempts):
            outcome = (format_value(attempt.status), f"{attempt.seconds:.3f}", format_value(attempt.error))
            table.add_row(format_value(attempt.at), str(attempt.events), attempt.event, *outcome)
        print_table(table)


def print_dead_letters(letters: Sequence[PendingDelivery], total: int) -> None:
    """Print a line for each of these dead letters, of `total` in all."""
    if not letters:
        return
    table = Table("dead letter", "version", "type", "attempts", "last", "error")
    for letter in letters:
        tried = (str(letter.attempts), format_value(letter.failed_at), format_value(letter.error))
        table.add_row(letter.stream, str(letter.version), letter.type, *tried)
    print_table(table)
    if total > len(letters):
        say(f"and {total - len(letters)} more dead letters")


def _filter(row: Row) -> str:
    names = [*row["types"], *(f"{name}.*" for name in row["categories"]), *row["streams"]]
    return ", ".join(names) if names else "all events"
