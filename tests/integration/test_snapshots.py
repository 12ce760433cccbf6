"""A running nerve writes snapshots, as its settings say."""

from __future__ import annotations

import asyncio

import bson
from pydantic import SecretStr

from api.lifecycle import open_runtime
from api.settings import Settings
from domain.agents.commands import ChangeAgentState, RegisterAgent
from domain.agents.events import AgentState
from domain.kernel import Envelope
from tests.helpers.drivers import chosen_driver


async def test_a_stream_that_commands_make_longer_has_snapshots(
    mongo_url: str, redis_url: str, database: str
) -> None:
    settings = Settings(
        mongo_url=SecretStr(mongo_url),
        redis_url=SecretStr(redis_url),
        mongo_driver=chosen_driver(),
        database=database,
        snapshot_every=3,
    )
    async with open_runtime(settings) as nerve:
        await nerve.bus.dispatch(Envelope(RegisterAgent(id="agent-1", name="Ada")))
        for state in (AgentState.BUSY, AgentState.IDLE):
            await nerve.bus.dispatch(Envelope(ChangeAgentState(id="agent-1", state=state)))
        async with asyncio.timeout(60):
            while (found := await nerve.database["snapshots"].find_one({})) is None:
                await asyncio.sleep(0.01)
    assert (found["_id"], found["version"]) == ("default/agent-1", 3)
    assert bson.decode(found["state"]) == {"state": "IDLE"}
