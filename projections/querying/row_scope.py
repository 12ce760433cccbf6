"""The rows that a caller may see: those of its tenant that meet its row rule. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from domain.kernel.access import FieldIn, Permission
from domain.kernel.errors import ValidationFailed
from projections.kernel.field_kinds import kinds
from projections.kernel.view import View
from projections.querying.filters import EVERYTHING, AllOf, AnyOf, Condition, Filter
from projections.querying.values import stored_value


@dataclass(frozen=True, slots=True)
class RowScope:
    """The rows of a view that an operation may read: those of the tenant that meet the `rule`.

    Every read of rows takes one, and equal scopes read the same.
    """

    tenant: str
    rule: Filter = EVERYTHING

    @property
    def is_whole_tenant(self) -> bool:
        """Whether the scope has every row of the tenant."""
        return self.rule == EVERYTHING

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
    operator = "element" if kind.is_list else "eq"
    choices: list[Filter] = []
    for value in condition.values:
        try:
            stored = stored_value(kind.kind, value, (condition.field,))
        except ValidationFailed:
            continue
        choices.append(Condition(condition.field, operator, stored))
    return AnyOf(tuple(choices))
