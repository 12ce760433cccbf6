"""Fields that are read from elsewhere, for all objects of a level at once: links, counts and sides of pages.

A writer of objects defers such a field: it writes null, and notes the object. The execution then reads the
values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from api.graphql.execution.row_resolvers import NEEDS_READ, BatchResolver
from api.graphql.execution.selected_fields import SelectedField


class BatchedField:
    """A field under its name in a response, with its resolver and the writer of its values."""

    __slots__ = ("name", "resolver", "selected", "write")

    def __init__(
        self,
        name: str,
        selected: SelectedField,
        resolver: BatchResolver,
        write: Callable[[Any, Any, Any], Any],
    ) -> None:
        self.name = name
        self.selected = selected
        self.resolver = resolver
        self.write = write


class PendingValue(NamedTuple):
    """An object of a response that lacks the value of a field, and the source of that value."""

    data: dict[str, Any]
    source: Mapping[str, Any]


class PendingValues:
    """The pending values of one execution, by their fields."""

    __slots__ = ("_by_field",)

    def __init__(self) -> None:
        self._by_field: dict[BatchedField, list[PendingValue]] = {}

    def write(
        self, field: BatchedField, data: dict[str, Any], source: Mapping[str, Any], budget: Any, context: Any
    ) -> None:
        """Write the field into the object, or note that its value is pending."""
        value = field.resolver.value_at_once(source)
        if value is NEEDS_READ:
            data[field.name] = None
            self._by_field.setdefault(field, []).append(PendingValue(data, source))
        else:
            data[field.name] = field.write(value, budget, context)

    def take(self) -> Mapping[BatchedField, list[PendingValue]]:
        """Return all pending values, and forget them."""
        pending, self._by_field = self._by_field, {}
        return pending
