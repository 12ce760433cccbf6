"""An index of row filters: finds those that a changed row may concern without a look at the others. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any, Generic, NamedTuple, TypeVar

from projections.querying.filters import AllOf, AnyOf, FieldCondition, Filter
from projections.querying.values import comparable
from projections.storage.rows import Row

K = TypeVar("K", bound=Hashable)


class IndexTerm(NamedTuple):
    """A field, and a value that it must have or contain."""

    field: str
    value: Any


class FilterIndex(Generic[K]):
    """Keys, each with a tenant and a filter, by terms of which a row must have one to meet the filter.

    A key is also found by the rows that it holds, because it must learn when one of them leaves its filter.
    """

    def __init__(self) -> None:
        self._tenants: dict[str, _TenantIndex[K]] = {}

    def add(self, key: K, tenant: str, filter: Filter) -> None:
        """Add a key."""
        self._tenants.setdefault(tenant, _TenantIndex()).add(key, filter)

    def remove(self, key: K, tenant: str) -> None:
        """Remove a key and the rows that it holds."""
        index = self._tenants[tenant]
        index.remove(key)
        if not index:
            del self._tenants[tenant]

    def hold(self, key: K, tenant: str, row_id: str) -> None:
        """Find the key, if it is present, for every change of the row with this id."""
        if tenant in self._tenants:
            self._tenants[tenant].hold(key, row_id)

    def let_go(self, key: K, tenant: str, row_id: str) -> None:
        """Find the key for this row only if the row may meet its filter."""
        if tenant in self._tenants:
            self._tenants[tenant].let_go(key, row_id)

    def concerned(self, row: Row) -> Iterable[K]:
        """Return the keys whose filter the row may meet, and those that hold it."""
        index = self._tenants.get(row["_tenant"])
        return index.concerned(row) if index is not None else ()


class _TenantIndex(Generic[K]):
    def __init__(self) -> None:
        self._terms: dict[K, frozenset[IndexTerm] | None] = {}
        self._by_field: dict[str, dict[Any, set[K]]] = {}
        self._holders: dict[str, set[K]] = {}
        self._held: dict[K, set[str]] = {}
        self._unindexed: set[K] = set()

    def __bool__(self) -> bool:
        return bool(self._terms)

    def add(self, key: K, filter: Filter) -> None:
        terms = self._terms[key] = self._needed(filter)
        if terms is None:
            self._unindexed.add(key)
            return
        for term in terms:
            self._by_field.setdefault(term.field, {}).setdefault(term.value, set()).add(key)
        if not terms or any(term.field != "id" for term in terms):
            self._held[key] = set()

    def remove(self, key: K) -> None:
        self._unindexed.discard(key)
        for term in self._terms.pop(key) or ():
            values = self._by_field[term.field]
            _discard(values, term.value, key)
            if not values:
                del self._by_field[term.field]
        for row_id in self._held.pop(key, ()):
            _discard(self._holders, row_id, key)

    def hold(self, key: K, row_id: str) -> None:
        held = self._held.get(key)
        if held is not None:
            held.add(row_id)
            self._holders.setdefault(row_id, set()).add(key)

    def let_go(self, key: K, row_id: str) -> None:
        held = self._held.get(key)
        if held is not None and row_id in held:
            held.remove(row_id)
            _discard(self._holders, row_id, key)

    def concerned(self, row: Row) -> Iterable[K]:
        keys: set[K] = set(self._unindexed)
        for field, keys_by_value in self._by_field.items():
            for value in _values(row.get(field)):
                keys |= keys_by_value.get(value, frozenset())
        return keys | self._holders.get(row["id"], frozenset())

    def _needed(self, filter: Filter) -> frozenset[IndexTerm] | None:
        """Return terms of which every row that meets the filter has one; None if there are no such terms.

        Of several possible sets, it is the one whose terms lead to the fewest other keys.
        """
        match filter:
            case FieldCondition(field, "eq" | "element", value):
                return frozenset((IndexTerm(field, comparable(value)),))
            case FieldCondition(field, "in" | "elementIn", values):
                return frozenset(IndexTerm(field, comparable(value)) for value in values)
            case FieldCondition(field, "isNull", True):
                return frozenset((IndexTerm(field, None),))
            case AllOf(parts):
                options = [terms for part in parts if (terms := self._needed(part)) is not None]
                return min(options, key=self._cost, default=None)
            case AnyOf(parts):
                options = [terms for part in parts if (terms := self._needed(part)) is not None]
                return frozenset[IndexTerm]().union(*options) if len(options) == len(parts) else None
        return None

    def _cost(self, terms: frozenset[IndexTerm]) -> tuple[int, bool, int]:
        others = sum(len(self._by_field.get(field, {}).get(value, ())) for field, value in terms)
        return others, any(term.field != "id" for term in terms), len(terms)


def named_ids(filter: Filter) -> list[str] | None:
    """Return the ids of the rows that can meet the filter, None if the filter does not name them."""
    match filter:
        case FieldCondition("id", "eq", value):
            return [value]
        case FieldCondition("id", "in", values):
            return list(values)
        case AllOf(parts):
            return next((ids for part in parts if (ids := named_ids(part)) is not None), None)
    return None


def _values(value: Any) -> Iterable[Any]:
    """Return what a filter may require of a field with this value. Rows are not validated, filters are."""
    values = comparable(value) if isinstance(value, list) else (comparable(value),)
    return (element for element in values if isinstance(element, Hashable))


def _discard(sets: dict[Any, set[K]], name: Any, key: K) -> None:
    sets[name].discard(key)
    if not sets[name]:
        del sets[name]
