"""The turns in which documents are parsed."""

from __future__ import annotations

import asyncio

from api.graphql.execution.parsing_turns import ParsingTurns


async def test_one_document_is_parsed_at_a_time() -> None:
    """The second one starts when the first one has ended, in the order in which they arrived."""
    turns, order = ParsingTurns(), list[str]()

    async def parse(name: str) -> None:
        await turns.run(lambda: order.append(name))
        asyncio.get_running_loop().call_soon(order.append, f"after {name}")

    await asyncio.gather(parse("first"), parse("second"))
    assert order[0] == "first"
    assert order.index("second") < order.index("after second")


async def test_a_turn_that_fails_gives_way_to_the_next() -> None:
    """The error reaches the one that has the turn."""
    turns = ParsingTurns()

    def fail() -> None:
        raise ValueError

    results = await asyncio.gather(turns.run(fail), turns.run(fail), return_exceptions=True)
    assert [type(result) for result in results] == [ValueError, ValueError]
