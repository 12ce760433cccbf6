"""What the derived queries answer: one, lists with filter, order and pages, nodes, history."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers.served_api import Served

TITLES = ["a", "b", "b", "c", "d"]


@pytest.fixture(scope="module")
def tasks(served: Served) -> list[str]:
    """The ids of five tasks, in the order of their titles and then of their ids."""
    agent = served.do("registerAgent", name="Ada")["stream"]
    made = [
        served.do("createTask", title=title, priority="HIGH" if title == "b" else "LOW") for title in TITLES
    ]
    ids = [receipt["stream"] for receipt in made]
    served.do("assignTask", id=ids[0], agentId=agent)
    return ids


def page(served: Served, **arguments: Any) -> Any:
    query = """query ($filter: TaskFilter, $orderBy: [TaskOrder!], $first: Int, $after: String, $last: Int,
                      $before: String) {
      tasks(filter: $filter, orderBy: $orderBy, first: $first, after: $after, last: $last, before: $before) {
        totalCount nodes { id title } edges { cursor node { id title } }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      } }"""
    return served.ask(query, **arguments)["tasks"]


BY_TITLE = [{"field": "TITLE"}]


def test_one_row_by_its_id(served: Served, tasks: list[str]) -> None:
    query = "query ($id: ID!) { task(id: $id) { __typename id title status priority agentId result tags } }"
    assert served.ask(query, id=tasks[1])["task"] == {
        "__typename": "Task",
        "id": tasks[1],
        "title": "b",
        "status": "CREATED",
        "priority": "HIGH",
        "agentId": None,
        "result": None,
        "tags": [],
    }


def test_any_entity_is_a_node(served: Served, tasks: list[str]) -> None:
    query = "query ($id: ID!) { node(id: $id) { __typename id ... on Task { title } ... on Agent { name } } }"
    assert served.ask(query, id=tasks[0])["node"] == {"__typename": "Task", "id": tasks[0], "title": "a"}
    agent = served.ask("{ agents { nodes { id } } }")["agents"]["nodes"][0]["id"]
    assert served.ask(query, id=agent)["node"] == {"__typename": "Agent", "id": agent, "name": "Ada"}
    assert served.ask(query, id="task-unknown") == {"node": None}


def test_a_list_is_read_forwards_page_by_page(served: Served, tasks: list[str]) -> None:
    seen, after = [], None
    for _ in range(len(TITLES)):
        found = page(served, orderBy=BY_TITLE, first=2, after=after)
        assert found["totalCount"] == 5
        assert found["nodes"] == [edge["node"] for edge in found["edges"]]
        assert found["pageInfo"]["startCursor"] == found["edges"][0]["cursor"]
        assert found["pageInfo"]["hasPreviousPage"] is (after is not None)
        seen += [node["id"] for node in found["nodes"]]
        after = found["pageInfo"]["endCursor"]
        if not found["pageInfo"]["hasNextPage"]:
            break
    assert seen == tasks


def test_a_list_is_read_backwards_page_by_page(served: Served, tasks: list[str]) -> None:
    seen: list[str] = []
    before = None
    for _ in range(len(TITLES)):
        found = page(served, orderBy=BY_TITLE, last=2, before=before)
        seen = [node["id"] for node in found["nodes"]] + seen
        before = found["pageInfo"]["startCursor"]
        if not found["pageInfo"]["hasPreviousPage"]:
            break
    assert seen == tasks


@pytest.mark.parametrize(
    ("filter", "titles"),
    [
        ({"title": {"eq": "b"}}, ["b", "b"]),
        ({"title": {"gt": "b", "lt": "d"}}, ["c"]),
        ({"priority": {"ne": "HIGH"}, "title": {"in": ["a", "b"]}}, ["a"]),
        ({"or": [{"title": {"startsWith": "c"}}, {"status": {"eq": "ASSIGNED"}}]}, ["a", "c"]),
        ({"not": {"priority": {"in": ["HIGH", "CRITICAL"]}}, "and": [{"title": {"contains": "d"}}]}, ["d"]),
        ({"agentId": {"isNull": False}}, ["a"]),
        ({"createdAt": {"gt": "2100-01-01T00:00:00Z"}}, []),
        ({}, TITLES),
    ],
)
def test_a_list_is_filtered(served: Served, tasks: list[str], filter: Any, titles: list[str]) -> None:
    found = page(served, filter=filter, orderBy=BY_TITLE)
    assert ([node["title"] for node in found["nodes"]], found["totalCount"]) == (titles, len(titles))


def test_a_list_is_sorted_by_several_fields_each_its_own_way(served: Served, tasks: list[str]) -> None:
    order = [{"field": "TITLE", "direction": "DESC"}, {"field": "CREATED_AT", "direction": "ASC"}]
    assert [node["id"] for node in page(served, orderBy=order)["nodes"]] == [
        tasks[4], tasks[3], tasks[1], tasks[2], tasks[0]
    ]  # fmt: skip


def test_a_query_waits_until_the_view_is_at_least_there(served: Served) -> None:
    receipt = served.do("createTask", wait="STORED", title="read your writes")
    query = "query ($id: ID!, $at: Position) { task(id: $id, atLeast: $at) { title } }"
    data = served.ask(query, id=receipt["stream"], at=receipt["position"])
    assert data == {"task": {"title": "read your writes"}}
    served.do("cancelTask", id=receipt["stream"])


def test_the_history_of_an_entity_is_complete_and_in_order(served: Served, tasks: list[str]) -> None:
    query = """query ($filter: EventFilter) { events(filter: $filter) {
      nodes { type version stream category command commandId correlationId data position } } }"""
    events = served.ask(query, filter={"streams": [tasks[0]]})["events"]["nodes"]
    assert [(event["type"], event["version"]) for event in events] == [
        ("task.created", 1),
        ("task.assigned", 2),
    ]
    assert (events[0]["category"], events[0]["command"], events[0]["data"]["title"]) == (
        "task",
        "CreateTask",
        "a",
    )
    correlation = events[0]["correlationId"]
    assert served.ask(query, filter={"correlation": correlation})["events"]["nodes"] == events[:1]


def test_the_history_is_paged_also_inside_a_commit(served: Served) -> None:
    """A command's events share a position; a page may end between them, and the next one goes on there."""
    agent = served.do("registerAgent", name="Bob")["stream"]
    task = served.do("createTask", title="two events in one commit", agentId=agent)["stream"]
    query = """query ($after: Position, $filter: EventFilter) {
      events(first: 1, after: $after, filter: $filter) {
        nodes { version } pageInfo { hasNextPage endCursor } } }"""
    seen, after = [], None
    for _ in range(len(TITLES)):
        found = served.ask(query, after=after, filter={"streams": [task]})["events"]
        seen += [event["version"] for event in found["nodes"]]
        after = found["pageInfo"]["endCursor"]
        if not found["pageInfo"]["hasNextPage"]:
            break
    assert seen == [1, 2]


def test_a_list_is_searched(served: Served) -> None:
    for title, tags in (("Send the reminder", ["Zürich"]), ("Reminder of the visit", [])):
        served.do("createTask", title=title, description="to the owner", tags=tags)
    query = """query ($search: String, $filter: TaskFilter) {
      tasks(search: $search, filter: $filter, orderBy: [{ field: TITLE }]) { totalCount nodes { title } } }"""
    for search, chosen, titles in (
        ("reminder", {}, ["Reminder of the visit", "Send the reminder"]),
        ("REMINDER owner zurich", {}, ["Send the reminder"]),
        ("owner -send", {}, ["Reminder of the visit"]),
        ("reminder", {"title": {"startsWith": "R"}}, ["Reminder of the visit"]),
        ("nothing", {}, []),
    ):
        found = served.ask(query, search=search, filter=chosen)["tasks"]
        assert [node["title"] for node in found["nodes"]] == titles
        assert found["totalCount"] == len(titles)
