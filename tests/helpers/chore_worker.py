"""A worker that runs chores until it is killed; its arguments: mongo, redis, database, lease time."""

from __future__ import annotations

import asyncio
import sys

from tests.helpers.oracles import Oracle
from tests.helpers.process_rig import open_process_rig


async def main(mongo_url: str, redis_url: str, database: str, lease_time: str) -> None:
    adapters, lease = {"oracle": Oracle(pause=0.3)}, float(lease_time)
    async with open_process_rig(
        mongo_url, redis_url, database, adapters=adapters, lease_time=lease, partitions=2
    ):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
