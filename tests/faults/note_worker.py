"""A worker process to be killed: ``python -m tests.faults.note_worker MONGO REDIS DATABASE``."""

from __future__ import annotations

import asyncio
import sys

from tests.helpers.note_rig import open_rig


async def main() -> None:
    """Project until somebody ends this process."""
    async with open_rig(*sys.argv[1:4], work=True, lease_time=1.0):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
