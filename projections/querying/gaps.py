"""Fields that the view declares and the rows of its active generation lack, until the view is rebuilt.

Such a field is read as the default that the view declares for it. Without a default, reading it raises
ViewRebuilding, so that no reader takes a field that was never folded for null.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from domain.kernel.errors import DeclarationError, UnfitValue, ViewRebuilding
from domain.kernel.names import client_name, quantity
from domain.kernel.types.annotations import record_type
from domain.kernel.types.stored_values import encoder
from projections.kernel.row_fields import row_fields, unreadable_fields
from projections.kernel.view import View
from projections.querying.filters import (
    EVERYTHING,
    NOTHING,
    AllOf,
    AnyOf,
    FieldCondition,
    Filter,
    Not,
    to_predicate,
)
from projections.storage.rows import Row
from subscriptions.consumers.state import ConsumerState, GenerationState


@cache
def stored_defaults(view: View[Any]) -> Mapping[str, Any]:
    """Return the view's defaults as rows store them.

    Raises DeclarationError for a default that is not of its field's type.
    """
    row: Any = view.row
    fields = record_type(row).fields
    defaults: dict[str, Any] = {}
    for name, value in view.defaults.items():
        encode = encoder(fields[name].type)
        try:
            defaults[name] = value if encode is None else encode(value)
        except UnfitValue as error:
            raise DeclarationError(f"view {view.name!r}: the default of {name!r}: {error}") from None
    return defaults


@dataclass(frozen=True, slots=True)
class RowGaps:
    """The fields that rows lack: some have `defaults`, the `refused` ones raise the error of `refuse`."""

    defaults: Mapping[str, Any]
    refused: frozenset[str]
    refuse: Callable[[str], ViewRebuilding]

    def fill(self, row: Row) -> Row:
        """Return the row with the defaults; reading a refused field of it raises ViewRebuilding."""
        return _OldRow(row, self)

    def adapt(self, filter: Filter) -> Filter:
        """Return the filter, adapted to rows that lack the fields. Raises ViewRebuilding."""
        match filter:
            case FieldCondition(field, _, _) if field in self.refused:
                raise self.refuse(field)
            case FieldCondition(field, _, _) if field in self.defaults:
                return EVERYTHING if to_predicate(filter)(self.defaults) else NOTHING
            case FieldCondition():
                return filter
            case Not(part):
                return Not(self.adapt(part))
            case AllOf(parts):
                return AllOf(tuple(map(self.adapt, parts)))
            case AnyOf(parts):
                return AnyOf(tuple(map(self.adapt, parts)))

    def require(self, names: Iterable[str]) -> None:
        """Raise ViewRebuilding if rows lack one of the fields: no index contains its default."""
        for name in names:
            if name in self.refused or name in self.defaults:
                raise self.refuse(name)


class _OldRow(dict[str, Any]):
    """A row that raises ViewRebuilding if a field is read that it lacks."""

    __slots__ = ("_gaps",)

    def __init__(self, row: Row, gaps: RowGaps) -> None:
        super().__init__({name: value for name, value in row.items() if name not in gaps.refused})
        self.update(gaps.defaults)
        self._gaps = gaps

    def __missing__(self, name: str) -> Any:
        if name in self._gaps.refused:
            raise self._gaps.refuse(name)
        raise KeyError(name)

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value; `default` if the view does not declare the field either."""
        return self[name] if name in self or name in self._gaps.refused else default


def row_gaps(view: View[Any], state: ConsumerState) -> RowGaps | None:
    """Return the declared fields that the active generation lacks; None if it lacks none.

    A generation of a release that did not record its fields counts as complete.
    """
    active = None if state.active is None else state.generations[state.active]
    if active is None or active.output is None or active.output == row_fields(view):
        return None
    lacking = unreadable_fields(view, active.output)
    if not lacking:
        return None
    defaults = {name: value for name, value in stored_defaults(view).items() if name not in active.output}
    refused = lacking - defaults.keys()
    return RowGaps(defaults, refused, partial(_refusal, view.name, state))


def _refusal(view: str, state: ConsumerState, field: str) -> ViewRebuilding:
    candidate = state.candidate
    if candidate is None:
        cause = "code without this field folded the rows, and no rebuild is running"
    elif candidate.state is GenerationState.HELD:
        cause = "the rows with this field are held until they are approved"
    else:
        cause = f"a rebuild has folded {candidate.events} of about {quantity(total_events(state), 'event')}"
    events = 0 if candidate is None else candidate.events
    return ViewRebuilding(client_name(view), client_name(field), cause, events, total_events(state))


def total_events(state: ConsumerState) -> int:
    """Return the number of events that the most advanced generation has folded."""
    return max(generation.events for generation in state.generations.values())
