"""Whether the other side of a socket is there still."""

from __future__ import annotations

SILENT = 2
"""Pings in a row that may stay without any sign of life."""


class Liveness:
    """The signs of life of one other side, between one look at it and the next."""

    __slots__ = ("_silent", "_stuck", "seen")

    def __init__(self) -> None:
        self.seen = True
        """Whether there was one since the last look: something came, or all was taken that was stuck."""
        self._silent = 0
        self._stuck = 0

    def over(self, stuck: int) -> bool:
        """Look at it: whether it has shown none for too long.

        `stuck` are the bytes that the kernel cannot take now because the other side does not. That it took
        some of them is a sign as well: behind a long queue a ping waits for its turn.
        """
        alive = self.seen or stuck < self._stuck
        self._silent = 0 if alive else self._silent + 1
        self.seen, self._stuck = False, stuck
        return self._silent >= SILENT
