"""The turns in which documents are parsed."""

from __future__ import annotations

import asyncio

import pytest

from api.graphql.execution.parsing_turns import ParsingTurns


class Clock:
    """Seconds that advance when somebody sleeps or works."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_other_work_goes_on_between_two_turns() -> None:
    """A callback that is scheduled in the first turn runs before the second one."""
    turns, order = ParsingTurns(), list[str]()

    async def parse(name: str) -> None:
        async with turns.turn():
            order.append(name)
            asyncio.get_running_loop().call_soon(order.append, "other work")

    await asyncio.gather(parse("first"), parse("second"))
    assert order[:3] == ["first", "other work", "second"]


async def test_a_long_turn_is_followed_by_a_rest_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short one is not."""
    clock, rests = Clock(), list[float]()
    sleep = asyncio.sleep

    async def rest(seconds: float) -> None:
        rests.append(seconds)
        clock.now += seconds
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", rest)
    turns = ParsingTurns(clock)
    for seconds in (0.03125, 0.001, 0.0):
        async with turns.turn():
            clock.now += seconds
    assert rests == [0.0, 0.03125, 0.0]


async def test_a_turn_that_fails_gives_way_to_the_next() -> None:
    """The error reaches the one that has the turn."""
    turns = ParsingTurns()

    async def fail() -> None:
        async with turns.turn():
            raise ValueError

    results = await asyncio.gather(fail(), fail(), return_exceptions=True)
    assert [type(result) for result in results] == [ValueError, ValueError]
