"""The rows that a caller may see: those of its tenant that meet its row rule. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from domain.kernel.access import FieldIn, Permission
from domain.kernel.errors import DeclarationError, ValidationFailed
from projections.kernel.field_kinds import FieldKind, field_kind
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


def row_scope(view: View[Any], tenant: str, permission: Permission) -> RowScope:
    """Return the rows of the tenant that the permission allows.

    Raises DeclarationError if the view's rule names a field that cannot be compared.
    """
    if permission.is_unconditional:
        return RowScope(tenant)
    alternatives = (
        AllOf(tuple(_has_value(view, condition) for condition in conditions))
        for conditions in sorted(permission.alternatives, key=repr)
    )
    return RowScope(tenant, AnyOf(tuple(alternatives)))


def rule_kind(view: View[Any], field: str) -> FieldKind:
    """Return the kind of a field that a row rule names; raises DeclarationError if it cannot be compared."""
    kind = field_kind(view.record.fields[field].type)
    if kind is None:
        raise DeclarationError(
            f"access of view {view.name!r} cannot depend on {field!r}, which is neither a single "
            "value nor a list of single values"
        )
    return kind


def _has_value(view: View[Any], condition: FieldIn) -> Filter:
    """Return the filter for the condition. A value of another kind than the field's matches no row."""
    kind = rule_kind(view, condition.field)
    operator = "element" if kind.is_list else "eq"
    choices: list[Filter] = []
    for value in condition.values:
        try:
            stored = stored_value(kind.kind, value, (condition.field,))
        except ValidationFailed:
            continue
        choices.append(Condition(condition.field, operator, stored))
    return AnyOf(tuple(choices))
