"""The subscription `command`: what becomes of a command, over whichever server it is sent."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers.command_messages import command_messages
from tests.helpers.served_api import Served, serve

COMMAND = """subscription ($id: ID!) { command(id: $id) { __typename
  ... on Message { position }
  ... on CommandAccepted { commandId }
  ... on CommandStored { receipt { commandId stream version position correlationId replayed } }
  ... on CommandProjected { view }
  ... on CommandRefused { commandId code message } } }"""
CREATE = """mutation ($id: ID, $title: String!) { createTask(input: { title: $title }, commandId: $id) {
  receipt { commandId stream version position correlationId replayed } } }"""
COMPLETE = """mutation ($id: ID, $task: ID!) { completeTask(input: { id: $task }, commandId: $id) {
  receipt { version } } }"""


async def test_a_command_is_followed_into_each_view_it_is_for_on_another_server(
    mongo_url: str, redis_url: str, database: str
) -> None:
    servers: dict[str, Any] = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    with serve(**servers) as served, serve(worker=False, **servers) as other:
        async with other.client() as before, other.client() as after:
            await before.subscribe("1", COMMAND, id="c-1")
            receipt = served.ask(CREATE, id="c-1", title="x")["createTask"]["receipt"]
            told = await command_messages(before)
            await after.subscribe("1", COMMAND, id="c-1")
            again = await command_messages(after)
    if told[0]["__typename"] == "CommandAccepted":
        assert told.pop(0) == {"__typename": "CommandAccepted", "commandId": "c-1"}
    stored, *projected = told
    place = {"position": receipt["position"]}
    assert stored == {"__typename": "CommandStored", "receipt": receipt, **place}
    assert sorted(one["view"] for one in projected) == ["taskDays", "tasks"]
    assert all(one == {"__typename": "CommandProjected", "view": one["view"], **place} for one in projected)
    assert again[0] == stored
    assert sorted(again[1:], key=str) == sorted(projected, key=str)


async def test_a_refused_command_is_told_with_its_code_and_the_stream_ends(served: Served) -> None:
    task = served.do("createTask", title="x")["stream"]
    async with served.client() as client:
        await client.subscribe("1", COMMAND, id="c-1")
        error = served.refused(COMPLETE, id="c-1", task=task)
        assert error["extensions"]["code"] == "INVARIANT_VIOLATED"
        *_, refused = await command_messages(client)
    assert refused == {
        "__typename": "CommandRefused",
        "commandId": "c-1",
        "code": "INVARIANT_VIOLATED",
        "message": error["message"],
    }


@pytest.mark.parametrize("id", ["", "x" * 129])
async def test_an_id_that_no_command_has_is_refused(served: Served, id: str) -> None:
    async with served.client() as client:
        await client.subscribe("1", COMMAND, id=id)
        message = await client.receive()
    assert message["type"] == "error"
    assert message["payload"][0]["extensions"] == {"code": "VALIDATION_FAILED", "path": ["id"]}
