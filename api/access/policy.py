"""The one place that decides what a caller may do and see."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from api.access.callers import Caller
from domain.kernel import Command, Event
from domain.kernel.access import (
    ADMINISTRATOR,
    ALLOWED,
    DENIED,
    DEPLOYMENT,
    METRICS,
    OPERATOR,
    Permission,
    bind,
    role,
)
from eventstore.reading.event_permissions import EventPermissions, TypePermission
from projections.kernel.view import View
from projections.querying.row_scope import RowScope, row_scope

BOUND_RULES = 10_000
"""Rules of views with their callers that are kept: to bind one takes ten times as long as to find it."""

OPERATION = role(OPERATOR)
"""The rule of what keeps a tenant running: processes, dead letters, traces."""


def command_permission(command: type[Command], caller: Caller) -> Permission:
    """Return when the caller may send the command, by the state of its stream or by the command itself."""
    if caller.commands is not None and command.__name__ not in caller.commands:
        return DENIED
    return bind(command.access, caller)


def event_permission(event: type[Event], caller: Caller) -> Permission:
    """Return which events of the type the caller may read, by their data."""
    return bind(event.access, caller)


def event_permissions(events: Iterable[type[Event]], caller: Caller) -> EventPermissions | None:
    """Return which of all these types of events the caller may read; None where it may read every event."""
    each = [TypePermission(event.type, event.revision, event_permission(event, caller)) for event in events]
    if all(permission.is_unconditional for _, _, permission in each):
        return None
    return EventPermissions(frozenset(one for one in each if not one.permission.is_denied))


def view_permission(view: View[Any], caller: Caller) -> Permission:
    """Return which rows of the view the caller may read."""
    return bind(view.access, caller)


def rows_for(view: View[Any], caller: Caller) -> RowScope:
    """Return the rows of the view that the caller may read."""
    if ADMINISTRATOR in caller.roles:
        return RowScope(caller.scope.tenant)
    return _bound_rows(view, caller)


@lru_cache(BOUND_RULES)
def _bound_rows(view: View[Any], caller: Caller) -> RowScope:
    return row_scope(view, caller.scope.tenant, view_permission(view, caller))


def hidden_fields(view: View[Any], caller: Caller) -> frozenset[str]:
    """Return the fields of the view's rows that the caller may not see."""
    return frozenset(field for field, access in view.field_access.items() if bind(access, caller).is_denied)


def operation_permission(caller: Caller) -> Permission:
    """Return whether the caller may see and operate what keeps its tenant running."""
    return bind(OPERATION, caller)


def deployment_permission(caller: Caller) -> Permission:
    """Return whether the caller may see and operate what concerns all tenants at once.

    An administrator is one of its tenant only: the progress of a view would reveal how much others write, and
    a rebuild would slow them down. A caller that is limited to commands may send nothing else.
    """
    return ALLOWED if may_cross_tenants(caller) and caller.commands is None else DENIED


def may_read_metrics(caller: Caller) -> bool:
    """Return whether the caller may read the metrics of the process, which count for all tenants."""
    return not caller.roles.isdisjoint((DEPLOYMENT, METRICS))


def may_cross_tenants(caller: Caller) -> bool:
    """Return whether the caller may act in every tenant of the deployment."""
    return DEPLOYMENT in caller.roles
