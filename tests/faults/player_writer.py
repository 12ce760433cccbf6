"""A process that joins, renames and ends players whose nicknames are unique, until it is killed.

``python -m tests.faults.player_writer MONGO_URL DATABASE SEED``. It prints a line after its first command.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from random import Random

from domain.kernel import Command
from domain.kernel.errors import ConcurrencyConflict, InvariantViolated, NotFound, Unavailable
from tests.helpers.players import Join, Quit, Rename
from tests.helpers.unique_bus import UniqueBus, open_unique_bus

NICKS = ("ann", "bob", "cid")
STREAMS = tuple(f"player-{number}" for number in range(6))
AT_ONCE = 4


async def _work(bus: UniqueBus, chance: Random) -> None:
    while True:
        stream, nick = chance.choice(STREAMS), chance.choice(NICKS)
        command: Command = chance.choice(
            [Join(id=stream, nick=nick), Rename(id=stream, nick=nick), Quit(id=stream)]
        )
        with suppress(InvariantViolated, NotFound, ConcurrencyConflict, Unavailable):
            await bus.send(command)


async def main(mongo_url: str, database: str, seed: str) -> None:
    """Send commands from several callers at once."""
    async with open_unique_bus(mongo_url, database, patience=0.5) as bus:
        await bus.send(Join(nick=f"writer-{seed}"))
        print("ready", flush=True)
        async with asyncio.TaskGroup() as group:
            for number in range(AT_ONCE):
                group.create_task(_work(bus, Random(f"{seed}-{number}")))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
