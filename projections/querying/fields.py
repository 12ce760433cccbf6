"""The MongoDB projection of the fields of a row that a query reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

KEPT = 1_000
"""Cached projections; each selection in use has one."""

Fields = frozenset[str]
"""Names of a row's fields; ``name.inner`` is a part of a field that is an object or a list of objects."""


@lru_cache(KEPT)
def projection(fields: Fields | None, *needed: str) -> Mapping[str, int] | None:
    """Return the MongoDB projection to `fields` and `needed`; None, for all fields, if `fields` is None."""
    if fields is None:
        return None
    names = {*fields, *needed}
    return {"_id": 0, **{name: 1 for name in sorted(names) if not _is_inside(name, names)}}


def _is_inside(name: str, names: Iterable[str]) -> bool:
    """Return whether one of the names contains this one: MongoDB rejects a projection with both."""
    parts = name.split(".")
    return any(".".join(parts[:length]) in names for length in range(1, len(parts)))
