"""The positions that a follower of the feed gets."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from tests.helpers.note_rig import Rig

DEADLINE = 120


async def followed_positions(rig: Rig, upto: int) -> list[int]:
    """Return every position that a follower from the beginning gets, up to this one."""
    positions: list[int] = []
    async with asyncio.timeout(DEADLINE), aclosing(rig.feed.follow(0)) as batches:
        async for batch in batches:
            positions += [commit.position for commit in batch.items]
            if batch.position >= upto:
                break
    return positions
