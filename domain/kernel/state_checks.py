"""The check of the states that `evolve` returns for new events, before the events are stored. Pure.

Of each state only what is not the very object of the state before is checked, so that a large state costs
little. What events of the log lead to is not checked again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from itertools import islice
from operator import attrgetter
from typing import Any, NamedTuple

from domain.kernel.code_locations import definition_location
from domain.kernel.context_calls import call_evolve
from domain.kernel.errors import ContextFault, DataKey, UnfitValue
from domain.kernel.event import Event
from domain.kernel.types.annotations import FieldType, ListOf, MapOf, OptionalOf, record_type
from domain.kernel.types.stored_values import Convert, encoder
from domain.kernel.user_exceptions import FAULTS

Check = Callable[[Any, Any], object]
"""Raises UnfitValue if the second value is not of a type; the first one is of it, or None."""


def evolve_checked(state: Any, events: Iterable[Event]) -> Any:
    """Return the state after new events, which are those of one commit.

    Raises ContextFault if `evolve` raises, returns another class, or if a field of the state after the last
    event is not of its declared type. The states in between are not checked: nothing stores them.
    """
    kind: Any = type(state)
    fields, folded = _fields(kind), tuple(events)
    after = state
    for event in folded:
        after = call_evolve(after, event)
    if fields is not None and after is not state:
        try:
            _check_fields(fields, state, after)
        except (UnfitValue, AttributeError) as error:
            event = _first_misfit(fields, state, folded) or folded[-1]
            raise _unfit_state(kind, event, error) from None
    return after


def _first_misfit(fields: _Fields, state: Any, events: Iterable[Event]) -> Event | None:
    """Return the first event after which the state does not fit its fields."""
    for event in events:
        after = call_evolve(state, event)
        try:
            _check_fields(fields, state, after)
        except (UnfitValue, AttributeError):
            return event
        state = after
    return None


class _Fields(NamedTuple):
    """The fields of a class of states: a function that reads their values, and what checks each."""

    values: Callable[[Any], tuple[Any, ...]]
    checks: tuple[tuple[str, Check], ...]


@cache
def _fields(kind: Any) -> _Fields | None:
    """Return the fields of a class of states, None if it has none."""
    fields = record_type(kind).fields
    if not fields:
        return None
    read = attrgetter(*fields)
    values = read if len(fields) > 1 else lambda state: (read(state),)
    return _Fields(values, tuple((name, _check(field.type)) for name, field in fields.items()))


def _check_fields(fields: _Fields, before: Any, after: Any) -> None:
    for (name, check), old, new in zip(
        fields.checks, fields.values(before), fields.values(after), strict=True
    ):
        if new is not old:
            try:
                check(old, new)
            except UnfitValue as error:
                raise error.at(name) from None


def _check(type: FieldType) -> Check:
    match type:
        case OptionalOf(inner):
            check = _check(inner)
            return lambda old, new: None if new is None else check(old, new)
        case ListOf(_, container) if container in (list, tuple):
            return _items_check(type)
        case ListOf(_, container):
            return _set_check(type)
        case MapOf():
            return _map_check(type)
    encode = _encoder(type)
    return lambda _old, new: encode(new)


def _encoder(type: FieldType) -> Convert:
    """Return the function that writes values of a type, and so checks all of them."""
    encode = encoder(type)
    assert encode is not None, "every type has one unless its values are validated"
    return encode


def _items_check(type: ListOf) -> Check:
    """Check a list or tuple: only what follows the items that both have in common, where these come first."""
    container: Any = type.container
    encode, encode_item = _encoder(type), _encoder(type.item)

    def check(old: Any, new: Any) -> None:
        if isinstance(new, container) and isinstance(old, container) and _begins_with(new, old):
            try:
                for item in new[len(old) :]:
                    encode_item(item)
                return
            except UnfitValue:
                pass  # All of it has the path of the item.
        encode(new)

    return check


def _set_check(type: ListOf) -> Check:
    container: Any = type.container
    encode = _encoder(type)

    def check(old: Any, new: Any) -> None:
        both = isinstance(new, container) and isinstance(old, container)
        encode(new - old if both else new)

    return check


def _map_check(type: MapOf) -> Check:
    encode, value_check = _encoder(type), _check(type.value)

    def check(old: Any, new: Any) -> None:
        if not isinstance(new, Mapping) or not isinstance(old, Mapping):
            encode(new)
            return
        added = {}
        for key, value in _changed_entries(old, new):
            before = old.get(key)
            if before is None:
                added[key] = value
            elif value is not before:
                try:
                    value_check(before, value)
                except UnfitValue as error:
                    raise error.at(DataKey(getattr(key, "value", key))) from None
        if added:
            encode(added)

    return check


def _changed_entries(old: Mapping[Any, Any], new: Mapping[Any, Any]) -> Iterable[tuple[Any, Any]]:
    """Return the entries that may be new or have another value; all of them where keys were removed."""
    same_keys = _begins_with(list(new), list(old))
    if same_keys and _begins_with(list(new.values()), list(old.values())):
        return islice(new.items(), len(old), None)
    return new.items()


def _begins_with(new: Any, old: Any) -> bool:
    """Whether a list or tuple begins with the items of another: fast, for most are the same objects."""
    try:
        return bool(new[: len(old)] == old)
    except FAULTS:
        return False  # The items' classes may have an `__eq__` of their own.


def _unfit_state(kind: type[Any], event: Event, error: UnfitValue | AttributeError) -> ContextFault:
    if isinstance(error, UnfitValue):
        why = str(error.at(owner=kind.__name__))
    else:
        why = f"it has no field {error.name!r}"
    return ContextFault(
        f"{kind.__name__}.evolve returned a state that does not fit the fields of {kind.__name__} for the "
        f"event {event.type!r} ({definition_location(kind.evolve)}): {why}"
    )
