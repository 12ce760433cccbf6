"""Follows what the log says about access: API keys and revocations, of all tenants."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing, asynccontextmanager
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
from subscriptions.feed.feed import Feed
from subscriptions.feed.position_waiters import PositionWaiters

logger = logging.getLogger(__name__)

CATEGORIES = (apikeys.context.category, revocations.context.category)
"""The categories of the streams that grant access or end it."""

COMMANDS = (*apikeys.context.commands, *revocations.context.commands)

APPLIED_WITHIN = 5.0
"""Seconds that a command about access waits for this process; it takes milliseconds."""

OnRevoked = Callable[[AccessRevocation], object]


class AccessFollower:
    """Keeps `keys` and `revocations` as the log has them, while it is `following`.

    Redis wakes it. Whatever becomes of Redis, it looks at the log twice in every `poll_interval`, in seconds.
    """

    def __init__(
        self,
        log: EventLog,
        feed: Feed,
        uses: KeyUses,
        clock: Callable[[], datetime],
        poll_interval: float,
    ) -> None:
        self._log = log
        self._feed = feed
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
        symptom = "revocations of access are not followed"
        loops = [
            BackgroundLoop(work, symptom, logger) for work in (partial(self._follow, on_revoked), self._look)
        ]
        for loop in loops:
            loop.start()
        self._is_following = True
        try:
            async with self._uses.recording():
                yield
        finally:
            self._is_following = False
            for loop in loops:
                await loop.stop()
            for timer in self._timers:
                timer.cancel()

    async def wait_until_applied(self, envelope: Envelope, next_handler: Handler) -> Receipt:
        """Wait, as a middleware of the bus, until this process has applied a command about access.

        So a client can use a new key at once on this process. Others apply it within the poll interval.
        """
        receipt = await next_handler(envelope)
        is_new = self._is_following and receipt.position > self._position
        if is_new and isinstance(envelope.command, COMMANDS):
            self._feed.notify(receipt.position)
            await self._waiters.wait(receipt.position, APPLIED_WITHIN)
        return receipt

    async def _follow(self, on_revoked: OnRevoked) -> float:
        async with aclosing(self._feed.follow(self._position)) as batches:
            async for batch in batches:
                for scheduled in self._apply(batch.items):
                    self._revoke(scheduled, on_revoked)
                self._position = batch.position
                self._waiters.notify(batch.position)
        return 0.0

    async def _look(self) -> float:
        """Have the feed read on if the log has gone on: a message may have been lost."""
        self._feed.notify(await self._feed.head())
        return self._poll_interval / 2

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
