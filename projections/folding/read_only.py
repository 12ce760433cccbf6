"""Lists, dicts and sets that a fold cannot change in place.

A fold receives a shallow copy of its row. The values inside are shared with the row before the event. Because
they reject changes, an event that fails half-way leaves no trace.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from domain.kernel.errors import ReadOnlyValue

REFUSAL = (
    "rows are read-only inside; return a row with a new value, as in {**row, 'tags': [*row['tags'], tag]}"
)


def _refuse(self: Any, *arguments: Any, **named: Any) -> NoReturn:
    raise ReadOnlyValue(REFUSAL)


class ReadOnlyDict(dict[Any, Any]):
    """A dict that rejects changes."""

    __slots__ = ()

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


class CheckedDict(ReadOnlyDict):
    """A dict whose content was checked against the type `checked`; `stored` is its stored form."""

    __slots__ = ("checked", "stored")

    checked: object
    stored: Mapping[str, Any]


class ReadOnlyList(list[Any]):
    """A list that rejects changes."""

    __slots__ = ()

    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse
    append = clear = extend = insert = pop = remove = reverse = sort = _refuse

    def __reduce__(self) -> Any:
        return list, (list(self),)


class ReadOnlySet(set[Any]):
    """A set that rejects changes."""

    __slots__ = ()

    __iand__ = __ior__ = __isub__ = __ixor__ = _refuse
    add = clear = discard = pop = remove = update = _refuse
    difference_update = intersection_update = symmetric_difference_update = _refuse

    def __reduce__(self) -> Any:
        return set, (set(self),)


def read_only(value: Any) -> Any:
    """Return the value with all lists, dicts and sets in it read-only, to any depth."""
    kind = type(value)
    if kind is list:
        return ReadOnlyList(map(read_only, value))
    if kind is dict:
        return ReadOnlyDict({key: read_only(item) for key, item in value.items()})
    if kind is set:
        return ReadOnlySet(value)
    if kind is tuple:
        return tuple(map(read_only, value))
    return value
