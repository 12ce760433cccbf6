"""Which of many filters a changed row may concern, found without a look at the others. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any, Generic, NamedTuple, TypeVar

from projections.querying.filters import AllOf, AnyOf, Condition, Filter
from projections.querying.values import comparable
from projections.storage.rows import Row

G = TypeVar("G", bound=Hashable)


class IndexKey(NamedTuple):
    """A field and the value that it must have, or one of its elements."""

    field: str
    value: Any


class FilterIndex(Generic[G]):
    """Any number of groups, each of one tenant and with a filter, by what a row must have to meet it.

    Of a group that is told when a row leaves it, also the rows that it holds are known.
    """

    def __init__(self) -> None:
        self._tenants: dict[str, _TenantIndex[G]] = {}

    def add(self, group: G, tenant: str, filter: Filter) -> None:
        """Begin to find the group."""
        self._tenants.setdefault(tenant, _TenantIndex()).add(group, filter)

    def remove(self, group: G, tenant: str) -> None:
        """Find it no more."""
        found = self._tenants[tenant]
        found.remove(group)
        if not found:
            del self._tenants[tenant]

    def hold(self, group: G, tenant: str, id: str) -> None:
        """The group holds the row of this id, and is found for it whatever becomes of it."""
        self._tenants[tenant].hold(group, id)

    def let_go(self, group: G, tenant: str, id: str) -> None:
        """The group holds the row no more."""
        self._tenants[tenant].let_go(group, id)

    def concerned(self, row: Row) -> Iterable[G]:
        """The groups that the row may concern: whose filter it may meet, or who hold it."""
        found = self._tenants.get(row["_tenant"])
        return found.concerned(row) if found is not None else ()


class _TenantIndex(Generic[G]):
    def __init__(self) -> None:
        self._keys: dict[G, frozenset[IndexKey] | None] = {}
        self._by_field: dict[str, dict[Any, set[G]]] = {}
        self._holders: dict[str, set[G]] = {}
        self._held: dict[G, set[str]] = {}
        self._rest: set[G] = set()

    def __bool__(self) -> bool:
        return bool(self._keys)

    def add(self, group: G, filter: Filter) -> None:
        keys = self._keys[group] = self._needed(filter)
        if keys is None:
            self._rest.add(group)
            return
        for key in keys:
            self._by_field.setdefault(key.field, {}).setdefault(key.value, set()).add(group)
        if not keys or any(key.field != "id" for key in keys):
            self._held[group] = set()

    def remove(self, group: G) -> None:
        self._rest.discard(group)
        for key in self._keys.pop(group) or ():
            values = self._by_field[key.field]
            _discard(values, key.value, group)
            if not values:
                del self._by_field[key.field]
        for held in self._held.pop(group, ()):
            _discard(self._holders, held, group)

    def hold(self, group: G, id: str) -> None:
        held = self._held.get(group)
        if held is not None:
            held.add(id)
            self._holders.setdefault(id, set()).add(group)

    def let_go(self, group: G, id: str) -> None:
        held = self._held.get(group)
        if held is not None and id in held:
            held.remove(id)
            _discard(self._holders, id, group)

    def concerned(self, row: Row) -> Iterable[G]:
        found: set[G] = set(self._rest)
        for field, groups in self._by_field.items():
            for value in _values(row.get(field)):
                found |= groups.get(value, frozenset())
        return found | self._holders.get(row["id"], frozenset())

    def _needed(self, filter: Filter) -> frozenset[IndexKey] | None:
        """Keys of which a row that meets the filter has one; None where there are none to be found.

        Of several ways to say it, that by which the fewest others are found.
        """
        match filter:
            case Condition(field, "eq" | "element", value):
                return frozenset((IndexKey(field, comparable(value)),))
            case Condition(field, "in", values):
                return frozenset(IndexKey(field, comparable(value)) for value in values)
            case Condition(field, "isNull", True):
                return frozenset((IndexKey(field, None),))
            case AllOf(parts):
                ways = [keys for part in parts if (keys := self._needed(part)) is not None]
                return min(ways, key=self._crowd, default=None)
            case AnyOf(parts):
                every = [keys for part in parts if (keys := self._needed(part)) is not None]
                return frozenset[IndexKey]().union(*every) if len(every) == len(parts) else None
        return None

    def _crowd(self, keys: frozenset[IndexKey]) -> tuple[int, bool, int]:
        others = sum(len(self._by_field.get(field, {}).get(value, ())) for field, value in keys)
        return others, any(key.field != "id" for key in keys), len(keys)


def named_ids(filter: Filter) -> list[str] | None:
    """The ids of the rows that can meet the filter, where it names them."""
    match filter:
        case Condition("id", "eq", value):
            return [value]
        case Condition("id", "in", values):
            return list(values)
        case AllOf(parts):
            return next((ids for part in parts if (ids := named_ids(part)) is not None), None)
    return None


def _values(value: Any) -> Iterable[Any]:
    """What a filter may ask for of a field with this value; rows are not checked, filters are."""
    values = comparable(value) if isinstance(value, list) else (comparable(value),)
    return (one for one in values if isinstance(one, Hashable))


def _discard(sets: dict[Any, set[G]], key: Any, one: G) -> None:
    sets[key].discard(one)
    if not sets[key]:
        del sets[key]
