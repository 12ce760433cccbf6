"""Commands as CloudEvents 1.0, one JSON object a line.

    {"specversion": "1.0", "type": "nerve.command.CreateTask", "source": "/ci", "id": "4711",
     "subject": "task-17", "time": "2024-05-17T12:00:00Z", "data": {"title": "Sum", "agentId": "agent-7"}}

`type` names the command, `data` holds its fields as in the API, `subject` is the stream, `id` the command id
that makes it idempotent, `source` is kept with the events, and `time` is when it happened.
See https://cloudevents.io for the format.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Literal

import orjson
from pydantic import BaseModel, Field, ValidationError

from api.transfer.rows import ImportStep, PlannedRow, RefusedRow, describe_error
from domain.kernel import Catalog, Command, Envelope, Identifier, Moment, Scope
from domain.kernel.errors import UnfitValue, ValidationFailed
from domain.kernel.names import client_name
from domain.kernel.types.annotations import record_type
from domain.kernel.types.json_reading import json_reader

PREFIX = "nerve.command."


class CloudEvent(BaseModel):
    """The attributes that nerve uses; the specification lets an event have others."""

    specversion: Literal["1.0"]
    type: str
    source: str = Field(min_length=1, max_length=500)
    id: str = Field(min_length=1, max_length=128)
    subject: Identifier | None = None
    time: Moment | None = None
    data: dict[str, Any] = {}


def read_cloudevents(stream: BinaryIO, catalog: Catalog, scope: Scope) -> Iterator[PlannedRow | RefusedRow]:
    """The commands of a file, line by line; blank lines do not count."""
    commands = {command.__name__: command for each in catalog.contexts for command in each.commands}
    for line, text in enumerate(stream, 1):
        if not text.strip():
            continue
        try:
            event = CloudEvent.model_validate(orjson.loads(text))
            envelope = _envelope(event, commands, scope)
        except orjson.JSONDecodeError as error:
            yield RefusedRow(line, f"is not JSON: {error}")
        except (ValidationError, UnfitValue) as error:
            yield RefusedRow(line, describe_error(error))
        except ValidationFailed as error:
            yield RefusedRow(line, str(error))
        else:
            yield PlannedRow(line, (ImportStep(envelope),))


def _envelope(event: CloudEvent, commands: dict[str, type[Command]], scope: Scope) -> Envelope:
    command = commands.get(event.type.removeprefix(PREFIX))
    if command is None or not event.type.startswith(PREFIX):
        raise ValidationFailed(f"type is {event.type!a}, which is not {PREFIX!r} and a command's name")
    fields = _fields(command, event.data)
    if event.subject is not None and fields.setdefault("id", event.subject) != event.subject:
        raise ValidationFailed(f"subject is {event.subject!r}, but the data's id is {fields['id']!a}")
    return Envelope(
        command.model_validate(fields),
        scope,
        command_id=event.id,
        source=event.source,
        occurred=event.time,
    )


def _fields(command: type[Command], data: Mapping[str, Any]) -> dict[str, Any]:
    """The command's fields of JSON data, which may have their names in Python too."""
    record = record_type(command)
    read = json_reader(record, client_name)
    named = {client_name(name) if name in record.fields else name: value for name, value in data.items()}
    return dict(named if read is None else read(named))
