"""Reads commands as CloudEvents 1.0: one JSON object per line, or an array of them.

    {"specversion": "1.0", "type": "nerve.command.CreateTask", "source": "/ci", "id": "4711",
     "subject": "task-17", "time": "2024-05-17T12:00:00Z", "data": {"title": "Sum", "agentId": "agent-7"}}

`type` names the command and `data` holds its fields as in the API. `subject` is the stream, `id` the command
id that makes the command idempotent. `source` is stored with the events, and `time` is when they occurred.
The extension `correlationid` is stored with them too. See https://cloudevents.io for the format.
"""

from __future__ import annotations

import base64
import binascii
import codecs
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Literal

import orjson
from pydantic import BaseModel, Field, ValidationError, ValidationInfo, field_validator

from api.transfer.cloudevent_arrays import read_values
from api.transfer.import_files import JSON_LINES, open_file
from api.transfer.import_options import FileReader, FileRows, ImportOptions, StoredCommands
from api.transfer.rows import ImportStep, PlannedRow, RefusedRow, describe_error
from domain.kernel import Catalog, Command, Envelope, Identifier, Moment, Scope
from domain.kernel.errors import UnfitValue, ValidationFailed
from domain.kernel.names import client_name
from domain.kernel.types.annotations import record_type
from domain.kernel.types.json_reading import json_reader

PREFIX = "nerve.command."
JSON_TYPES = ("application/json", "text/json")


class CommandLine(BaseModel):
    """The attributes that nerve uses; the specification allows others."""

    specversion: Literal["1.0"]
    type: str
    source: str = Field(min_length=1, max_length=500)
    id: str = Field(min_length=1, max_length=128)
    subject: Identifier | None = None
    time: Moment | None = None
    datacontenttype: str | None = None
    correlationid: str | None = Field(None, min_length=1, max_length=128)
    data: dict[str, Any] | None = None
    data_base64: str | None = None

    @field_validator("datacontenttype")
    @classmethod
    def _is_json(cls, value: str | None) -> str | None:
        label = (value or JSON_TYPES[0]).partition(";")[0].strip().lower()
        if label not in JSON_TYPES and not label.endswith("+json"):
            raise ValueError(f"must be a type of JSON, such as application/json, and not {value!a}")
        return value

    @field_validator("data_base64")
    @classmethod
    def _stands_alone(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("data") is not None:
            raise ValueError("must not be there together with data")
        return value

    def fields(self) -> dict[str, Any]:
        """Return the data, which may be encoded. Raises ValidationFailed if it is no JSON object."""
        if self.data_base64 is None:
            return self.data or {}
        try:
            data = orjson.loads(base64.b64decode(self.data_base64, validate=True))
        except (binascii.Error, ValueError) as error:
            raise ValidationFailed(f"data_base64: must be JSON in base64: {error}") from None
        if not isinstance(data, dict):
            raise ValidationFailed("data_base64: must hold a JSON object")
        return data


def command_readers(catalog: Catalog) -> Mapping[str, FileReader]:
    """Return the readers of files of commands, by suffix."""

    async def read_lines(path: Path, options: ImportOptions, stored: StoredCommands) -> FileRows:
        return FileRows(_read_file(path, catalog, options.scope))

    async def read_array(path: Path, options: ImportOptions, stored: StoredCommands) -> FileRows:
        with open_file(path) as stream:
            rows = list(_read_events(read_values(stream.read()), catalog, options.scope))
        return FileRows(iter(rows), len(rows))

    return {**dict.fromkeys(JSON_LINES, read_lines), ".json": read_array}


def _read_file(path: Path, catalog: Catalog, scope: Scope) -> Iterator[PlannedRow | RefusedRow]:
    with open_file(path) as stream:
        yield from read_commands(stream, catalog, scope)


def read_commands(stream: BinaryIO, catalog: Catalog, scope: Scope) -> Iterator[PlannedRow | RefusedRow]:
    """Yield the command of each line, or those of each line's array; blank lines are skipped."""
    return _read_events(_values_of_lines(stream), catalog, scope)


def _values_of_lines(stream: BinaryIO) -> Iterator[tuple[int, Any]]:
    for line, text in enumerate(stream, 1):
        text = text.removeprefix(codecs.BOM_UTF8) if line == 1 else text
        if not text.strip():
            continue
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            yield line, RefusedRow(line, f"is not JSON: {error}")
            continue
        if isinstance(value, list) and value:
            yield from ((line, event) for event in value)
        else:
            yield line, value


def _read_events(
    values: Iterator[tuple[int, Any]], catalog: Catalog, scope: Scope
) -> Iterator[PlannedRow | RefusedRow]:
    """Yield the command of each value; each has the line in which it begins."""
    commands = {command.__name__: command for context in catalog.contexts for command in context.commands}
    for line, value in values:
        if isinstance(value, RefusedRow):
            yield value
            continue
        try:
            envelope = _envelope(CommandLine.model_validate(value), commands, scope)
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
    fields = _fields(command, event.fields())
    if event.subject is not None and fields.setdefault("id", event.subject) != event.subject:
        raise ValidationFailed(f"subject is {event.subject!r}, but the data's id is {fields['id']!a}")
    return Envelope(
        command.model_validate(fields),
        scope,
        command_id=event.id,
        correlation=event.correlationid,
        source=event.source,
        occurred=event.time,
    )


def _fields(command: type[Command], data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the command's fields from JSON data, which may also use their Python names.

    Raises ValidationFailed if the data has a field under both names.
    """
    record = record_type(command)
    read = json_reader(record, client_name)
    fields: dict[str, Any] = {}
    for name, value in data.items():
        field = client_name(name) if name in record.fields else name
        if field in fields:
            raise ValidationFailed(f"data has the field {field!a} twice; leave {name!a} out")
        fields[field] = value
    return dict(fields if read is None else read(fields))
