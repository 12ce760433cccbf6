"""Where a stream of the log's items can be resumed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a stream can be resumed: after the item `index` of the commit at `position`.

    The items of one commit are numbered from 0; without an index the place is after all of them.
    """

    position: int
    index: int = 0xFFFF

    def before(self) -> Place:
        """Return the place after which the item at this place is the next one."""
        return Place(self.position, self.index - 1) if self.index else Place(self.position - 1)
