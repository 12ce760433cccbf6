"""Follows what the log says about access: API keys and revocations, of all tenants."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial

from api.access.api_keys import ApiKeys
from api.access.callers import AccessRevocation, ScheduledRevocation
from api.access.key_uses import KeyUses
from api.access.revocations import Revocations
from domain.builtin import apikeys, revocations
from domain.dispatch.bus import Handler
from domain.kernel import Commit, Envelope, Receipt
from eventstore.log import EventLog
from subscriptions.feed.background import BackgroundLoop
from subscriptions.feed.position_waiters import PositionWaiters
from subscriptions.feed.wakeups import Wakeups

logger = logging.getLogger(__name__)

CATEGORIES = (apikeys.context.category, revocations.context.category)
"""The categories of the streams that grant access or end it."""

COMMANDS = (*apikeys.context.commands, *revocations.context.commands)

ACCESS_TOPIC = "access"
"""The topic of wake-ups: the position of the last command about access is announced under it."""

LOOKS = 25
"""Times that the log is read until it has an announced position: an earlier commit may still be written."""

PAUSE = 0.02
"""Seconds between two of these."""

APPLIED_WITHIN = 5.0
"""Seconds that a command about access waits for this process; it takes milliseconds."""

OnRevoked = Callable[[AccessRevocation], object]


class AccessFollower:
    """Keeps `keys` and `revocations` as the log has them, while it is `following`.

    Redis wakes it. Whatever becomes of Redis, it looks at the log twice in every `poll_interval`, in seconds.
    It reads no other commits, so that commands do not cost more with authentication.
    """

    def __init__(
        self,
        log: EventLog,
        wakeups: Wakeups,
        uses: KeyUses,
        clock: Callable[[], datetime],
        poll_interval: float,
    ) -> None:
        self._log = log
        self._wakeups = wakeups
        self._announced = wakeups.position_waiters(ACCESS_TOPIC)
        self._uses = uses
        self._clock = clock
        self._poll_interval = poll_interval
        self.keys = ApiKeys(clock, uses.note)
        self.revocations = Revocations()
        self._position = 0
        self._timers: set[asyncio.TimerHandle] = set()
        self._waiters = PositionWaiters()
        self._is_following = False

    @asynccontextmanager
    async def following(self, on_revoked: OnRevoked) -> AsyncIterator[None]:
        """Call `on_revoked` for each revocation inside the context, which begins with all earlier ones read.

        Raises Unavailable where they cannot be read: then no request must be served.
        """
        commits, self._position = await self._log.commits_of(CATEGORIES)
        self._apply(commits)
        work = partial(self._follow, on_revoked)
        loop = BackgroundLoop(work, "revocations of access are not followed", logger)
        loop.start()
        self._is_following = True
        try:
            async with self._uses.recording():
                yield
        finally:
            self._is_following = False
            await loop.stop()
            for timer in self._timers:
                timer.cancel()

    async def wait_until_applied(self, envelope: Envelope, next_handler: Handler) -> Receipt:
        """Announce, as a middleware of the bus, a command about access, and wait until it is applied here.

        So a client can use a new key at once on this process. Others apply it within the poll interval.
        """
        receipt = await next_handler(envelope)
        if isinstance(envelope.command, COMMANDS):
            self._wakeups.announce(ACCESS_TOPIC, receipt.position)
            if self._is_following and receipt.position > self._position:
                await self._waiters.wait(receipt.position, APPLIED_WITHIN)
        return receipt

    async def _follow(self, on_revoked: OnRevoked) -> float:
        """Wait for a message, but only until it is time to look, and apply what is new."""
        await self._announced.reach(self._position + 1, self._poll_interval / 2)
        announced = self._announced.highest
        for _ in range(LOOKS):
            await self._look(on_revoked)
            if self._position >= announced:
                return 0.0
            await asyncio.sleep(PAUSE)
        if self._announced.highest == announced:
            # The message may have been wrong.
            self._announced.move_to(self._position)
        return 0.0

    async def _look(self, on_revoked: OnRevoked) -> None:
        """Apply the commits after those that were applied."""
        commits, position = await self._log.commits_of(CATEGORIES, self._position)
        for scheduled in self._apply(commits):
            self._revoke(scheduled, on_revoked)
        self._position = max(position, self._position)
        self._waiters.notify(self._position)

    def _apply(self, commits: Iterable[Commit]) -> list[ScheduledRevocation]:
        """Take the commits into account, and return what they revoke. Doing it again changes nothing."""
        revoked: list[ScheduledRevocation | None] = []
        for commit in commits:
            category = None if commit.info is None else commit.info.category
            if category == apikeys.context.category:
                revoked += map(self.keys.apply, commit.events)
            elif category == revocations.context.category:
                revoked += map(self.revocations.apply, commit.events)
        return [each for each in revoked if each is not None]

    def _revoke(self, scheduled: ScheduledRevocation, on_revoked: OnRevoked) -> None:
        delay = 0.0 if scheduled.at is None else (scheduled.at - self._clock()).total_seconds()
        if delay <= 0:
            on_revoked(scheduled.revocation)
            return

        def revoke() -> None:
            self._timers.discard(timer)
            on_revoked(scheduled.revocation)

        timer = asyncio.get_running_loop().call_later(delay, revoke)
        self._timers.add(timer)
