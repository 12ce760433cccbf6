"""What exists for a caller: the views, fields, commands and events that its roles let it see at all. Pure.

Where only values decide, as in a rule about ownership, the view exists and its rows are filtered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from api.access.callers import UNRESTRICTED, Caller
from api.access.policy import (
    command_permission,
    deployment_permission,
    event_permission,
    event_permissions,
    hidden_fields,
    may_read_metrics,
    operation_permission,
    view_permission,
)
from domain.kernel import Catalog, Command
from eventstore.lru import LruCache
from eventstore.reading.event_permissions import EventPermissions
from projections.kernel.view import View

CACHED_CALLERS = 10_000


@dataclass(frozen=True, slots=True)
class Visibility:
    """The part of the API that exists for a caller. Callers with equal visibility share one schema.

    `views` and `events` are names, `hidden_fields` pairs of a view and a field of its rows. `may_operate`:
    dead letters and traces exist. `reads_metrics`: metrics, which count for all tenants, exist.
    `crosses_tenants`: what concerns all tenants at once exists.
    """

    views: frozenset[str] = frozenset()
    hidden_fields: frozenset[tuple[str, str]] = frozenset()
    commands: frozenset[type[Command]] = frozenset()
    events: frozenset[str] = frozenset()
    may_operate: bool = False
    reads_metrics: bool = False
    crosses_tenants: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing that a rule allows exists for the caller."""
        return self == Visibility()

    def hidden_in(self, view: View[Any]) -> frozenset[str]:
        """Return the fields of the view's rows that do not exist for the caller."""
        return frozenset(field for name, field in self.hidden_fields if name == view.name)


class Visibilities:
    """Works out what exists for each caller. Those of the last callers are cached."""

    def __init__(self, catalog: Catalog, views: Sequence[View[Any]]) -> None:
        self._commands = tuple(
            dict.fromkeys(command for context in catalog.contexts for command in context.commands)
        )
        self._events = tuple(catalog.events.values())
        self._views = tuple(views)
        self._cached: LruCache[Caller, Visibility] = LruCache(CACHED_CALLERS)
        self._readable: LruCache[Caller, tuple[EventPermissions | None]] = LruCache(CACHED_CALLERS)
        self.full = self._work_out(UNRESTRICTED)
        """That of an administrator of the deployment, for whom everything exists."""

    def of(self, caller: Caller) -> Visibility:
        """Return what exists for the caller."""
        visibility = self._cached.get(caller)
        if visibility is None:
            visibility = self._work_out(caller)
            if visibility == self.full:
                # The same object is equal at once; comparing all commands takes as long as a whole request.
                visibility = self.full
            self._cached.put(caller, visibility)
        return visibility

    def readable_events(self, caller: Caller) -> EventPermissions | None:
        """Return which events the caller may read; None where it may read every event."""
        readable = self._readable.get(caller)
        if readable is None:
            readable = (event_permissions(self._events, caller),)
            self._readable.put(caller, readable)
        return readable[0]

    def _work_out(self, caller: Caller) -> Visibility:
        views = [view for view in self._views if not view_permission(view, caller).is_denied]
        return Visibility(
            views=frozenset(view.name for view in views),
            hidden_fields=frozenset(
                (view.name, field) for view in views for field in hidden_fields(view, caller)
            ),
            commands=frozenset(
                command for command in self._commands if not command_permission(command, caller).is_denied
            ),
            events=frozenset(
                event.type for event in self._events if not event_permission(event, caller).is_denied
            ),
            may_operate=not operation_permission(caller).is_denied,
            reads_metrics=may_read_metrics(caller),
            crosses_tenants=not deployment_permission(caller).is_denied,
        )
