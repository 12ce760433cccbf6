"""Writes the data of stored events as JSON, for the API, the CLI and exports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from domain.kernel import Event, RecordedEvent
from domain.kernel.personal import carried_subjects, personal_fields
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


def personal_paths(event: RecordedEvent, rename: Rename) -> Sequence[str]:
    """Return the fields of `event_json` that may have personal data, or paths to it, as in ``input.email``.

    They are the same after an erasure. Of an event that the code cannot read they are all fields, if it has
    personal data at all.
    """
    if event.payload is None:
        return list(event.data) if event.subjects else []
    names = _personal_names(type(event.payload), rename)
    carried = carried_subjects(event.payload)
    return [*names, *(_rename_first(path, rename) for path in carried)] if carried else names


def _rename_first(path: str, rename: Rename) -> str:
    """Return a path with its field renamed; what is inside the field is JSON, whose keys stay."""
    field, dot, member = path.partition(".")
    return rename(field) + dot + member


@cache
def _personal_names(kind: type[Event], rename: Rename) -> Sequence[str]:
    return [rename(name) for name in personal_fields(kind)]


@cache
def _writer(kind: type[Event], rename: Rename | None) -> Write | None:
    """Return the writer of the class; None where the encoder of responses needs no declaration.

    A duration is stored as a number, so that it can only be recognised by its declaration.
    """
    record = record_type(kind)
    return json_writer(record, rename) if rename or holds_kind(record, Kind.DURATION) else None
