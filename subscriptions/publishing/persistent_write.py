"""Writes that go on until MongoDB has taken them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from domain.kernel.errors import Unavailable
from subscriptions.feed.background import Backoff


async def until_stored(write: Callable[[], Awaitable[None]]) -> None:
    """Write to MongoDB, again and again while it does not answer."""
    backoff = Backoff()
    while True:
        try:
            await write()
        except Unavailable as error:
            await asyncio.sleep(backoff.pause(error))
        else:
            return
