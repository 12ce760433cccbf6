"""What a context declares. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from domain.kernel.aggregate import Aggregate, command_classes, event_classes
from domain.kernel.command import Command
from domain.kernel.declaration_checks import check_context, check_unique
from domain.kernel.event import Event
from domain.kernel.unique import Unique
from domain.kernel.upcasting import Upcaster


@dataclass(frozen=True)
class Context:
    """One part of the domain: an aggregate with its commands and events, which its type arguments name.

    `upcasters` lead from each older revision of its events to the next one. `unique` are the values that no
    two of its streams have. Raises DeclarationError where the aggregate cannot be used.
    """

    name: str
    aggregate: type[Aggregate[Any, Any]]
    upcasters: tuple[Upcaster, ...] = ()
    unique: tuple[Unique, ...] = ()

    def __post_init__(self) -> None:
        check_context(self.name, self.aggregate, self.upcasters)
        check_unique(self.name, self.unique)

    @property
    def category(self) -> str:
        return self.aggregate.category

    @property
    def commands(self) -> tuple[type[Command], ...]:
        return command_classes(self.aggregate)

    @property
    def events(self) -> tuple[type[Event], ...]:
        return event_classes(self.aggregate)

    @property
    def shared_events(self) -> tuple[type[Event], ...]:
        """The events that other contexts may have too; their schemas are kept beside their own module."""
        return ()

    @property
    def shared_commands(self) -> tuple[type[Command], ...]:
        """The commands that other contexts may have too; the id in a command leads to one of these."""
        return ()
