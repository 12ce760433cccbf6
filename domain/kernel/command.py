"""Commands: what somebody wants. Imperative, validated by pydantic when they are made."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from domain.kernel.command_checks import check_command
from domain.kernel.conflicts import ConflictRule, refuse
from domain.kernel.fields import Identifier, Refers


class Command(BaseModel):
    """Base of every command; the docstring of a subclass is its description in the API.

    `on_conflict` says what becomes of it where the client expected an older version than the last.
    """

    # What is no type of the table is refused by the catalog, with class and field.
    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True
    )

    creates: ClassVar[bool]
    changes: ClassVar[bool]
    on_conflict: ClassVar[ConflictRule] = refuse

    @model_validator(mode="after")
    def _check_storable(self) -> Self:
        """Refuse a value that no event could hold, with its path."""
        check_command(self)
        return self

    @property
    def target(self) -> str | None:
        """The stream the command is for; None when the server is to make its id."""
        stream: str | None = getattr(self, "id", None)
        return stream

    def references(self) -> Iterator[tuple[str, str, str]]:
        """(field, category, id) of each other stream the command names, see `Refers`."""
        for field, category in _references(type(self)):
            value: Any = getattr(self, field)
            if value is not None:
                yield field, category, value


class CreateCommand(Command):
    """Starts a stream of its own."""

    creates: ClassVar[bool] = True
    changes: ClassVar[bool] = False

    id: Identifier | None = Field(None, description="Made by the server when left out.")


class ChangeCommand(Command):
    """Changes a stream that exists."""

    creates: ClassVar[bool] = False
    changes: ClassVar[bool] = True

    id: Identifier


class PutCommand(Command):
    """Starts its stream or changes it, whichever is the case; says itself which stream that is."""

    creates: ClassVar[bool] = True
    changes: ClassVar[bool] = True

    @property
    @abstractmethod
    def target(self) -> str: ...


@cache
def _references(command: type[Command]) -> tuple[tuple[str, str], ...]:
    found = []
    for name, field in command.model_fields.items():
        found += [(name, mark.category) for mark in field.metadata if isinstance(mark, Refers)]
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Scope:
    """On whose behalf something is done. Carried through every call; a tenant never sees another's data."""

    tenant: str = "default"
    actor: str | None = None


@dataclass(frozen=True, slots=True)
class Envelope:
    """A command on its way, with all that is not the command's own data.

    `command_id` makes it idempotent: None means that no client can send it twice, and the bus makes one.
    `expected_version` is the version the client decided on; a conflict is then the client's to solve.
    `occurred` is when it happened in the world, where that is not now.
    """

    command: Command
    scope: Scope = Scope()
    command_id: str | None = None
    expected_version: int | None = None
    correlation: str | None = None
    causation: str | None = None
    source: str | None = None
    occurred: datetime | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof of a command: where its events are.

    `replayed`: an earlier run of this command id did it. `changed` is False for a command that caused no
    events; its `version` is the stream's, and its `position` a place in the log where the stream was at that
    version.
    """

    command_id: str
    stream: str
    version: int
    position: int
    correlation: str
    replayed: bool = False
    changed: bool = True
