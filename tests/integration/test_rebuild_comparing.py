"""Two generations are compared row by row, each row at one position, while both go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventstore.mongo.driver import Collection, open_client
from projections.rebuilding.comparer import GenerationComparer, GenerationRows
from projections.rebuilding.comparison import Comparison, DifferingRow, RowVerdict
from tests.helpers.drivers import chosen_driver

KEYS = [f"note-{i}" for i in range(8)]
rows_of = st.dictionaries(st.sampled_from(KEYS), st.tuples(st.integers(0, 2), st.booleans()))


def stored(key: str, score: int, position: int, generation: int, *, gone: bool = False) -> dict[str, Any]:
    own = {"id": key} if gone else {"id": key, "score": score}
    where = {"_position": position, "_place": 0, "_generation": generation}
    return {"_id": f"default/{key}", **own, "_tenant": "default", "_gone": gone, **where}


async def unseen(_: Comparison) -> None:
    pass


class Sides:
    """Two collections of a database, and the comparison of them."""

    def __init__(self, old: Collection, new: Collection) -> None:
        self.old, self.new = old, new

    async def compare(self, common: Any) -> Comparison:
        old, new = GenerationRows(self.old, 1), GenerationRows(self.new, 2)
        return await GenerationComparer(old, new, common, page_size=3).run(unseen)

    async def clear(self) -> None:
        await self.old.delete_many({})
        await self.new.delete_many({})


@pytest.fixture
async def sides(mongo_url: str, database: str) -> AsyncIterator[Sides]:
    async with open_client(mongo_url, chosen_driver()) as client:
        yield Sides(client[database]["old"], client[database]["new"])


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(old=rows_of, new=rows_of)
def test_each_row_is_counted_once_by_its_verdict(
    mongo_url: str,
    database: str,
    old: dict[str, tuple[int, bool]],
    new: dict[str, tuple[int, bool]],
) -> None:
    async def check() -> None:
        async with open_client(mongo_url, chosen_driver()) as client:
            sides = Sides(client[database]["old"], client[database]["new"])
            await sides.clear()
            for rows, found, generation in (sides.old, old, 1), (sides.new, new, 2):
                for key, (score, gone) in found.items():
                    await rows.insert_one(stored(key, score, 5, generation, gone=gone))
            # What another generation left there does not count.
            await sides.new.insert_one(stored("note-of-before", 1, 5, 0))
            result = await sides.compare(at(5))
        before = {key: score for key, (score, gone) in old.items() if not gone}
        after = {key: score for key, (score, gone) in new.items() if not gone}
        both = before.keys() & after.keys()
        assert result.same == sum(before[key] == after[key] for key in both)
        assert result.different == result.fields["score"] == len(both) - result.same
        assert result.missing == len(before.keys() - after.keys())
        assert result.extra == len(after.keys() - before.keys())
        assert (result.moving, result.equal) == (0, before == after)

    asyncio.run(check())


def at(position: int) -> Any:
    async def common() -> int:
        return position

    return common


class Moving:
    """Two generations by the same fold, each at its own position, which go on whenever they are looked at."""

    def __init__(self, sides: Sides, log: list[str], steps: list[tuple[int, int]]) -> None:
        self._sides, self._log, self._steps = sides, log, steps
        self.at = [0, 0]

    async def common(self) -> int:
        """The returned position is outdated when the rows are read."""
        position = min(self.at)
        for side, step in enumerate(self._steps.pop() if self._steps else (0, 0)):
            await self.move(side, step)
        return position

    async def move(self, side: int, step: int) -> None:
        rows = (self._sides.old, self._sides.new)[side]
        for position in range(self.at[side] + 1, min(self.at[side] + step, len(self._log)) + 1):
            key, score = self._log[position - 1], self._log[:position].count(self._log[position - 1])
            gone = score % 3 == 0
            await rows.delete_many({"_id": f"default/{key}"})
            await rows.insert_one(stored(key, score, position, side + 1, gone=gone))
            self.at[side] = position


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    log=st.lists(st.sampled_from(KEYS), min_size=1, max_size=25),
    begun=st.tuples(st.integers(0, 20), st.integers(0, 20)),
    steps=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=8),
)
def test_rows_that_change_meanwhile_never_count_as_different(
    mongo_url: str, database: str, log: list[str], begun: tuple[int, int], steps: list[tuple[int, int]]
) -> None:
    async def check() -> None:
        async with open_client(mongo_url, chosen_driver()) as client:
            sides = Sides(client[database]["old"], client[database]["new"])
            await sides.clear()
            moving = Moving(sides, log, steps)
            for side, step in enumerate(begun):
                await moving.move(side, step)
            result = await sides.compare(moving.common)
            assert (result.different, result.missing, result.extra) == (0, 0, 0), result
            if moving.at == [len(log), len(log)]:
                everything = await sides.compare(moving.common)
                assert everything.moving == 0
                assert everything.same == len({key for key in log if log.count(key) % 3})

    asyncio.run(check())


async def test_a_row_that_never_stands_still_counts_as_moving(sides: Sides) -> None:
    position = 0

    async def common() -> int:
        nonlocal position
        position += 1
        await sides.clear()
        await sides.old.insert_one(stored("note-1", position, position, 1))
        return position - 1

    result = await sides.compare(common)
    assert (result.moving, result.rows) == (1, 0)


async def test_a_row_ahead_of_the_position_is_read_again(sides: Sides) -> None:
    await sides.old.insert_one(stored("note-1", 1, 2, 1))
    positions = iter([1, 1, 3])

    async def common() -> int:
        return next(positions)

    await sides.new.insert_one(stored("note-1", 1, 3, 2))
    assert await sides.compare(common) == Comparison(same=1)


async def test_the_first_rows_that_differ_are_named_with_their_fields_and_without_values(
    sides: Sides,
) -> None:
    await sides.old.insert_one({**stored("note-1", 1, 1, 1), "text": "secret"})
    await sides.new.insert_one({**stored("note-1", 2, 1, 2), "text": "other"})
    await sides.old.insert_one(stored("note-2", 1, 1, 1))
    result = await sides.compare(at(1))
    assert result.examples == [
        DifferingRow("default", "note-1", RowVerdict.DIFFERENT, ("score", "text")),
        DifferingRow("default", "note-2", RowVerdict.MISSING, ()),
    ]
    assert "secret" not in repr(result)
