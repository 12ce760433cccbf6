"""What the API shows of events and commands to callers that may read some of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from api.access.callers import Caller
from domain.kernel import Scope
from tests.helpers.served_api import Served
from tests.helpers.servers import eventually
from tests.helpers.token_access import Tokens, serve_with

WRITE = """mutation ($input: WriteMemoInput!, $id: ID) {
  writeMemo(input: $input, commandId: $id, await: PROJECTED) { receipt { stream } }
}"""
EDIT = (
    "mutation ($input: EditMemoInput!) { editMemo(input: $input, await: PROJECTED) { receipt { stream } } }"
)
SEAL = "mutation ($id: ID!) { sealMemo(input: {id: $id}) { receipt { stream } } }"
HISTORY = """query ($id: ID!) {
  memoHistory(id: $id) { nodes { changedFields events { type data } before { text } after { text } } }
}"""
WHY = "query ($id: ID!) { memoWhy(id: $id, field: TEXT) { value event { type } causes { type } } }"
STATUS = "subscription ($id: ID!) { command(id: $id) { __typename ... on CommandProjected { view } } }"


@dataclass(frozen=True)
class Memos:
    """An API with memos, and its callers by name."""

    served: Served
    headers: dict[str, str]

    def run(self, caller: str, query: str, **variables: Any) -> Any:
        """The whole response to one operation of a caller."""
        request = {"query": query, "variables": variables}
        return self.served.post(request, authorization=self.headers[caller]).json()

    def data(self, caller: str, query: str, **variables: Any) -> Any:
        """The one field of a response without errors."""
        response = self.run(caller, query, **variables)
        assert "errors" not in response, response
        [value] = response["data"].values()
        return value

    def write(self, caller: str, command: str | None = None, **fields: Any) -> str:
        stream: str = self.data(caller, WRITE, input=fields, id=command)["receipt"]["stream"]
        return stream


ROLES = {
    "ada": "writer",
    "bob": "writer",
    "eve": "auditor",
    "op": "operator",
    "root": "administrator",
    "meter": "metrics",
}


@pytest.fixture(scope="module")
def memos(mongo_url: str, redis_url: str) -> Iterator[Memos]:
    tokens = Tokens()
    headers = {
        name: tokens.grant(
            f"token-{name}", Caller(Scope("acme", name), name, frozenset({role}), claims={"team": "red"})
        )
        for name, role in ROLES.items()
    }
    contexts = ("tests.helpers.memos", "tests.helpers.memo_books")
    with serve_with(tokens, mongo_url, redis_url, contexts=contexts, worker=True) as served:
        yield Memos(served, headers)


@pytest.fixture(scope="module")
def memo(memos: Memos) -> str:
    """A memo of Ada that was edited, and sealed by an administrator."""
    stream = memos.write("ada", text="first", team="red")
    memos.data("ada", EDIT, input={"id": stream, "text": "second"})
    memos.data("root", SEAL, id=stream)
    return stream


def types(nodes: list[dict[str, Any]]) -> list[str]:
    return [node["type"] for node in nodes]


@pytest.mark.parametrize(
    ("caller", "seen"),
    [
        ("ada", ["memo.written", "memo.edited"]),
        ("eve", ["memo.written", "memo.edited"]),
        ("root", ["memo.written", "memo.edited", "memo.sealed"]),
        ("bob", []),
    ],
)
def test_events_by_page_by_node_and_by_history(memos: Memos, memo: str, caller: str, seen: list[str]) -> None:
    """One rule for an event, whichever way leads to it."""
    query = (
        "query ($id: ID!) { events(filter: {streams: [$id]}) { nodes { id type } pageInfo { hasNextPage } } }"
    )
    page = memos.data(caller, query, id=memo)
    assert types(page["nodes"]) == seen
    everything = memos.data("root", query, id=memo)["nodes"]
    for event in everything:
        node = memos.data(caller, "query ($id: ID!) { node(id: $id) { __typename } }", id=event["id"])
        assert (node is not None) == (event["type"] in seen)
    history = memos.data(caller, HISTORY, id=memo)["nodes"]
    shown = [name for entry in history for name in types(entry["events"])]
    assert shown == [name for name in seen if name != "memo.sealed"]


def test_the_reason_of_a_value_shows_events_that_the_caller_may_read(memos: Memos, memo: str) -> None:
    assert memos.data("ada", WHY, id=memo)["event"] == {"type": "memo.edited"}
    assert memos.data("bob", WHY, id=memo) is None


def test_a_public_memo_is_shown_without_what_its_author_alone_may_read(memos: Memos) -> None:
    """The row is public, the event that edited it is not."""
    memo = memos.write("ada", text="first", team="red", public=True)
    memos.data("ada", EDIT, input={"id": memo, "text": "second"})
    assert memos.data("bob", "query ($id: ID!) { memo(id: $id) { text } }", id=memo) == {"text": "second"}
    written, edited = memos.data("bob", HISTORY, id=memo)["nodes"]
    assert (types(written["events"]), types(edited["events"])) == (["memo.written"], [])
    assert memos.data("bob", WHY, id=memo) is None


def test_the_history_of_an_entity_needs_all_its_events(memos: Memos, memo: str) -> None:
    """Also where it is readable as a type: books are for librarians, memos for administrators."""
    query = "query ($id: ID!) { stateAt(id: $id, version: 1) { version } }"
    assert memos.data("root", query, id=memo) == {"version": 1}
    response = memos.run("eve", query, id=memo)
    assert response["errors"][0]["message"] == "Cannot query field 'stateAt' on type 'Query'."


def test_operators_see_traces_without_data(memos: Memos, memo: str) -> None:
    receipt = "query ($id: ID!) { events(filter: {streams: [$id]}) { nodes { correlationId } } }"
    correlation = memos.data("root", receipt, id=memo)["nodes"][0]["correlationId"]
    trace = "query ($id: ID!) { trace(correlationId: $id) { nodes { kind name stream } } }"
    nodes = memos.data("op", trace, id=correlation)["nodes"]
    assert {node["name"] for node in nodes} == {"WriteMemo", "memo.written"}
    assert memos.data(
        "op", "query ($id: ID!) { events(filter: {streams: [$id]}) { nodes { id } } }", id=memo
    ) == {"nodes": []}


async def test_the_status_of_a_command_is_for_its_sender_and_for_operators(memos: Memos) -> None:
    """For others it is as that of a command which was never sent."""
    command = uuid4().hex
    async with memos.served.client(authorization=memos.headers["bob"]) as other:
        await other.subscribe("1", STATUS, id=command)
        await asyncio.to_thread(memos.write, "ada", command, text="x", team="red")
        for caller in ("ada", "op", "root"):
            async with memos.served.client(authorization=memos.headers[caller]) as client:
                await client.subscribe("1", STATUS, id=command)
                assert (await client.next())["__typename"] == "CommandStored"
        await asyncio.to_thread(memos.write, "bob", f"{command}-own", text="y", team="red")
        await other.subscribe("2", STATUS, id=f"{command}-own")
        message = await other.receive()
        assert (message["id"], message["payload"]["data"]["command"]["__typename"]) == ("2", "CommandStored")


async def test_subscribers_share_a_topic_if_they_may_read_the_same(memos: Memos) -> None:
    text = "subscription { events { __typename } }"
    # Those of other tests end a moment after their sockets.
    await asyncio.to_thread(eventually, lambda: _topics(memos) == 0)
    async with memos.served.client(authorization=memos.headers["ada"]) as ada:
        await ada.subscribe("1", text)
        await ada.next()
        async with memos.served.client(authorization=memos.headers["bob"]) as bob:
            await bob.subscribe("1", text)
            await bob.next()
            assert _topics(memos) == 2
            async with memos.served.client(authorization=memos.headers["ada"]) as again:
                await again.subscribe("1", text)
                await again.next()
                assert _topics(memos) == 2
    await asyncio.to_thread(eventually, lambda: _topics(memos) == 0)


def _topics(memos: Memos) -> int:
    lines = memos.served.get("/metrics", authorization=memos.headers["meter"]).text.splitlines()
    [line] = [line for line in lines if line.startswith('nerve_live_groups{source="log"}')]
    return int(float(line.split()[-1]))
