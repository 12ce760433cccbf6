"""The columns of a process log: which of them has which attribute, as named by the user or guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from api.fleet.activity import (
    CASE,
    CASE_END,
    CASE_START,
    EVENT_ID,
    INSTANCE,
    NAME,
    REQUIRED,
    RESOURCE,
    START,
    TIME,
    TRANSITION,
)
from domain.kernel.errors import ValidationFailed

ATTRIBUTES: Mapping[str, str] = {
    "case": CASE,
    "activity": NAME,
    "time": TIME,
    "start": START,
    "resource": RESOURCE,
    "lifecycle": TRANSITION,
    "instance": INSTANCE,
    "id": EVENT_ID,
    "case-start": CASE_START,
    "case-end": CASE_END,
}
"""The XES names of the attributes that `--map` can name a column for."""

_COMMON_NAMES: Mapping[str, Sequence[str]] = {
    CASE: ("caseid", "case", "casenumber", "casename", "traceid", "trace"),
    NAME: ("activity", "activityname", "task", "taskname", "eventname", "event", "step"),
    TIME: ("timestamp", "completetimestamp", "endtimestamp", "completetime", "endtime", "time", "datetime"),
    START: ("starttimestamp", "starttime", "start"),
    RESOURCE: ("resource", "resourcename", "worker", "user", "username", "agent", "employee", "performer"),
    TRANSITION: ("lifecycletransition", "lifecycle", "transition"),
    INSTANCE: ("activityinstance", "activityinstanceid", "instance"),
}
"""Names that other tools give to columns, most common first, without case, spaces and punctuation."""


def attribute_names(header: Sequence[str], mapping: Mapping[str, str]) -> list[str]:
    """Return the name of the attribute that each column has; the column's own name if it is only data.

    `mapping` has columns by attributes, as the user named them. Raises ValidationFailed if a column is
    missing, or if two columns have one attribute.
    """
    names = [name.strip() or f"column {number}" for number, name in enumerate(header, 1)]
    places = _named_places(names, mapping)
    for attribute in ATTRIBUTES.values():
        if attribute not in places and (place := _place(attribute, names, places)) is not None:
            places[attribute] = place
    if TIME not in places and START in places:
        places[TIME] = places.pop(START)
    missing = [name for name in REQUIRED if name not in places]
    if missing:
        raise ValidationFailed(
            f"line 1 must name the columns, and lacks {', '.join(missing)}; it has "
            f"{', '.join(map(repr, names)) or 'no column'}; name them with --map, as in --map case=COLUMN"
        )
    for attribute, place in places.items():
        names[place] = attribute
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValidationFailed(
            f"line 1 names the column {repeated[0]!r} twice; give each column its own name"
        )
    return names


def describe_columns(header: Sequence[str], names: Sequence[str]) -> str:
    """Return which attributes the columns have that are called otherwise, for the user to check."""
    short = {attribute: name for name, attribute in ATTRIBUTES.items()}
    renamed = [
        f"{short[name]} is {column!r}"
        for column, name in zip(header, names, strict=True)
        if name in short and column.strip() != name
    ]
    return ", ".join(renamed)


def _named_places(names: Sequence[str], mapping: Mapping[str, str]) -> dict[str, int]:
    places: dict[str, int] = {}
    for attribute, column in mapping.items():
        if column not in names:
            raise ValidationFailed(f"line 1 has no column {column!r}; it has {', '.join(map(repr, names))}")
        places[attribute] = names.index(column)
    return places


def _place(attribute: str, names: Sequence[str], places: Mapping[str, int]) -> int | None:
    """Return the column that has the attribute by its own name, or else by a common one."""
    taken = set(places.values())
    if attribute in names and names.index(attribute) not in taken:
        return names.index(attribute)
    bare = [re.sub(r"[\W_]", "", name.lower()) for name in names]
    for common in _COMMON_NAMES.get(attribute, ()):
        if common in bare and bare.index(common) not in taken and names[bare.index(common)] not in _OWN_NAMES:
            return bare.index(common)
    return None


_OWN_NAMES = frozenset(ATTRIBUTES.values())
"""Columns with these names have that attribute, and are no candidates for another one."""
