"""The kinds of a row's fields, by which they can be filtered and sorted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from domain.kernel.errors import DeclarationError
from domain.kernel.types.annotations import FieldType, Kind, ListOf, OptionalOf, Scalar, TupleOf
from projections.kernel.view import View

NAMES: Mapping[Kind, str] = {
    Kind.TEXT: "a text",
    Kind.INTEGER: "an integer",
    Kind.NUMBER: "a number",
    Kind.DECIMAL: "a decimal number",
    Kind.BOOLEAN: "true or false",
    Kind.DATETIME: "a moment with its time zone",
    Kind.DATE: "a date",
    Kind.TIME: "a time of day",
    Kind.DURATION: "a duration",
    Kind.UUID: "a UUID",
    Kind.BYTES: "bytes",
}
"""The kinds by which rows can be filtered and sorted, in the words of messages."""

_UNORDERED = (Kind.BYTES,)
"""MongoDB sorts bytes by their length first, which is an order of no use."""


class FieldKind(NamedTuple):
    """The scalar that a field holds, or holds a list of."""

    scalar: Scalar
    is_list: bool = False

    @property
    def kind(self) -> Kind:
        return self.scalar.kind

    @property
    def is_ordered(self) -> bool:
        """Whether rows can be sorted by the field."""
        return not self.is_list and self.kind not in _UNORDERED

    def __str__(self) -> str:
        return "a list" if self.is_list else NAMES[self.kind]


@cache
def kinds(view: View[Any]) -> Mapping[str, FieldKind]:
    """The kind of each field that the view filters or sorts by, or that its access depends on.

    Raises DeclarationError where that cannot be done by a field's type, nor a search in one.
    """
    fields, row = view.record.fields, view.row.__name__
    for name in view.search:
        if not _is_searchable(fields[name].type):
            raise DeclarationError(
                f"view {view.name!r} cannot search {name!r}: {row}.{name} is no text, list of texts or JSON"
            )
    kinds_by_field: dict[str, FieldKind] = {}
    for name in dict.fromkeys((*view.filters, *view.orders, *access_fields(view), "id")):
        kind = field_kind(fields[name].type)
        if kind is None:
            use = "filter or order by" if name in (*view.filters, *view.orders) else "decide access by"
            raise DeclarationError(
                f"view {view.name!r} cannot {use} {name!r}: {row}.{name} is neither a single "
                "value nor a list of single values; give the row a field of its own for it"
            )
        if name in view.orders and not kind.is_ordered:
            raise DeclarationError(f"view {view.name!r} cannot order by {name!r}: {row}.{name} is {kind}")
        kinds_by_field[name] = kind
    return kinds_by_field


def access_fields(view: View[Any]) -> Sequence[str]:
    """Return the fields that decide who may read a row."""
    return sorted(view.access.fields)


def field_kind(declared: FieldType) -> FieldKind | None:
    """The kind of a field of this type; None where it cannot be filtered by."""
    match declared:
        case OptionalOf(inner):
            return field_kind(inner)
        case Scalar(kind, _, _) if kind in NAMES:
            return FieldKind(declared)
        case ListOf(Scalar(kind, _, _) as item, _) if kind in NAMES:
            return FieldKind(item, is_list=True)
        case TupleOf((Scalar(kind, _, _) as item, *rest)) if kind in NAMES and all(
            each == item for each in rest
        ):
            return FieldKind(item, is_list=True)
    return None


def _is_searchable(declared: FieldType) -> bool:
    """Return whether the field is text or JSON, of which texts and lists of texts are searched."""
    inner = declared.inner if isinstance(declared, OptionalOf) else declared
    kind = field_kind(inner)
    is_text = kind is not None and kind.kind is Kind.TEXT
    return is_text or (isinstance(inner, Scalar) and inner.kind is Kind.JSON)
