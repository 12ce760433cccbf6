"""Events: what happened. Immutable, past tense, validated once, when they are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, NamedTuple, Self

from pydantic import BaseModel, ConfigDict

from domain.kernel.errors import DeclarationError
from domain.kernel.event_data import event_codec


class Event(BaseModel):
    """Data of one event. A subclass names its dotted type.

    ``class TaskCompleted(Event, type="task.completed")``.
    `revision` counts the shapes this type has had, from 1; upcasters lead from one to the next.
    """

    # What an event says may be personal, and the message of an error ends up in a log file.
    # What is no type of the table is refused by the catalog, with class and field.
    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True
    )

    type: ClassVar[str]
    revision: ClassVar[int] = 1

    def __init_subclass__(cls, *, type: str | None = None, revision: int = 1, **options: Any) -> None:
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

    def to_data(self) -> dict[str, Any]:
        """The data that is stored: BSON values, without the fields that are None where None is the default.

        Raises UnfitValue, with class and field, for a value that cannot be stored.
        """
        return event_codec(type(self)).write(self)

    def as_stored(self) -> Self:
        """The event as it will be read: its datetimes in UTC, with milliseconds. May raise as `to_data`."""
        return event_codec(type(self)).as_stored(self)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """The event of stored data, which is trusted: nothing is validated again.

        A missing field reads as its default, or as None where it has none and allows None. Raises UnfitValue,
        with class and field, where the data does not fit.
        """
        event: Self = event_codec(cls).read(data)
        return event


_OWN_NAMES = frozenset(("type", "revision", "to_data", "as_stored", "from_data"))
"""Attributes that each event has in addition to its fields."""


class CommitInfo(NamedTuple):
    """What the events of one commit share. Times are UTC with millisecond precision.

    `at` is when it was recorded, which is never before `at` of an earlier position. `occurred` is when it
    happened, if that was another time, and `recorded` when another log recorded it that it was imported from,
    if that was another time.
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


class Commit(NamedTuple):
    """The events of one append, at one position. A tombstone has no info and no events."""

    position: int
    info: CommitInfo | None
    events: tuple[RecordedEvent, ...]


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event that is about to be stored, under the id it will have; `data` is its stored form.

    Raises UnfitValue where the event cannot be stored.
    """

    id: str
    event: Event
    data: Mapping[str, Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", self.event.to_data())
