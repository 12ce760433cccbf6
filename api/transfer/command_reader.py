"""Reads commands as CloudEvents 1.0: one JSON object per line, or an array of them.

    {"specversion": "1.0", "type": "nerve.command.CreateTask", "source": "/ci", "id": "4711",
     "subject": "task-17", "time": "2024-05-17T12:00:00Z", "data": {"title": "Sum", "agentId": "agent-7"}}

`type` names the command and `data` holds its fields as in the API. `subject` is the stream, `id` the command
id that makes the command idempotent. `source` is stored with the events, and `time` is when they occurred.
The extension `correlationid` is stored with them too, and so are all others. See https://cloudevents.io for
the format.
"""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import orjson
from pydantic import Field, ValidationError

from api.transfer.bounded_input import LONGEST_LINE
from api.transfer.cloudevent_arrays import read_values
from api.transfer.import_files import JSON_LINES, open_file
from api.transfer.import_options import PAUSE_EVERY, FileReader, FileRows, ImportOptions, StoredCommands
from api.transfer.received_cloud_events import COMMAND_PREFIX, CloudEvent, command_of
from api.transfer.rows import ImportStep, PlannedRow, RefusedRow, describe_error
from domain.kernel import Catalog, Command, Envelope, Identifier, Scope
from domain.kernel.errors import UnfitValue, ValidationFailed


class CommandLine(CloudEvent):
    """A command of a file; its `id` becomes the command id."""

    id: str = Field(min_length=1, max_length=128)
    subject: Identifier | None = None
    data: dict[str, Any] | None = None


def command_readers(catalog: Catalog) -> Mapping[str, FileReader]:
    """Return the readers of files of commands, by suffix."""

    async def read_lines(path: Path, options: ImportOptions, stored: StoredCommands) -> FileRows:
        return FileRows(_read_file(path, catalog, options), await _count_rows(path))

    async def read_array(path: Path, options: ImportOptions, stored: StoredCommands) -> FileRows:
        with open_file(path) as stream:
            content = stream.read(LONGEST_LINE + 1)
            if len(content) > LONGEST_LINE:
                raise ValidationFailed(
                    f"has more than {LONGEST_LINE:,} bytes; write one command per line into a .jsonl file"
                )
            rows = list(_read_events(read_values(content), catalog, options))
        return FileRows(iter(rows), len(rows))

    return {**dict.fromkeys(JSON_LINES, read_lines), ".json": read_array}


async def _count_rows(path: Path) -> int:
    """Return the number of rows of a file. Raises ValidationFailed where it cannot be read."""
    count = 0
    with open_file(path) as stream:
        for count, _ in enumerate(_values_of_lines(stream), 1):
            if count % PAUSE_EVERY == 0:
                await asyncio.sleep(0)
    return count


def _read_file(path: Path, catalog: Catalog, options: ImportOptions) -> Iterator[PlannedRow | RefusedRow]:
    with open_file(path) as stream:
        yield from read_commands(stream, catalog, options)


def read_commands(
    stream: BinaryIO, catalog: Catalog, options: ImportOptions
) -> Iterator[PlannedRow | RefusedRow]:
    """Yield the command of each line, or those of each line's array; blank lines are skipped."""
    return _read_events(_values_of_lines(stream), catalog, options)


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
    values: Iterator[tuple[int, Any]], catalog: Catalog, options: ImportOptions
) -> Iterator[PlannedRow | RefusedRow]:
    """Yield the command of each value; each has the line in which it begins."""
    commands = {command.__name__: command for context in catalog.contexts for command in context.commands}
    for line, value in values:
        if isinstance(value, RefusedRow):
            yield value
            continue
        try:
            event = CommandLine.model_validate(value)
            envelope = _envelope(event, commands, options.scope)
        except (ValidationError, UnfitValue) as error:
            yield RefusedRow(line, describe_error(error))
        except ValidationFailed as error:
            yield RefusedRow(line, str(error))
        else:
            yield PlannedRow(line, (ImportStep(envelope),))


def _envelope(event: CommandLine, commands: Mapping[str, type[Command]], scope: Scope) -> Envelope:
    command = commands.get(event.type.removeprefix(COMMAND_PREFIX))
    if command is None or not event.type.startswith(COMMAND_PREFIX):
        raise ValidationFailed(
            f"type is {event.type!a}, but must be {COMMAND_PREFIX!r} and the name of a command"
        )
    return Envelope(
        command_of(event, command),
        scope,
        command_id=event.id,
        correlation=event.correlationid,
        source=event.source,
        occurred=event.time,
        extensions=event.extensions,
    )
