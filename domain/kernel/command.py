"""Commands: imperative requests that pydantic validates when they are made; envelopes and receipts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from domain.kernel.access import Access, Permission, nobody
from domain.kernel.command_checks import check_command
from domain.kernel.conditions import Condition
from domain.kernel.conflicts import ConflictRule, refuse
from domain.kernel.event import Extensions
from domain.kernel.fields import Identifier, Refers, SecretHash


class Command(BaseModel):
    """Base of every command; the docstring of a subclass is its description in the API.

    `on_conflict` is its conflict rule, applied if the client expected an older version than the current one.
    `access` is the rule of who may send it; its fields are those of the aggregate's state, or of the command
    where it starts a new stream. An `incoming` command may also be sent to ``POST /events``, as a CloudEvent
    of the type ``nerve.command.`` and its name. The `precondition` is checked before the command is decided,
    unless it was stored before. The `postcondition` is established after the command is stored, and before
    its receipt is returned. A command that `usually_starts` its stream is decided without a read of the
    stream by a process that has seen no event of it; the version guard finds those of other processes.
    """

    # The catalog refuses types that cannot be stored, with class and field.
    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True
    )

    creates: ClassVar[bool]
    changes: ClassVar[bool]
    on_conflict: ClassVar[ConflictRule] = refuse
    access: ClassVar[Access] = nobody
    incoming: ClassVar[bool] = False
    usually_starts: ClassVar[bool] = False
    precondition: ClassVar[Condition[Any] | None] = None
    postcondition: ClassVar[Condition[Any] | None] = None

    @model_validator(mode="after")
    def _check_storable(self) -> Self:
        """Refuse a value that no event could store, with its path."""
        check_command(self)
        return self

    @property
    def target(self) -> str | None:
        """The stream that the command is for; None if the server generates its id."""
        stream: str | None = getattr(self, "id", None)
        return stream

    def references(self) -> Iterator[tuple[str, str, str]]:
        """Yield (field, category, id) of each other stream that the command refers to; see `Refers`."""
        for field, category in referred_categories(type(self)):
            value: Any = getattr(self, field)
            if value is not None:
                yield field, category, value


class CreateCommand(Command):
    """A command that starts a new stream."""

    creates: ClassVar[bool] = True
    changes: ClassVar[bool] = False

    id: Identifier | None = Field(default=None, description="Made by the server when left out.")


class ChangeCommand(Command):
    """A command that changes an existing stream."""

    creates: ClassVar[bool] = False
    changes: ClassVar[bool] = True

    id: Identifier


class PutCommand(Command):
    """A command that starts a stream, or changes it if it exists; `target` returns the stream."""

    creates: ClassVar[bool] = True
    changes: ClassVar[bool] = True

    @property
    @abstractmethod
    def target(self) -> str: ...


@cache
def referred_categories(command: type[Command]) -> tuple[tuple[str, str], ...]:
    """Return the fields that hold ids of other streams, each with the category of these; see `Refers`."""
    references: list[tuple[str, str]] = []
    for name, field in command.model_fields.items():
        references += [(name, mark.category) for mark in field.metadata if isinstance(mark, Refers)]
    return tuple(references)


@cache
def secret_hashes(command: type[BaseModel]) -> Mapping[str, SecretHash]:
    """Return the fields that are hashes of secrets which the server makes, with their marks."""
    fields = command.model_fields.items()
    return {name: mark for name, field in fields for mark in field.metadata if isinstance(mark, SecretHash)}


@dataclass(frozen=True, slots=True)
class Scope:
    """The tenant and the caller of an operation. A tenant never sees the data of another.

    `authentication` is the way in which the caller proved to be the `actor`: ``jwt``, ``key:`` and the id of
    an API key, ``cli``, ``process``, ``policy`` or ``webhook``; None without authentication. `client` is the
    network address of the caller, where the settings ask for it.
    """

    tenant: str = "default"
    actor: str | None = None
    authentication: str | None = None
    client: str | None = None


@dataclass(frozen=True, slots=True)
class Envelope:
    """A command with the data that is needed to dispatch it.

    `command_id` makes it idempotent; without one the bus generates one, and no client can send it twice.
    `expected_version` is the version that the client based its decision on; at another version the command's
    conflict rule decides. `occurred` is the event time if that is not now. `permission` is what the caller is
    allowed; None for a command that nerve itself dispatches. `span` is the packed trace context of the span
    that the command comes from. `extensions` are the extension attributes of the CloudEvent that it was sent
    as.
    """

    command: Command
    scope: Scope = Scope()
    command_id: str | None = None
    expected_version: int | None = None
    correlation: str | None = None
    causation: str | None = None
    source: str | None = None
    occurred: datetime | None = None
    permission: Permission | None = None
    span: bytes | None = None
    extensions: Extensions | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """The outcome of a command: the version and the position of its last event.

    `replayed` is True if an earlier run of this command id stored the events. `changed` is False for a
    command without events: `version` is then that of the stream, and `position` one in the log at which the
    stream was at that version.
    """

    command_id: str
    stream: str
    version: int
    position: int
    correlation: str
    replayed: bool = False
    changed: bool = True
