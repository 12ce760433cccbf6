"""The turns of one execution."""

from __future__ import annotations

import asyncio

from api.graphql.execution.execution_turns import TURN, ExecutionTurns

WORK = TURN * 0.4
"""Seconds of each piece of work: the third one ends a turn."""


async def test_an_execution_gives_way_when_its_turn_is_over() -> None:
    """Fields that get their rows at the same time write them in several turns of the event loop."""
    now, order = 0.0, list[str]()
    turns = ExecutionTurns(lambda: now)

    async def write(name: str) -> None:
        nonlocal now
        await turns.take()
        if not order:
            asyncio.get_running_loop().call_soon(order.append, "another request")
        order.append(name)
        now += WORK

    await asyncio.gather(*map(write, "abcde"))
    assert order == ["a", "b", "c", "another request", "d", "e"]


async def test_work_that_follows_a_wait_begins_at_once() -> None:
    """The turn before it is over, but no other work has waited since."""
    now = 0.0
    turns = ExecutionTurns(lambda: now)
    await turns.take()
    now += 2 * TURN
    await asyncio.sleep(0)
    taking = turns.take()
    try:
        taking.send(None)
    except StopIteration:
        return
    raise AssertionError("it has waited")
