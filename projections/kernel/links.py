"""What a view declares of the rows that belong to its own."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ToOne:
    """`name` is the row of the view `to` whose id is in the field `by`; null where there is none.

    Of the objects in a field ``steps``, each with a field `by`, the name is ``steps.agent``.
    """

    name: str
    to: str
    by: str = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class ToMany:
    """`name` are the rows of the view `to` whose field `by` has this row's id; that view filters by it."""

    name: str
    to: str
    by: str = field(kw_only=True)


Link = ToOne | ToMany
