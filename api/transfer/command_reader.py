"""Reads commands as CloudEvents 1.0, one JSON object per line.

    {"specversion": "1.0", "type": "nerve.command.CreateTask", "source": "/ci", "id": "4711",
     "subject": "task-17", "time": "2024-05-17T12:00:00Z", "data": {"title": "Sum", "agentId": "agent-7"}}

`type` names the command and `data` holds its fields as in the API. `subject` is the stream, `id` the command
id that makes the command idempotent. `source` is stored with the events, and `time` is when they occurred.
See https://cloudevents.io for the format.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Literal

import orjson
from pydantic import BaseModel, Field, ValidationError

from api.transfer.import_files import JSON_LINES, FileReader, FileRows, open_file
from api.transfer.rows import ImportStep, PlannedRow, RefusedRow, describe_error
from domain.kernel import Catalog, Command, Envelope, Identifier, Moment, Scope
from domain.kernel.errors import UnfitValue, ValidationFailed
from domain.kernel.names import client_name
from domain.kernel.types.annotations import record_type
from domain.kernel.types.json_reading import json_reader

PREFIX = "nerve.command."


class CommandLine(BaseModel):
    """The attributes that nerve uses; the specification allows others."""

    specversion: Literal["1.0"]
    type: str
    source: str = Field(min_length=1, max_length=500)
    id: str = Field(min_length=1, max_length=128)
    subject: Identifier | None = None
    time: Moment | None = None
    data: dict[str, Any] = {}


def command_readers(catalog: Catalog) -> Mapping[str, FileReader]:
    """Return the readers of files of commands, by suffix."""

    def read(path: Path, scope: Scope) -> FileRows:
        return FileRows(_read_file(path, catalog, scope))

    return dict.fromkeys(JSON_LINES, read)


def _read_file(path: Path, catalog: Catalog, scope: Scope) -> Iterator[PlannedRow | RefusedRow]:
    with open_file(path) as stream:
        yield from read_commands(stream, catalog, scope)


def read_commands(stream: BinaryIO, catalog: Catalog, scope: Scope) -> Iterator[PlannedRow | RefusedRow]:
    """Yield the command of each line; blank lines are skipped."""
    commands = {command.__name__: command for context in catalog.contexts for command in context.commands}
    for line, text in enumerate(stream, 1):
        if not text.strip():
            continue
        try:
            event = CommandLine.model_validate(orjson.loads(text))
            envelope = _envelope(event, commands, scope)
        except orjson.JSONDecodeError as error:
            yield RefusedRow(line, f"is not JSON: {error}")
        except (ValidationError, UnfitValue) as error:
            yield RefusedRow(line, describe_error(error))
        except ValidationFailed as error:
            yield RefusedRow(line, str(error))
        else:
            yield PlannedRow(line, (ImportStep(envelope),))


def _envelope(event: CommandLine, commands: Mapping[str, type[Command]], scope: Scope) -> Envelope:
    command = commands.get(event.type.removeprefix(PREFIX))
    if command is None or not event.type.startswith(PREFIX):
        raise ValidationFailed(f"type is {event.type!a}, but must be {PREFIX!r} and the name of a command")
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
    """Return the command's fields from JSON data, which may also use their Python names."""
    record = record_type(command)
    read = json_reader(record, client_name)
    fields = {client_name(name) if name in record.fields else name: value for name, value in data.items()}
    return dict(fields if read is None else read(fields))
