"""A reader process: follows the log as a feed does, and notes what it sees.

``python -m tests.faults.reader URL DATABASE JOURNAL FENCE_AFTER AFTER``
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from pathlib import Path

from domain.kernel import Commit
from domain.kernel.errors import Unavailable
from tests.faults.journal import Journal
from tests.helpers.commits import open_store

LOOK_EVERY = 0.02
"""Seconds between two looks where there is nothing new."""


def digest(commit: Commit) -> str:
    """What two readers of the same commit have in common, and readers of different ones have not."""
    return hashlib.blake2b(repr(commit).encode(), digest_size=8).hexdigest()


async def main(url: str, database: str, journal: Journal, fence_after: float, after: int) -> None:
    """Follow the log behind position `after` until somebody ends this process."""
    async with open_store(url, database, fence_after=fence_after) as store:
        reader = store.log.reader()
        while True:
            try:
                found = await reader.read(after)
            except Unavailable:
                found = []
            for commit in found:
                journal.note("saw", commit.position, digest(commit))
                after = commit.position
            if not found:
                await asyncio.sleep(LOOK_EVERY)


if __name__ == "__main__":
    _, url, database, journal, fence_after, after = sys.argv
    asyncio.run(main(url, database, Journal(Path(journal)), float(fence_after), int(after)))
