"""Which fields of a row are read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

KEPT = 1_000
"""Projections, of which there is one for each selection that is in use."""

Fields = frozenset[str]
"""Names of a row's fields; of a field that is an object or a list of them, ``name.inner`` names a part."""


@lru_cache(KEPT)
def projection(fields: Fields | None, *needed: str) -> Mapping[str, int] | None:
    """The MongoDB projection to these fields and what else is needed; None, for all, where `fields` is."""
    if fields is None:
        return None
    names = {*fields, *needed}
    return {"_id": 0, **{name: 1 for name in sorted(names) if not _is_inside(name, names)}}


def _is_inside(name: str, names: Iterable[str]) -> bool:
    """Whether one of the names is the whole of which this one is a part: MongoDB refuses to be told both."""
    parts = name.split(".")
    return any(".".join(parts[:length]) in names for length in range(1, len(parts)))
