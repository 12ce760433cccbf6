"""A bounded number of places, which those in use share."""

from __future__ import annotations

from collections import Counter


class Places:
    """At most `limit` places, and at most `limit_each` for one owner."""

    def __init__(self, limit: int, limit_each: int) -> None:
        self._limit = limit
        self._limit_each = limit_each
        self._taken = 0
        self._by_owner: Counter[str] = Counter()

    @property
    def are_taken(self) -> bool:
        """Whether there is no place left for anyone."""
        return self._taken >= self._limit

    def has_all(self, owner: str) -> bool:
        """Return whether the owner has as many places as one may have."""
        return self._by_owner[owner] >= self._limit_each

    def take(self, *owners: str) -> None:
        """Take one place, which counts for each of these owners."""
        self._taken += 1
        self._by_owner.update(owners)

    def give_back(self, *owners: str) -> None:
        """Give back a place that was taken for these owners."""
        self._taken -= 1
        self._by_owner.subtract(owners)
        for owner in owners:
            if not self._by_owner[owner]:
                del self._by_owner[owner]
