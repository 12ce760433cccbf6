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
personal data, `clientaddress` is the actor's network address, if the log has it. The extension attributes of
the CloudEvent that the command was sent as follow, see `api.extension_attributes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.encoding import encode
from api.extension_attributes import written_extensions
from api.written_cloud_events import cloud_attributes, cloud_data
from domain.kernel import Commit, RecordedEvent
from domain.kernel.errors import ValidationFailed


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
    if commit.info is not None:
        shared |= written_extensions(commit.info.extensions)
    return b"".join(_to_line(event, shared, personal=personal) for event in commit.events)


def _to_line(event: RecordedEvent, shared: Mapping[str, Any], *, personal: bool) -> bytes:
    """Return the line of an event; `shared` are attributes that all events of its commit have."""
    line = cloud_attributes(event, shared) | {"data": cloud_data(event, personal=personal)}
    try:
        return encode(line) + b"\n"
    except TypeError as error:
        raise ValidationFailed(
            f"the event {event.type!r} at position {event.position} cannot be written as JSON: {error}"
        ) from None
