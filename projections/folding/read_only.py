"""What a row holds, in a form that a fold cannot change in place.

A fold is given a copy of its row. What is inside is shared with the row before the event, so that an event
which fails half-way leaves nothing behind: lists, dicts and sets in it refuse to be changed.
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
    """A dict that refuses changes."""

    __slots__ = ()

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


class CheckedDict(ReadOnlyDict):
    """A dict whose content was checked for the type `checked`; `stored` is what is stored for it."""

    __slots__ = ("checked", "stored")

    checked: object
    stored: Mapping[str, Any]


class ReadOnlyList(list[Any]):
    """A list that refuses changes."""

    __slots__ = ()

    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse
    append = clear = extend = insert = pop = remove = reverse = sort = _refuse

    def __reduce__(self) -> Any:
        return list, (list(self),)


class ReadOnlySet(set[Any]):
    """A set that refuses changes."""

    __slots__ = ()

    __iand__ = __ior__ = __isub__ = __ixor__ = _refuse
    add = clear = discard = pop = remove = update = _refuse
    difference_update = intersection_update = symmetric_difference_update = _refuse

    def __reduce__(self) -> Any:
        return set, (set(self),)


def read_only(value: Any) -> Any:
    """The value with all lists, dicts and sets in it read-only, to any depth."""
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
