"""The rows that a caller may see: those of its tenant that meet its row rule. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from domain.kernel.access import FieldIn, Permission
from domain.kernel.errors import DeclarationError, ValidationFailed
from domain.kernel.types.annotations import Kind
from domain.kernel.types.text_forms import read_uuid
from projections.kernel.field_kinds import NAMES, FieldKind, kinds
from projections.kernel.view import View
from projections.querying.filters import EVERYTHING, NOTHING, AllOf, AnyOf, FieldCondition, Filter
from projections.querying.marks import filter_text
from projections.querying.values import stored_value

_WHOLE_TENANT = filter_text(EVERYTHING)


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
        return f"{self.tenant}/{_WHOLE_TENANT if self.is_whole_tenant else filter_text(self.rule)}"

    def restrict(self, filter: Filter) -> Filter:
        """Return the filter for the rows of the scope that meet `filter`."""
        if self.is_whole_tenant:
            return filter
        return self.rule if filter == EVERYTHING else AllOf((self.rule, filter))


def row_scope(view: View[Any], tenant: str, permission: Permission) -> RowScope:
    """Return the rows of the tenant that the permission, which is of the view's rule, allows."""
    if permission.is_unconditional:
        return RowScope(tenant)
    by_name = kinds(view)
    alternatives = [
        _combine(AllOf, [_has_value(by_name[condition.field], condition) for condition in conditions])
        for conditions in permission.alternatives
    ]
    return RowScope(tenant, _combine(AnyOf, alternatives))


def check_rule(view: View[Any]) -> None:
    """Raise DeclarationError if the view's rule has a value that its field cannot have."""
    by_name = kinds(view)
    constants = [match for grant in view.access.grants for match in grant.matches if match.value is not None]
    for match in constants:
        kind = by_name[match.field]
        if _has_value(kind, FieldIn(match.field, (match.value,))) == NOTHING:
            raise DeclarationError(
                f"access of view {view.name!r}: where({match.field!r}, {match.value!r}) can never be met, "
                f"because the field has {NAMES[kind.kind]}"
            )


def _combine(kind: type[AllOf | AnyOf], parts: Sequence[Filter]) -> Filter:
    """Return the combined filter; of a single part that part, which MongoDB reads and plans faster."""
    return parts[0] if len(parts) == 1 else kind(tuple(parts))


def _has_value(kind: FieldKind, condition: FieldIn) -> Filter:
    """Return the filter for the condition. A value of another kind than the field's matches no row."""
    values = tuple(_stored_values(kind.kind, condition))
    if not values:
        return NOTHING
    several, single = ("elementIn", "element") if kind.is_list else ("in", "eq")
    if len(values) == 1:
        return FieldCondition(condition.field, single, values[0])
    return FieldCondition(condition.field, several, values)


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
