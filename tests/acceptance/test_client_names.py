"""C15: clients meet one naming, that of the schema, whatever things are called where they are declared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.helpers.served_api import Served

SNAKE = re.compile(r"[a-z]_[a-z]")
VIEWS = "query ($names: [String!]) { viewStatus(names: $names) { name } }"


def keys(value: Any) -> Iterator[str]:
    """The keys of all objects in a JSON value."""
    if isinstance(value, dict):
        yield from value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from keys(item)


def test_c15_views_go_by_the_names_of_their_lists(served: Served) -> None:
    names = {view["name"] for view in served.ask(VIEWS)["viewStatus"]}
    assert {"tasks", "taskDays", "stepTimes"} <= names
    assert served.ask(VIEWS, names=["taskDays", "step_times"])["viewStatus"] == [
        {"name": "taskDays"}, {"name": "stepTimes"}
    ]  # fmt: skip
    queries = {field["name"] for field in served.ask("{ __schema { queryType { fields { name } } } }")[
        "__schema"]["queryType"]["fields"]}  # fmt: skip
    assert names <= queries


@pytest.mark.parametrize(
    "document",
    [
        'mutation { cancelRebuild(name: "taskDays") { name } }',
        'mutation { switchView(name: "task_days") { name } }',
        'mutation { forgetGenerations(name: "taskDay") { name } }',
        '{ viewStatus(names: ["nothing"]) { name } }',
        '{ deadLetters(view: "nothing") { totalCount } }',
        'mutation { retryDeadLetter(input: {view: "taskDays", stream: "task-1", version: 1}) '
        "{ receipt { version } } }",
        'mutation { retryDeadLetter(input: {view: "nothing", stream: "task-1", version: 1}) '
        "{ receipt { version } } }",
    ],
)
def test_c15_refusals_name_views_as_clients_do(served: Served, document: str) -> None:
    error = served.refused(document)
    assert error["extensions"]["code"] in ("NOT_FOUND", "VALIDATION_FAILED"), error
    given = re.findall(r'"(\w+)"', document)
    words = re.sub("|".join(given), "", error["message"])
    assert not SNAKE.search(words), error["message"]


def test_c15_dead_letters_of_a_view_are_listed_under_both_names(served: Served) -> None:
    for name in ("taskDays", "task_days"):
        query = f'{{ deadLetters(view: "{name}") {{ edges {{ node {{ view }} }} }} }}'
        assert served.ask(query) == {"deadLetters": {"edges": []}}


def test_c15_data_states_and_differences_are_named_as_fields_are(served: Served) -> None:
    agent = served.do("registerAgent", name="one")["stream"]
    task = served.do("createTask", title="x", agentId=agent, tags=["as_it_is"])["stream"]
    served.do("startTask", id=task)
    note = served.do("createDocument", title="x", content={"as_it_is": {"left_alone": 1}})["stream"]
    served.do("patchDocument", id=note, patch={"also_left": [{"in_a_list": 2}]})
    left = {"as_it_is", "left_alone", "also_left", "in_a_list"}
    seen: set[str] = set()
    events = "query ($ids: [ID!]) { events(filter: {streams: $ids}, first: 50) { nodes { data } } }"
    for event in served.ask(events, ids=[agent, task, note])["events"]["nodes"]:
        seen |= set(keys(event["data"]))
    for stream in (agent, task, note):
        state = served.ask("query ($id: ID!) { stateAt(id: $id, version: 1) { state } }", id=stream)
        seen |= set(keys(state["stateAt"]["state"]))
        diff = "query ($id: ID!) { diff(id: $id, from: 0, to: 1) { path after } }"
        for change in served.ask(diff, id=stream)["diff"]:
            seen |= {*change["path"].split("/"), *keys(change["after"])}
    assert {"startedAt", "agentId"} <= seen
    assert {name for name in seen if SNAKE.search(name)} == left


async def test_c15_live_events_have_the_same_names(served: Served) -> None:
    agent = served.do("registerAgent", name="two")["stream"]
    task = served.do("createTask", title="x", agentId=agent)["stream"]
    async with served.client() as client:
        await client.subscribe("1", "subscription { events { __typename ... on Event { type data } } }")
        assert (await client.next())["__typename"] == "CaughtUp"
        served.do("startTask", id=task, wait="STORED")
        event = await client.next()
    assert event["type"] == "task.started"
    assert "startedAt" in event["data"]
