"""C12: every connection is paged in the same way, forwards and backwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from graphql import GraphQLInterfaceType, GraphQLObjectType

from tests.helpers.own_contexts import own_schema
from tests.helpers.served_api import Served

PAGE = "$first: Int, $after: {cursor}, $last: Int, $before: {cursor}"
ARGUMENTS = "first: $first, after: $after, last: $last, before: $before"
SELECTION = "edges { cursor node { %s } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
TASKS = 5


@dataclass(frozen=True)
class Connection:
    """A connection that a query leads to by a path, and what distinguishes its nodes."""

    query: str
    path: tuple[str, ...]
    cursor: str
    node: str = "id"
    variables: dict[str, Any] = field(default_factory=dict)

    def page(self, served: Served, **page: Any) -> tuple[list[Any], dict[str, Any], list[str]]:
        """The nodes, the page info and the cursors of a page."""
        text = self.query.replace("PAGE", PAGE.replace("{cursor}", self.cursor)).replace("ARGS", ARGUMENTS)
        found = served.ask(text.replace("SELECTION", SELECTION % self.node), **self.variables, **page)
        for name in self.path:
            found = found[name]
        edges = found["edges"]
        cursors = [edge["cursor"] for edge in edges]
        info = found["pageInfo"]
        ends = (cursors[0], cursors[-1]) if cursors else (None, None)
        assert (info["startCursor"], info["endCursor"]) == ends
        return [edge["node"] for edge in edges], info, cursors


@pytest.fixture(scope="module")
def connections(served: Served) -> dict[str, Connection]:
    """An agent with tasks: each is created and assigned by one commit of two events."""
    agent = served.do("registerAgent", name="Ada")["stream"]
    tasks = [served.do("createTask", title=f"Task {n}", agentId=agent) for n in range(TASKS)]
    for _ in range(2):
        served.do("assignTask", id=tasks[0]["stream"], agentId=served.do("registerAgent", name="B")["stream"])
        served.do("assignTask", id=tasks[0]["stream"], agentId=agent)
    then, named = {"position": tasks[-1]["position"]}, {"id": agent}
    listed = "tasks(ARGS, filter: {agentId: {eq: $id}}) { SELECTION }"
    return {
        "events": Connection(
            "query (PAGE, $ids: [ID!]) { events(ARGS, filter: {streams: $ids}) { SELECTION } }",
            ("events",), "Position", variables={"ids": [task["stream"] for task in tasks[1:]]},
        ),
        "history": Connection(
            "query (PAGE, $id: ID!) { taskHistory(ARGS, id: $id) { SELECTION } }",
            ("taskHistory",), "Position", "position", {"id": tasks[0]["stream"]},
        ),
        "list": Connection(f"query (PAGE, $id: ID!) {{ {listed} }}", ("tasks",), "String", variables=named),
        "list of the past": Connection(
            "query (PAGE, $asOf: AsOf, $id: ID!) { "
            "tasks(ARGS, asOf: $asOf, filter: {agentId: {eq: $id}}) { SELECTION } }",
            ("tasks",), "String", variables={**named, "asOf": then},
        ),
        "link": Connection(
            "query (PAGE, $id: ID!) { agent(id: $id) { tasks(ARGS) { SELECTION } } }",
            ("agent", "tasks"), "String", variables=named,
        ),
        "link of a link": Connection(
            "query (PAGE, $id: ID!) { task(id: $id) { agent { tasks(ARGS) { SELECTION } } } }",
            ("task", "agent", "tasks"), "String", variables={"id": tasks[1]["stream"]},
        ),
        "link of the past": Connection(
            "query (PAGE, $id: ID!, $asOf: AsOf) { "
            "agent(id: $id, asOf: $asOf) { tasks(ARGS) { SELECTION } } }",
            ("agent", "tasks"), "String", variables={**named, "asOf": then},
        ),
    }  # fmt: skip


KINDS = ["events", "history", "list", "list of the past", "link", "link of a link", "link of the past"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 2, 3])
def test_c12_pages_forwards_and_backwards_are_the_whole_list(
    served: Served, connections: dict[str, Connection], kind: str, size: int
) -> None:
    connection = connections[kind]
    whole, info, cursors = connection.page(served, first=50)
    assert len(whole) >= TASKS
    assert (info["hasNextPage"], info["hasPreviousPage"]) == (False, False)
    assert connection.page(served, last=50)[0] == whole
    forwards: list[Any] = []
    page: dict[str, Any] = {}
    while len(forwards) < len(whole):
        nodes, info, _ = connection.page(served, first=size, **page)
        assert info["hasPreviousPage"] == bool(forwards)
        forwards += nodes
        assert info["hasNextPage"] == (len(forwards) < len(whole))
        page = {"after": info["endCursor"]}
    backwards: list[Any] = []
    page = {}
    while len(backwards) < len(whole):
        nodes, info, _ = connection.page(served, last=size, **page)
        assert info["hasNextPage"] == bool(backwards)
        backwards = [*nodes, *backwards]
        assert info["hasPreviousPage"] == (len(backwards) < len(whole))
        page = {"before": info["startCursor"]}
    assert forwards == backwards == whole
    between = connection.page(served, first=50, after=cursors[0], before=cursors[-1])[0]
    assert between == whole[1:-1] == connection.page(served, last=50, after=cursors[0], before=cursors[-1])[0]


@pytest.mark.parametrize("kind", KINDS)
def test_c12_a_page_of_no_rows_is_allowed(
    served: Served, connections: dict[str, Connection], kind: str
) -> None:
    """For a count, and to know whether there is anything."""
    nodes, info, _ = connections[kind].page(served, first=0)
    assert (nodes, info["hasNextPage"], info["hasPreviousPage"]) == ([], True, False)
    nodes, info, _ = connections[kind].page(served, last=0)
    assert (nodes, info["hasNextPage"], info["hasPreviousPage"]) == ([], False, True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("page", "path"),
    [
        ({"first": -1}, "first"),
        ({"last": -1}, "last"),
        ({"first": 201}, "first"),
        ({"last": 201}, "last"),
        ({"first": 1, "last": 1}, "last"),
        ({"before": "nothing"}, "before"),
        ({"after": "nothing"}, "after"),
        ({"last": 1, "before": "nothing"}, "before"),
    ],
)
def test_c12_a_page_that_cannot_be_is_refused(
    served: Served, connections: dict[str, Connection], kind: str, page: dict[str, Any], path: str
) -> None:
    connection = connections[kind]
    text = connection.query.replace("PAGE", PAGE.replace("{cursor}", connection.cursor))
    text = text.replace("ARGS", ARGUMENTS).replace("SELECTION", "pageInfo { hasNextPage }")
    error = served.refused(text, **connection.variables, **page)
    assert error["extensions"] == {"code": "VALIDATION_FAILED", "path": [path]}


def test_c12_events_before_a_commit_are_those_before_all_of_it(
    served: Served, connections: dict[str, Connection]
) -> None:
    """A receipt's position stands for its commit, a cursor for one event of it."""
    events = connections["events"]
    whole, _, cursors = events.page(served, first=50)
    history = served.ask(
        "query ($id: ID!) { taskHistory(id: $id) { nodes { position } } }", id=events.variables["ids"][-1]
    )["taskHistory"]["nodes"]
    assert events.page(served, last=50, before=history[0]["position"])[0] == whole[:-2]
    assert events.page(served, last=50, before=cursors[-1])[0] == whole[:-1]
    assert events.page(served, first=50, after=history[0]["position"])[0] == []


def test_c12_all_connections_have_the_same_arguments() -> None:
    schema = own_schema()
    found = 0
    for declared in schema.type_map.values():
        if isinstance(declared, GraphQLObjectType | GraphQLInterfaceType):
            for name, one in declared.fields.items():
                if str(one.type).rstrip("!").endswith("Connection"):
                    assert {"first", "after", "last", "before"} <= one.args.keys(), (declared.name, name)
                    found += 1
    assert found > 15
