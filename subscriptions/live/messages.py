"""Messages about a live stream itself, delivered in-band and typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a live stream can be resumed: after the item `index` of the commit at `position`.

    The items of one commit are numbered from 0; without an index the place is after all of them.
    """

    position: int
    index: int = 0xFFFF

    def before(self) -> Place:
        """Return the place after which the item at this place is the next one."""
        return Place(self.position, self.index - 1) if self.index else Place(self.position - 1)


class CaughtUp(NamedTuple):
    """Everything that existed when the stream was opened has been delivered; what follows is live."""

    place: Place


class Lagged(NamedTuple):
    """The subscriber fell too far behind; the stream ends, and can be resumed after `resume_after`."""

    resume_after: Place


class CursorExpired(NamedTuple):
    """The stream cannot resume at the requested place: it never came there, or has moved too far since."""

    place: Place


StatusMessage = CaughtUp | Lagged | CursorExpired
"""A message that every stream may contain."""

MAX_LAG = 10_000
"""Positions that a live subscriber may fall behind before its stream ends with `Lagged`."""
