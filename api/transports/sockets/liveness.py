"""Detects sockets whose client is gone."""

from __future__ import annotations

MAX_MISSED = 2
"""Pings in a row that may stay without a sign of life."""


class Liveness:
    """The signs of life of one client between two checks."""

    __slots__ = ("_missed", "_stuck", "seen")

    def __init__(self) -> None:
        self.seen = True
        """Whether there was a sign since the last check: data came in, or the client took all that was stuck.
        """
        self._missed = 0
        self._stuck = 0

    def check(self, stuck: int) -> bool:
        """Return whether the client counts as alive.

        `stuck` are the bytes that the kernel cannot take because the client does not. Where they became
        fewer, that is a sign too: behind a long queue the client does not see a ping in time.
        """
        alive = self.seen or stuck < self._stuck
        self._missed = 0 if alive else self._missed + 1
        self.seen, self._stuck = False, stuck
        return self._missed < MAX_MISSED
