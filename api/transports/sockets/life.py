"""Whether the other side of a socket is there still."""

from __future__ import annotations

SILENT = 2
"""Pings in a row that may stay without any sign of life."""


class Life:
    """The signs of life of one other side, between one look at it and the next."""

    __slots__ = ("_silent", "_stuck", "_taken", "heard")

    def __init__(self) -> None:
        self.heard = True
        """Whether anything came from it since it was looked at."""
        self._silent = 0
        self._taken = 0
        self._stuck = False

    def over(self, taken: int, outstanding: int) -> bool:
        """Whether it has shown none for too long.

        `taken` are the bytes that the kernel has taken for it so far, `outstanding` those that it has not.
        That it took more of what was stuck is a sign too: behind a long queue a ping waits for its turn.
        """
        alive = self.heard or (self._stuck and taken > self._taken)
        self._silent = 0 if alive else self._silent + 1
        self.heard, self._taken, self._stuck = False, taken, outstanding > 0
        return self._silent >= SILENT
