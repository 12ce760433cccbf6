"""The data of stored events as JSON, for the API, the CLI and exports."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from domain.kernel import Event, RecordedEvent
from domain.kernel.types.annotations import Kind, holds_kind, record_type
from domain.kernel.types.json_values import Rename, Write, json_writer


def event_json(event: RecordedEvent, rename: Rename | None = None) -> Mapping[str, Any]:
    """The event's data with the JSON form of each value, as docs/types.md has it.

    Datetimes, decimals and bytes may be left to `api.encoding`, which knows their form by their class. An
    event that this process cannot read shows what is stored. `rename` gives the names of fields; keys of
    dicts and of JSON stay as they are.
    """
    if event.payload is None:
        return event.data
    write = _writer(type(event.payload), rename)
    data: Mapping[str, Any] = event.data if write is None else write(event.data)
    return data


@cache
def _writer(kind: type[Event], rename: Rename | None) -> Write | None:
    """The writer of the class; None where the encoder of responses needs no declaration.

    A duration is stored as a number, and only its declaration shows that it is one.
    """
    record = record_type(kind)
    return json_writer(record, rename) if rename or holds_kind(record, Kind.DURATION) else None
