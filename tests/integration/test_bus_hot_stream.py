"""Many commands on one stream, over the real log: in groups, each on what the one before it left."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from domain.kernel import InvariantViolated, Receipt, RecordedEvent
from domain.kernel.errors import ConcurrencyConflict
from tests.helpers.tallies import CATALOG, LIMIT, Add, Moved, Open, Reset
from tests.helpers.wired_bus import Wired, wired

TALLY = "tally-hot"


@pytest.fixture
async def announced() -> list[int]:
    """The highest position of each group that landed."""
    return []


@pytest.fixture
async def nerve(mongo_url: str, database: str, announced: list[int]) -> AsyncIterator[Wired]:
    async with wired(mongo_url, database, catalog=CATALOG, announce=announced.append) as parts:
        yield parts


@pytest.fixture
async def neighbour(mongo_url: str, database: str) -> AsyncIterator[Wired]:
    """Another process on the same log."""
    async with wired(mongo_url, database, catalog=CATALOG) as parts:
        yield parts


def check(events: Sequence[RecordedEvent]) -> list[int]:
    """The totals, after a look whether each event was decided in the state that the one before it left."""
    assert [event.version for event in events] == list(range(1, len(events) + 1))
    moves = [event.payload for event in events[1:]]
    totals = [0, *(move.total for move in moves if isinstance(move, Moved))]
    assert [move.seen for move in moves if isinstance(move, Moved)] == totals[:-1]
    return totals


async def test_commands_on_one_stream_share_groups(nerve: Wired, announced: list[int]) -> None:
    await nerve.send(Open(id=TALLY))
    receipts = await asyncio.gather(*(nerve.send(Add(id=TALLY)) for _ in range(LIMIT)))
    assert [receipt.version for receipt in receipts] == list(range(2, LIMIT + 2))
    assert check(await nerve.events()) == list(range(LIMIT + 1))
    assert announced == [1, LIMIT + 1]


async def test_what_the_state_does_not_allow_is_refused_however_it_is_sent(nerve: Wired) -> None:
    commands = [Open(id=TALLY), *(Add(id=TALLY, amount=30) for _ in range(6)), Reset(id=TALLY)]
    found = await asyncio.gather(*map(nerve.send, commands), return_exceptions=True)
    refused = [isinstance(one, InvariantViolated) for one in found]
    assert refused == [*[False] * 4, *[True] * 3, False]
    assert check(await nerve.events()) == [0, 30, 60, 90, 0]


async def test_i2_i3_two_processes_on_one_hot_stream(nerve: Wired, neighbour: Wired) -> None:
    """Callers of both keep it busy, some name a version, some send a command twice, some leave."""
    dice = random.Random(7)
    await nerve.send(Open(id=TALLY))
    stored: dict[str, Receipt] = {}

    async def caller(side: Wired, name: str) -> None:
        for number in range(12):
            command = Reset(id=TALLY) if dice.random() < 0.2 else Add(id=TALLY, amount=dice.randint(1, 9))
            envelope: dict[str, Any] = {"command_id": f"cmd-{name}-{number}"}
            if dice.random() < 0.1:
                envelope["expected_version"] = dice.randint(1, 400)
            times = 1 + (dice.random() < 0.1)
            sent = [asyncio.ensure_future(side.send(command, **envelope)) for _ in range(times)]
            if dice.random() < 0.1:
                await asyncio.sleep(0)
                sent[0].cancel()
            for outcome in await asyncio.gather(*sent, return_exceptions=True):
                if isinstance(outcome, Receipt) and outcome.changed:
                    assert stored.setdefault(outcome.command_id, outcome).position == outcome.position
                else:
                    assert isinstance(
                        outcome, Receipt | InvariantViolated | ConcurrencyConflict | asyncio.CancelledError
                    )

    sides = [("a", nerve), ("b", neighbour)]
    await asyncio.gather(*(caller(side, f"{name}{n}") for name, side in sides for n in range(20)))
    events = await nerve.events()
    check(events)
    positions = {event.commit.command_id: (event.position, event.version) for event in events}
    assert len(positions) == len(events)
    outcome = {name: (receipt.position, receipt.version) for name, receipt in stored.items()}
    assert outcome.items() <= positions.items()
    assert sum(name.startswith("cmd-a") for name in outcome) > 50
    assert sum(name.startswith("cmd-b") for name in outcome) > 50
