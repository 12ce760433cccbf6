"""Processes that are killed between a claim and its append neither double nor block a unique value."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from random import Random

import pytest

from domain.kernel.unique_errors import ValueTaken
from tests.faults.player_writer import NICKS
from tests.helpers.players import Join, Quit
from tests.helpers.unique_bus import open_unique_bus

ROOT = Path(__file__).parents[2]
KILLS = 4
DEADLINE = 200


async def test_a_unique_value_is_never_twice_and_never_lost_under_kills(
    mongo_url: str, database: str
) -> None:
    """Two writers at a time, killed with -9 at random moments; afterwards each value can be had again."""
    chance = Random(7)
    async with asyncio.timeout(DEADLINE):
        for _ in range(KILLS // 2):
            writers = await asyncio.gather(*(_start(mongo_url, database, str(n)) for n in _seeds(chance)))
            for writer in writers:
                await asyncio.sleep(chance.uniform(0, 0.5))
                writer.kill()
            await asyncio.gather(*(writer.wait() for writer in writers))
        async with open_unique_bus(mongo_url, database, patience=0.5) as bus:
            owners = {nick: stream for stream, nick in (await bus.owners()).items()}
            for nick in NICKS:
                if nick in owners:
                    with pytest.raises(ValueTaken):
                        await bus.send(Join(nick=nick))
                    await bus.send(Quit(id=owners[nick]))
                await bus.send(Join(nick=nick))
            assert set(NICKS) <= set((await bus.owners()).values())


def _seeds(chance: Random) -> list[int]:
    return [chance.randrange(10**9) for _ in range(2)]


async def _start(mongo_url: str, database: str, seed: str) -> asyncio.subprocess.Process:
    command = (sys.executable, "-m", "tests.faults.player_writer", mongo_url, database, seed)
    writer = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    assert writer.stdout is not None
    assert await writer.stdout.readline() == b"ready\n"
    return writer
