"""Events: what happened. Immutable, past tense, validated once, when they are made."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo

from domain.kernel.errors import DeclarationError


class Event(BaseModel):
    """Data of one event. A subclass names its dotted type.

    ``class TaskCompleted(Event, type="task.completed")``.
    `revision` counts the shapes this type has had, from 1; upcasters lead from one to the next.
    """

    # What an event says may be personal, and the message of an error ends up in a log file.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    type: ClassVar[str]
    revision: ClassVar[int] = 1

    def __init_subclass__(cls, *, type: str, revision: int = 1, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "." not in type or type != type.lower():
            raise DeclarationError(f"{cls.__name__}: an event type is dotted and lower case, not {type!r}")
        if revision < 1:
            raise DeclarationError(f"{cls.__name__}: revisions count from 1, so there is none of {revision}")
        cls.type = type
        cls.revision = revision

    def to_data(self) -> dict[str, Any]:
        """The shape that is stored; fields that are None are left out."""
        return self.model_dump(exclude_none=True)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Event:
        """Back from the stored shape. What the log holds is trusted, so nothing is validated again.

        The same as `model_construct`, in a fraction of its time: this is done for each event that is read.
        """
        fields, required, fresh = _shape(cls)
        values = {**fields, **data}
        if len(values) > len(fields) or not required <= data.keys():
            return cls.model_construct(**data)
        for name in fresh:
            if name not in data:
                values[name] = cls.model_fields[name].get_default(call_default_factory=True)
        event = cls.__new__(cls)
        _set(event, "__dict__", values)
        _set(event, "__pydantic_fields_set__", set(data))
        _set(event, "__pydantic_extra__", None)
        _set(event, "__pydantic_private__", None)
        return event


_set = object.__setattr__


class _Shape(NamedTuple):
    """The fields of a class in order with their defaults; which have none, and which a new one each time."""

    fields: dict[str, Any]
    required: frozenset[str]
    fresh: tuple[str, ...]


@cache
def _shape(event: type[Event]) -> _Shape:
    fields = event.model_fields
    return _Shape(
        {name: field.get_default() for name, field in fields.items()},
        frozenset(name for name, field in fields.items() if field.is_required()),
        tuple(name for name, field in fields.items() if not _shareable(field)),
    )


def _shareable(field: FieldInfo) -> bool:
    return field.is_required() or (field.default_factory is None and field.get_default() is field.default)


class CommitInfo(NamedTuple):
    """What the events of one commit share. Times are UTC with millisecond precision.

    `at` is when it was recorded; `occurred` when it happened, if that was another time.
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


class Cause(StrEnum):
    """What keeps a process from reading a stored event."""

    UNKNOWN_TYPE = "unknown type"
    NEWER_REVISION = "newer revision"
    UPCASTER_FAILED = "upcaster failed"
    DOES_NOT_FIT = "does not fit"
    TAMPERED = "tampered with"
    LOCKED = "locked"


class Unreadable(NamedTuple):
    """Why a stored event has no payload; `detail` says it to a person, without the event's data."""

    cause: Cause
    detail: str


class RecordedEvent(NamedTuple):
    """One event as the log tells it, whatever revision it was stored at.

    `data` is the stored mapping upcast to the newest `revision` of its type, and `payload` the same as its
    Event class. An event that this process cannot read has no payload, but a reason in `unreadable`; its
    `revision` and `data` are then as they are stored. `subjects` are those of whom it holds personal data,
    `erased` those of whom it did: the fields with it are None.
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
        """When it happened: the event time where one was given, else the time of record."""
        return self.commit.occurred or self.commit.at

    def why_unreadable(self) -> str:
        """An event without a payload: what it is, where it is, and the reason."""
        assert self.unreadable is not None
        return (
            f"the event {self.type!r} of revision {self.revision} at version {self.version} of "
            f"{self.stream}, position {self.position}, cannot be read ({self.unreadable.cause}): "
            f"{self.unreadable.detail}"
        )


class Commit(NamedTuple):
    """The events of one append, at one position. A tombstone has no info and no events."""

    position: int
    info: CommitInfo | None
    events: tuple[RecordedEvent, ...]
