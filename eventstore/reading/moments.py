"""Where in the log a moment is."""

from __future__ import annotations

from datetime import datetime

from eventstore.driver import Collection, unavailable_if_down


async def recorded_before(log: Collection, moment: datetime, upto: int) -> int:
    """The position of the last commit that was recorded before `moment`, of those up to `upto`; 0: none.

    Every position up to `upto` must be settled. Reads about as many commits as `upto` has binary digits.
    The log is in the order of time but for the skew of its writers' clocks: what was recorded within that
    skew of the moment may be on either side.
    """
    before, behind = 0, upto + 1
    with unavailable_if_down():
        while behind - before > 1:
            middle = (before + behind) // 2
            found = await log.find_one({"_id": middle}, {"at": 1})
            if found is not None and found["at"] >= moment:
                behind = middle
            else:
                before = middle
    return before
