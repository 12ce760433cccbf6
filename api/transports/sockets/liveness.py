"""Detects sockets whose client is gone."""

from __future__ import annotations

MAX_MISSED = 2
"""Pings in a row that may stay without a sign of life."""


class Liveness:
    """The signs of life of one client between two checks."""

    __slots__ = ("_missed", "_seen", "_stuck")

    def __init__(self) -> None:
        self._seen = True
        self._missed = 0
        self._stuck = 0

    def note_sign(self) -> None:
        """Note a sign of life: data came in, or the client took all that was stuck."""
        self._seen = True

    def check(self, stuck: int) -> bool:
        """Return whether the client counts as alive.

        `stuck` are the bytes that the kernel cannot take because the client does not. Where they became
        fewer, that is a sign too: behind a long queue the client does not see a ping in time.
        """
        alive = self._seen or stuck < self._stuck
        self._missed = 0 if alive else self._missed + 1
        self._seen, self._stuck = False, stuck
        return self._missed < MAX_MISSED
