"""Events: what happened. Immutable, past tense, validated once, when they are made."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict

from domain.kernel.errors import DeclarationError


class Event(BaseModel):
    """Data of one event. A subclass names its dotted type.

    ``class TaskCompleted(Event, type="task.completed")``.
    `revision` counts the shapes this type has had, from 1; upcasters lead from one to the next.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: ClassVar[str]
    revision: ClassVar[int] = 1

    def __init_subclass__(cls, *, type: str, revision: int = 1, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "." not in type or type != type.lower():
            raise DeclarationError(f"{cls.__name__}: an event type is dotted and lower case, not {type!r}")
        cls.type = type
        cls.revision = revision

    def to_data(self) -> dict[str, Any]:
        """The shape that is stored; fields that are None are left out."""
        return self.model_dump(exclude_none=True)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Event:
        """Back from the stored shape. What the log holds is trusted, so nothing is validated again."""
        return cls.model_construct(**data)


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


class RecordedEvent(NamedTuple):
    """One event as the log holds it.

    `data` is the stored mapping at the newest revision; `payload` the same as its Event class,
    None when no registered context knows the type.
    """

    commit: CommitInfo
    place: int
    id: str
    type: str
    revision: int
    version: int
    data: Mapping[str, Any]
    payload: Event | None

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
