"""Where a stream of the log's items can be resumed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

_WHOLE = 0xFFFF
"""The index of the place after all items of a commit."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a stream can be resumed: after the item `index` of the commit at `position`.

    The items of one commit are numbered from 0; without an index the place is after all of them.

    Where items are states, one that follows soon may replace another before that one is delivered. `floor` is
    the position at which all delivered states are, or later; None if they are those at the place itself.
    """

    position: int
    index: int = _WHOLE
    floor: int | None = field(default=None, compare=False)

    def before(self) -> Place:
        """Return the place after which the item at this place is the next one."""
        if self.index:
            return Place(self.position, self.index - 1, self.floor)
        return Place(self.position - 1, floor=self.floor)

    @property
    def states_from(self) -> int:
        """The position at which all delivered states are, or later."""
        if self.floor is not None:
            return self.floor
        return self.position if self.index == _WHOLE else self.position - 1

    def with_floor(self, floor: int | None) -> Place:
        """Return the place with this floor, if older states than those at the place may be the last ones."""
        return self if floor is None or floor >= self.states_from else replace(self, floor=floor)
