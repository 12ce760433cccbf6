"""Links from the rows of a view to rows of another one."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ToOne:
    """A link named `name` to the row of the view `to` whose id is in the field `by`; null if there is none.

    The name ``steps.agent`` is a link of each object in the field ``steps``.
    """

    name: str
    to: str
    by: str = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class ToMany:
    """A link named `name` to the rows of the view `to` whose field `by` has this row's id.

    That view must filter by the field.
    """

    name: str
    to: str
    by: str = field(kw_only=True)


Link = ToOne | ToMany
