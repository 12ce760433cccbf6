"""Reads exported events, see `api.transfer.export_writer`, as commits."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, BinaryIO, Literal

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from api.extension_attributes import Name, Value, exported_extensions
from api.transfer.rows import RefusedRow, describe_error
from domain.dispatch.ports import NewCommit
from domain.kernel import Catalog, Event, Identifier, Moment
from domain.kernel.errors import UnfitValue, ValidationFailed
from domain.kernel.event import Extensions, NewEvent
from domain.kernel.tenants import check_tenant
from domain.kernel.types.annotations import record_type
from domain.kernel.types.json_reading import json_reader
from eventstore.integrity.event_schemas import SchemasOfLog
from eventstore.integrity.stored_forms import StoredFormReader

Short = Field(min_length=1, max_length=500)


class ExportedEvent(BaseModel):
    """The attributes of one line; those without a field are extension attributes, or follow from others."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[Name, Value] = Field(init=False)

    specversion: Literal["1.0"]
    id: str = Short
    type: str = Short
    subject: Identifier
    time: Moment
    recordedtime: Moment | None = None
    firstrecordedtime: Moment | None = None
    tenant: Annotated[str, AfterValidator(check_tenant)]
    category: str = Short
    position: str = Field(pattern=r"^[1-9][0-9]{0,18}$")
    eventindex: int = Field(ge=0)
    eventcount: int = Field(ge=1)
    streamversion: int = Field(ge=1)
    revision: int = Field(ge=1)
    command: str = Short
    commandid: str = Short
    correlationid: str
    causationid: str | None = None
    actor: str | None = None
    authentication: str | None = None
    clientaddress: str | None = None
    origin: str | None = None
    data: dict[str, Any]

    @property
    def commit_attributes(self) -> tuple[Any, ...]:
        """The values that all events of a commit share."""
        return (
            self.position, self.tenant, self.subject, self.category, self.eventcount, self.command,
            self.commandid, self.correlationid, self.causationid, self.actor, self.origin, self.time,
            self.recordedtime, self.firstrecordedtime, self.authentication, self.clientaddress,
            self.extensions,
        )  # fmt: skip

    @property
    def extensions(self) -> Extensions | None:
        """The extension attributes of the CloudEvent that the command was sent as."""
        return exported_extensions(self.model_extra)


@dataclass(frozen=True, slots=True)
class ExportedCommit:
    """A commit of an export. `line` is where it begins, `size` the size of its lines in bytes."""

    line: int
    size: int
    commit: NewCommit


@dataclass(frozen=True, slots=True)
class _EventLine:
    number: int
    size: int
    attributes: ExportedEvent
    event: NewEvent


def begins_with_event(stream: BinaryIO) -> bool:
    """Return whether the first line is an exported event and not a command."""
    first = next((line for line in stream if line.strip()), b"").removeprefix(BOM_UTF8)
    try:
        value = orjson.loads(first)
    except orjson.JSONDecodeError:
        return False
    return isinstance(value, dict) and {"position", "eventindex", "commandid"} <= value.keys()


def read_commits(
    stream: BinaryIO, catalog: Catalog, log_schemas: SchemasOfLog
) -> Iterator[ExportedCommit | RefusedRow]:
    """Yield the commits of a file in its order. A wrong line is refused together with its commit.

    `log_schemas` are the event schemas that the log stores; they decode data of earlier revisions.
    """
    lines: list[_EventLine] = []
    forms = StoredFormReader(catalog, log_schemas)
    for number, text in enumerate(stream, 1):
        text = text.removeprefix(BOM_UTF8) if number == 1 else text
        if not text.strip():
            continue
        try:
            line = _read(number, text, catalog, forms)
            if line.attributes.eventindex == 0:
                yield from _incomplete(lines)
                lines = []
            lines.append(line)
            _check_place(lines)
        except ValidationFailed as error:
            yield RefusedRow(number, str(error))
            lines = []
            continue
        if len(lines) == line.attributes.eventcount:
            yield ExportedCommit(lines[0].number, sum(line.size for line in lines), _commit(lines))
            lines = []
    yield from _incomplete(lines)


def _incomplete(lines: list[_EventLine]) -> Iterator[RefusedRow]:
    if lines:
        count = lines[0].attributes.eventcount
        yield RefusedRow(
            lines[0].number, f"begins a commit of {count} events, but only {len(lines)} of them follow"
        )


def _read(number: int, text: bytes, catalog: Catalog, forms: StoredFormReader) -> _EventLine:
    try:
        attributes = ExportedEvent.model_validate(orjson.loads(text))
        event = NewEvent(attributes.id, _event(attributes, catalog, forms))
        return _EventLine(number, len(text), attributes, event)
    except orjson.JSONDecodeError as error:
        raise ValidationFailed(f"is not JSON: {error}") from None
    except (ValidationError, UnfitValue) as error:
        raise ValidationFailed(describe_error(error)) from None
    except ValueError as error:
        raise ValidationFailed(str(error)) from None


def _event(line: ExportedEvent, catalog: Catalog, forms: StoredFormReader) -> Event:
    kind = catalog.events.get(line.type)
    if kind is None:
        raise ValidationFailed(f"no registered context declares the event type {line.type!a}")
    if line.revision == kind.revision:
        read = json_reader(record_type(kind))
        return kind.model_validate(line.data if read is None else read(line.data))
    data = forms.read(line.type, line.revision, line.data)
    _, _, payload, unreadable = catalog.read(line.type, line.revision, data)
    if payload is None:
        assert unreadable is not None
        raise ValidationFailed(f"{line.type} at revision {line.revision}: {unreadable.detail}")
    return payload


def _check_place(lines: list[_EventLine]) -> None:
    """Raise ValidationFailed where the last line does not continue the commit of the lines before it."""
    first, last = lines[0].attributes, lines[-1].attributes
    if last.eventindex != len(lines) - 1:
        raise ValidationFailed(
            f"is event {last.eventindex} of a commit, but event {len(lines) - 1} is missing"
        )
    if last.commit_attributes != first.commit_attributes:
        raise ValidationFailed("does not belong to the same commit as the line before it")
    if last.streamversion != first.streamversion + last.eventindex:
        raise ValidationFailed(f"has version {last.streamversion}, which does not follow the previous one")
    if last.eventindex >= last.eventcount:
        raise ValidationFailed(f"is event {last.eventindex} of a commit of {last.eventcount}")


def _commit(lines: list[_EventLine]) -> NewCommit:
    first = lines[0].attributes
    return NewCommit(
        tenant=first.tenant,
        stream=first.subject,
        category=first.category,
        expected=first.streamversion - 1,
        events=tuple(line.event for line in lines),
        command_id=first.commandid,
        command=first.command,
        correlation=first.correlationid,
        causation=first.causationid,
        actor=first.actor,
        source=first.origin,
        at=first.recordedtime or first.time,
        occurred=None if first.recordedtime is None else first.time,
        recorded=first.firstrecordedtime,
        authentication=first.authentication,
        client=first.clientaddress,
        extensions=first.extensions,
    )
