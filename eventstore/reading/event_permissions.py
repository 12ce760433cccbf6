"""Which events a caller may read: as a part of a MongoDB filter, and as a predicate."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import bson

from domain.kernel import RecordedEvent
from domain.kernel.access import FieldIn, Permission


class TypePermission(NamedTuple):
    """The events of one type that may be read. `revision` is the newest revision of the type."""

    type: str
    revision: int
    permission: Permission


@dataclass(frozen=True, slots=True)
class EventPermissions:
    """The types whose events may be read at all, each with its condition.

    Equal permissions allow the same.
    """

    by_type: frozenset[TypePermission]
    _permissions: Mapping[str, Permission] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        permissions = {each.type: each.permission for each in self.by_type}
        object.__setattr__(self, "_permissions", permissions)

    @property
    def types(self) -> Set[str]:
        """The types whose events may be read, or some of them."""
        return self._permissions.keys()

    def of(self, types: Collection[str] | None) -> EventPermissions:
        """Return the permissions for these types alone; None stands for all."""
        if types is None:
            return self
        return EventPermissions(frozenset(each for each in self.by_type if each.type in types))

    def find(self, event_type: str) -> Permission | None:
        """Return the permission for events of the type; None where none may be read."""
        return self._permissions.get(event_type)

    def allows(self, event: RecordedEvent) -> bool:
        """Return whether the event may be read. One that this process cannot read meets no condition."""
        permission = self.find(event.type)
        if permission is None or permission.is_unconditional:
            return permission is not None
        return event.payload is not None and permission.allows_attributes(event.payload)

    def to_filter(self) -> dict[str, Any] | None:
        """Return a MongoDB filter for all commits with an event that may be read; None for no condition.

        It also finds commits with events of older revisions, whose stored fields may have other names, and
        with events that lack a field: `allows` decides about them.
        """
        conditional = [each for each in self.by_type if not each.permission.is_unconditional]
        if not conditional:
            return None
        free = sorted(self.types - {each.type for each in conditional})
        events = [_stored(each) for each in sorted(conditional, key=lambda each: each.type)]
        choices = [{"events": {"$elemMatch": event}} for event in events]
        return {"$or": [*([{"events.type": {"$in": free}}] if free else []), *choices]}


def _stored(each: TypePermission) -> dict[str, Any]:
    alternatives = sorted(each.permission.alternatives, key=repr)
    met = [{"$and": [_condition(condition) for condition in conditions]} for conditions in alternatives]
    return {"type": each.type, "$or": [{"schema": {"$lt": each.revision}}, *met]}


def _condition(condition: FieldIn) -> Mapping[str, Any]:
    # None also matches a missing field, whose default is not stored.
    return {f"data.{condition.field}": {"$in": [*_storable(condition.values), None]}}


def _storable(values: Iterable[Any]) -> list[Any]:
    """Return the values without those that no stored event can have, such as an integer beyond 64 bits."""
    return [value for value in values if _is_storable(value)]


def _is_storable(value: Any) -> bool:
    try:
        bson.encode({"": value})
    except (bson.errors.BSONError, OverflowError, UnicodeEncodeError):
        return False
    return True
