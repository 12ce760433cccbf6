"""The port of limits on open connections that all processes of a deployment share."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from api.access.callers import Caller


class ConnectionPlaces(Protocol):
    """Counts the open connections of callers with credentials, over all processes."""

    def take(self, caller: Caller) -> bool | Awaitable[bool]:
        """Take a place for one connection, and return whether there was one.

        It is an awaitable where other processes must be asked.
        """

    def give_back(self, caller: Caller) -> None:
        """Give back a place that was taken."""


class UnlimitedPlaces:
    """Has a place for every connection."""

    def take(self, _caller: Caller) -> bool:
        return True

    def give_back(self, _caller: Caller) -> None:
        """Do nothing."""


UNLIMITED = UnlimitedPlaces()
