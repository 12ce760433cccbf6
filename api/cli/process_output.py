"""The records of instances of processes, and how one is printed as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.table import Table

from api.cli.records import Cell, Record, format_value
from api.cli.terminal import print_table, say
from domain.kernel.names import client_name
from domain.kernel.rfc3339 import write_moment
from domain.kernel.types.annotations import record_type
from domain.kernel.types.json_values import json_writer
from projections.builtin.process_rows import ProcessRow
from projections.storage.rows import Row
from subscriptions.processes.open_work import Work

COLUMNS: Mapping[str, Cell] = {
    "id": "id",
    "status": "status",
    "waiting for": "waitingFor",
    "next deadline": lambda record: _short(record["nextDeadline"]),
    "error": lambda record: record["errorCode"] or format_value(record["error"]),
    "updated": lambda record: _short(record["updatedAt"]),
}
"""The columns of the list of instances."""


def process_record(row: Row) -> Record:
    """Return the fields of an instance with the names of the API."""
    row_type: Any = ProcessRow
    write = json_writer(record_type(row_type), client_name)
    assert write is not None
    record: Record = write({name: row[name] for name in ProcessRow.__annotations__})
    return record


def attempt_records(failing: Sequence[Work]) -> Sequence[Record]:
    """Return the attempts of calls without an outcome with the names of the API."""
    return [
        {
            "effectId": work.id,
            "attempts": work.attempts,
            "error": work.error,
            "nextAttemptAt": None if work.due is None else write_moment(work.due),
        }
        for work in failing
    ]


def print_process(row: Row, failing: Sequence[Work]) -> None:
    """Print an instance with its effects; `failing` are the calls that are tried again."""
    works = {work.id: work for work in failing}
    say(f"{row['id']} is {row['status']}")
    for label, value in _facts(row):
        if value:
            say(f"  {label:<15} {value}")
    table = Table("effect", "name", "what", "state", "attempts", "error")
    for effect in row["effects"]:
        what = effect["operation"] if effect["port"] is None else f"{effect['operation']} ({effect['port']})"
        error = ": ".join(filter(None, (effect["code"], effect["message"]))) or "-"
        attempts = str(effect["attempts"] or "-")
        if (work := works.get(effect["effect_id"])) is not None:
            attempts, error = str(work.attempts), f"{work.error}; next attempt at {_time(work.due)}"
        table.add_row(effect["effect_id"], effect["name"], what, effect["state"], attempts, error)
    if row["omitted_effects"]:
        say(f"  {row['omitted_effects']} earlier effects are left out")
    if row["effects"]:
        print_table(table)


def _facts(row: Row) -> Sequence[tuple[str, str | None]]:
    deadlines = [f"{deadline['name']} at {_time(deadline['due'])}" for deadline in row["deadlines"]]
    error = ": ".join(filter(None, (row["error_code"], row["error"])))
    return (
        ("waiting for", ", ".join(row["waiting_for"])),
        ("deadlines", ", ".join(deadlines)),
        ("stuck on", row["stuck_on"]),
        ("last error", error),
        ("compensates", row["compensation_reason"]),
        ("ended because", row["end_reason"]),
        ("started by", row["parent_id"]),
        ("correlation", row["correlation_id"]),
        ("started", _time(row["started_at"])),
        ("updated", _time(row["updated_at"])),
        ("ended", _time(row["ended_at"], "")),
    )


def _time(moment: datetime | None, without: str = "-") -> str:
    return without if moment is None else moment.isoformat(sep=" ", timespec="seconds")


def _short(moment: str | None) -> str:
    """Return a moment of a record to the second, in UTC."""
    return "-" if moment is None else moment[:19].replace("T", " ")
