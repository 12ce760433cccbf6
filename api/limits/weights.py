"""What fields cost. A unit is about the work of reading one row and writing it: 40 µs on one core."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

LEAF = 0.1
"""A value without a selection."""

LIST = 10
"""Members of a list of objects that has no page size, such as the steps of a workflow."""

DEFAULT_PAGE = 20
"""Rows of a page whose size the client does not state."""


class Weight(NamedTuple):
    """What a field costs each time that it is resolved, in addition to what is selected inside it.

    A field with a `page` also costs one unit for each row of it: `first` or `last`, or else `page`. With
    `total_count` it is a connection, whose `totalCount` costs that much. `arguments` cost more if given.
    """

    units: float = 0
    page: int | None = None
    total_count: float | None = None
    arguments: Mapping[str, float] = {}


ROW = Weight(1)
ROW_OF_ANY_TIME = Weight(1, arguments={"asOf": 100})
ROWS = Weight(1, DEFAULT_PAGE, 0)
"""A page of a connection that cannot count."""

LIST_OF_VIEW = Weight(1, DEFAULT_PAGE, 100, {"filter": 10, "search": 100, "asOf": 200})
LINKED_ROWS = Weight(2, DEFAULT_PAGE, 10, {"filter": 1})
"""The rows of one owner: those of all owners of a level are read together."""

PAST = Weight(200)
"""A state or a reason that is folded from the log."""

VERSIONS = Weight(1, DEFAULT_PAGE)
HISTORY = Weight(200, DEFAULT_PAGE, 0)
COMMAND = Weight(10)
COMMANDS = Weight(200)
"""A command for each row of a page."""

STATUS = Weight(20)
"""The state of all views, which is read from several collections."""
