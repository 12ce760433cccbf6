"""Writes events as CloudEvents 1.0, one JSON object per line; the lines of a commit are adjacent.

    {"specversion": "1.0", "id": "01J...", "source": "/nerve/default", "type": "task.created",
     "subject": "task-17", "time": "2024-05-17T12:00:00.000Z", "datacontenttype": "application/json",
     "tenant": "default", "category": "task", "position": "4711", "eventcount": 1, "eventindex": 0,
     "streamversion": 1, "revision": 1, "command": "CreateTask", "commandid": "4711",
     "correlationid": "workflow-3", "data": {...}}

In addition to the specification's attributes, a line has the `position` in the log (as text, because the
specification's integers have 32 bits), the event's index in its commit, the number of events there, and the
metadata of the commit. `origin` is the source of its command. `time` is when the event occurred;
`recordedtime` is when it was recorded, if that differs. `firstrecordedtime` is when the log from which it
was imported recorded it, if that differs too. `authentication` is how the `actor` was authenticated. With
personal data, `clientaddress` is the actor's network address, if the log has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from api.encoding import encode
from api.event_json import event_json
from domain.kernel import Commit, RecordedEvent
from domain.kernel.errors import ValidationFailed
from domain.kernel.personal import carried_subjects, personal_fields, put_personal
from domain.kernel.rfc3339 import write_moment
from domain.kernel.unreadable import describe_unreadable


def commit_lines(
    commit: Commit, *, personal: bool, client: str | None = None, position: int | None = None
) -> bytes:
    """Return the lines of a commit; without `personal` all personal values are null.

    `client` is the opened address of its client. `position` is written in place of that in the log.

    Raises ValidationFailed where an event has a value that JSON cannot represent, or where its personal
    fields are unknown because no registered context declares its type.
    """
    shared: dict[str, Any] = {
        "position": str(position or commit.position),
        "eventcount": len(commit.events),
    }
    if client is not None:
        shared["clientaddress"] = client
    return b"".join(_to_line(event, shared, personal=personal) for event in commit.events)


def _to_line(event: RecordedEvent, shared: Mapping[str, Any], *, personal: bool) -> bytes:
    """Return the line of an event; `shared` are attributes that all events of its commit have."""
    line = _attributes(event, shared) | {"data": _data(event, personal=personal)}
    try:
        return encode(line) + b"\n"
    except TypeError as error:
        raise ValidationFailed(
            f"the event {event.type!r} at position {event.position} cannot be written as JSON: {error}"
        ) from None


def _attributes(event: RecordedEvent, shared: Mapping[str, Any]) -> dict[str, Any]:
    info = event.commit
    attributes = {
        "specversion": "1.0",
        "id": event.id,
        "source": f"/nerve/{quote(info.tenant, safe='')}",
        "type": event.type,
        "subject": info.stream,
        "time": write_moment(event.time),
        "recordedtime": None if info.occurred is None else write_moment(info.at),
        "firstrecordedtime": None if info.recorded is None else write_moment(info.recorded),
        "datacontenttype": "application/json",
        "tenant": info.tenant,
        "category": info.category,
        **shared,
        "eventindex": event.place,
        "streamversion": event.version,
        "revision": event.revision,
        "command": info.command,
        "commandid": info.command_id,
        "correlationid": info.correlation,
        "causationid": info.causation,
        "actor": info.actor,
        "authentication": info.authentication,
        "origin": info.source,
    }
    return {name: value for name, value in attributes.items() if value is not None}


def _data(event: RecordedEvent, *, personal: bool) -> Mapping[str, Any]:
    if event.payload is None:
        if event.subjects:
            raise ValidationFailed(
                f"cannot be exported, because it has personal data: {describe_unreadable(event)}"
            )
        return event.data
    values = event_json(event)
    kind = type(event.payload)
    # In the order in which the fields are declared and stored; an upcaster may use another order.
    data = {name: values[name] for name in kind.model_fields if name in values}
    personal_names = personal_fields(kind)
    if personal:
        return {
            name: value for name, value in data.items() if value is not None or name not in personal_names
        }
    put_personal(data, dict.fromkeys(carried_subjects(event.payload)))
    return {
        name: None if name in personal_names else data[name]
        for name in kind.model_fields
        if name in data or name in personal_names
    }
