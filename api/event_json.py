"""Writes the data of stored events as JSON, for the API, the CLI and exports."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from domain.kernel import Event, RecordedEvent
from domain.kernel.types.annotations import Kind, holds_kind, record_type
from domain.kernel.types.json_values import Rename, Write, json_writer


def event_json(event: RecordedEvent, rename: Rename | None = None) -> Mapping[str, Any]:
    """Return the event's data with the JSON form of each value; docs/types.md lists the forms.

    Datetimes, decimals and bytes may remain, because `api.encoding` writes them by their class. The data of
    an event that the code cannot read is returned as stored. `rename` maps names of fields; keys of dicts and
    of JSON values are not changed.
    """
    if event.payload is None:
        return event.data
    write = _writer(type(event.payload), rename)
    data: Mapping[str, Any] = event.data if write is None else write(event.data)
    return data


@cache
def _writer(kind: type[Event], rename: Rename | None) -> Write | None:
    """Return the writer of the class; None where the encoder of responses needs no declaration.

    A duration is stored as a number, so that it can only be recognised by its declaration.
    """
    record = record_type(kind)
    return json_writer(record, rename) if rename or holds_kind(record, Kind.DURATION) else None
