"""Fields that are read from elsewhere, for all objects of a level at once: links, counts and sides of pages.

A writer of objects leaves a gap for such a field, and notes the object; the execution reads the values then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from api.graphql.execution.field_places import FieldPlace
from api.graphql.execution.row_resolvers import LATER, BatchResolver


class BatchedField:
    """A field under its name in a response, with its resolver and the writer of its values."""

    __slots__ = ("name", "place", "resolver", "write")

    def __init__(
        self, name: str, place: FieldPlace, resolver: BatchResolver, write: Callable[[Any, Any, Any], Any]
    ) -> None:
        self.name = name
        self.place = place
        self.resolver = resolver
        self.write = write


class Gap(NamedTuple):
    """An object of a response that lacks the value of a field, and the source of that value."""

    data: dict[str, Any]
    source: Mapping[str, Any]


class Gaps:
    """The gaps in the response of one execution, by the fields that fill them."""

    __slots__ = ("_gaps",)

    def __init__(self) -> None:
        self._gaps: dict[BatchedField, list[Gap]] = {}

    def write(
        self, field: BatchedField, data: dict[str, Any], source: Mapping[str, Any], budget: Any, context: Any
    ) -> None:
        """Write the field into the object, or note that it has a gap there."""
        value = field.resolver.value_at_once(source)
        if value is LATER:
            data[field.name] = None
            self._gaps.setdefault(field, []).append(Gap(data, source))
        else:
            data[field.name] = field.write(value, budget, context)

    def take(self) -> Mapping[BatchedField, list[Gap]]:
        """Return all gaps, and forget them."""
        gaps, self._gaps = self._gaps, {}
        return gaps
