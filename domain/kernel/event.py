"""Events: immutable, in the past tense, validated once, when they are made; and their records in the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, NamedTuple, Self

from pydantic import BaseModel, ConfigDict

from domain.kernel.access import Access, nobody
from domain.kernel.errors import DeclarationError
from domain.kernel.event_data import event_codec
from domain.kernel.severity import Severity


class Event(BaseModel):
    """Base of the data of an event. A subclass names its dotted type.

    ``class TaskCompleted(Event, type="task.completed")``.
    `revision` counts the shapes that this type has had, from 1; upcasters convert one to the next. `access`
    is the rule of who may read its events in the log; its fields are those of the event's data. `severity`,
    where it is given, is that of all events of the type; an event with a field `severity` of the class
    `Severity` has its own.
    """

    # Input is hidden, because it may be personal and messages of errors are written to log files.
    # The catalog refuses types that cannot be stored, with class and field.
    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True
    )

    type: ClassVar[str]
    revision: ClassVar[int] = 1
    access: ClassVar[Access] = nobody
    type_severity: ClassVar[Severity | None] = None

    def __init_subclass__(
        cls,
        *,
        type: str | None = None,
        revision: int = 1,
        severity: Severity | None = None,
        **options: Any,
    ) -> None:
        super().__init_subclass__(**options)
        if type is None:
            raise DeclarationError(
                f'{cls.__name__} has no event type; write `class {cls.__name__}(Event, type="thing.made")`'
            )
        if "." not in type or type != type.lower():
            raise DeclarationError(f"{cls.__name__}: an event type is dotted and lower case, not {type!r}")
        if revision < 1:
            raise DeclarationError(f"{cls.__name__}: revisions count from 1, so there is none of {revision}")
        for name in _OWN_NAMES & vars(cls).get("__annotations__", {}).keys():
            raise DeclarationError(
                f"{cls.__name__}.{name}: no field of an event can have this name, for every event has a "
                f"`{name}` of its own; give the field another name, such as `{cls.__name__.lower()}_{name}`"
            )
        cls.type = type
        cls.revision = revision
        cls.type_severity = severity

    def to_data(self) -> dict[str, Any]:
        """Return the data to store: BSON values, without fields that are None by default and have no value.

        Raises UnfitValue, with class and field, for a value that cannot be stored.
        """
        return event_codec(type(self)).write(self)

    def as_stored(self) -> Self:
        """Return the event as it will be read: datetimes in UTC, in milliseconds. May raise as `to_data`."""
        return event_codec(type(self)).as_stored(self)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """Return the event of stored data, which is not validated again.

        A missing field gets its default, or None if it has no default and allows None. Raises UnfitValue,
        with class and field, if the data does not fit.
        """
        event: Self = event_codec(cls).read(data)
        return event


_OWN_NAMES = frozenset(("type", "revision", "access", "type_severity", "to_data", "as_stored", "from_data"))
"""Attributes of every event, which cannot be names of fields."""


ExtensionValue = str | int | bool
"""The value of an extension attribute of a CloudEvent."""

Extensions = Mapping[str, ExtensionValue]
"""Extension attributes of a CloudEvent by their names."""


class CommitInfo(NamedTuple):
    """The data that all events of a commit share. Times are in UTC with millisecond precision.

    `at` is the time of record, which is never before `at` of an earlier position. `occurred` is the event
    time and `recorded` the time at which the log recorded it that it was imported from, each if it differs.
    `restored` is true of a commit that was imported as another log had recorded it. `authentication` is how
    the actor was authenticated, None in commits without it and of older releases. `client` is the sealed
    network address of the actor, which only an audit opens. `span` is the packed trace context of the span in
    which the commit was stored. `extensions` are the extension attributes of the CloudEvent that the command
    was sent as.
    """

    position: int
    tenant: str
    stream: str
    category: str
    command_id: str
    command: str
    correlation: str
    causation: str | None
    actor: str | None
    source: str | None
    at: datetime
    occurred: datetime | None
    recorded: datetime | None = None
    restored: bool = False
    authentication: str | None = None
    client: bytes | None = None
    span: bytes | None = None
    extensions: Extensions | None = None


class Cause(StrEnum):
    """The cause for which a process cannot read a stored event."""

    UNKNOWN_TYPE = "unknown type"
    NEWER_REVISION = "newer revision"
    UPCASTER_FAILED = "upcaster failed"
    DOES_NOT_FIT = "does not fit"
    TAMPERED = "tampered with"
    LOCKED = "locked"


class Unreadable(NamedTuple):
    """The reason why a stored event has no payload; `detail` is a sentence without the event's data."""

    cause: Cause
    detail: str


class RecordedEvent(NamedTuple):
    """An event as it is read from the log, in the newest revision of its type.

    `data` is the stored data, upcast to this `revision`, and `payload` the same as an instance of its class.
    `place` is the event's index in its commit. An event that this process cannot read has no payload but a
    reason in `unreadable`; its `revision` and `data` are then those that are stored. `subjects` are the
    people of whom it contains personal data, `erased` those whose data was erased: their fields are None.
    """

    commit: CommitInfo
    place: int
    id: str
    type: str
    revision: int
    version: int
    data: Mapping[str, Any]
    payload: Event | None
    unreadable: Unreadable | None = None
    subjects: tuple[str, ...] = ()
    erased: tuple[str, ...] = ()

    @property
    def stream(self) -> str:
        return self.commit.stream

    @property
    def position(self) -> int:
        return self.commit.position

    @property
    def time(self) -> datetime:
        """The event time if there is one, else the time of record."""
        return self.commit.occurred or self.commit.at

    @property
    def severity(self) -> Severity | None:
        """The severity in the event's data, else the one that its type declares; None for most events."""
        if self.payload is None:
            return None
        # Not by `getattr`: pydantic composes the text of an error for each model without the field.
        own = self.payload.__dict__.get("severity")
        return own if isinstance(own, Severity) else self.payload.type_severity


class Commit(NamedTuple):
    """The events of one append, at one position. A tombstone has no info and no events."""

    position: int
    info: CommitInfo | None
    events: tuple[RecordedEvent, ...]


@dataclass(slots=True)
class NewEvent:
    """An event to append, with its id; `data` is its stored form.

    It is not changed; a frozen class would take three times as long to make. Raises UnfitValue if the event
    cannot be stored.
    """

    id: str
    event: Event
    data: Mapping[str, Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.data = self.event.to_data()
