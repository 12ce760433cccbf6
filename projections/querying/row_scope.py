"""The rows that a caller may see: those of its tenant that meet its row rule. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from domain.kernel.access import FieldIn, Permission
from domain.kernel.errors import ValidationFailed
from domain.kernel.types.annotations import Kind
from domain.kernel.types.text_forms import read_uuid
from projections.kernel.field_kinds import kinds
from projections.kernel.view import View
from projections.querying.filters import EVERYTHING, NOTHING, AllOf, AnyOf, Condition, Filter
from projections.querying.marks import filter_text
from projections.querying.values import stored_value


@dataclass(frozen=True, slots=True)
class RowScope:
    """The rows of a view that an operation may read: those of the tenant that meet the `rule`.

    Every read of rows takes one.
    """

    tenant: str
    rule: Filter = EVERYTHING

    @property
    def is_whole_tenant(self) -> bool:
        """Whether the scope has every row of the tenant."""
        return self.rule == EVERYTHING

    @property
    def key(self) -> str:
        """A text that is equal for scopes with the same rule and tenant, and for no others."""
        return f"{self.tenant}/{filter_text(self.rule)}"

    def restrict(self, filter: Filter) -> Filter:
        """Return the filter for the rows of the scope that meet `filter`."""
        return filter if self.is_whole_tenant else AllOf((self.rule, filter))


def row_scope(view: View[Any], tenant: str, permission: Permission) -> RowScope:
    """Return the rows of the tenant that the permission, which is of the view's rule, allows."""
    if permission.is_unconditional:
        return RowScope(tenant)
    alternatives = (
        AllOf(tuple(_has_value(view, condition) for condition in conditions))
        for conditions in sorted(permission.alternatives, key=repr)
    )
    return RowScope(tenant, AnyOf(tuple(alternatives)))


def _has_value(view: View[Any], condition: FieldIn) -> Filter:
    """Return the filter for the condition. A value of another kind than the field's matches no row."""
    kind = kinds(view)[condition.field]
    values = tuple(_stored_values(kind.kind, condition))
    if not values:
        return NOTHING
    several, single = ("elementIn", "element") if kind.is_list else ("in", "eq")
    if len(values) == 1:
        return Condition(condition.field, single, values[0])
    return Condition(condition.field, several, values)


def _stored_values(kind: Kind, condition: FieldIn) -> Iterator[Any]:
    for value in condition.values:
        try:
            yield stored_value(kind, _converted(kind, value), (condition.field,))
        except (ValidationFailed, ValueError):
            continue


def _converted(kind: Kind, value: Any) -> Any:
    """Return a claim's value as a field of this kind has it: claims have no UUIDs and no decimal numbers.

    Raises ValueError for a text that is no UUID.
    """
    if kind is Kind.UUID and isinstance(value, str):
        return read_uuid(value)
    if kind is Kind.DECIMAL and isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    return value
