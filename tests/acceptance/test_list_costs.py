"""What a list may cost: nothing is read that nobody asked for, nor all rows where no index serves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from tests.helpers.served_api import Served, serve

CONTAINS = 'filter: {title: {contains: "voice"}}'
REFUSED = {
    "code": "NOT_INDEXED",
    "view": "tasks",
    "remedy": "no index can serve contains on title; a search does",
}


@pytest.fixture
def strict(mongo_url: str, redis_url: str, database: str) -> Iterator[Served]:
    """An API that looks through one row, of which there are two; of agents there is one."""
    with serve(mongo_url=mongo_url, redis_url=redis_url, database=database, scan_limit=1) as served:
        for title in ("Pay the invoice", "Write an invoice"):
            served.do("createTask", title=title)
        served.do("registerAgent", name="Ada")
        yield served


async def test_a_query_that_no_index_serves_is_refused_and_says_what_would(strict: Served) -> None:
    for selected in ("nodes { title }", "totalCount"):
        assert strict.refused(f"{{ tasks({CONTAINS}) {{ {selected} }} }}")["extensions"] == REFUSED
    both = "{ tasks(filter: {status: {eq: CREATED}, priority: {eq: NORMAL}}) { nodes { title } } }"
    declare = "declare the index ('priority', 'status') in the view"
    assert strict.refused(both)["extensions"] == {**REFUSED, "remedy": declare}

    async with strict.client() as client:
        await client.subscribe("1", f"subscription {{ tasks({CONTAINS}) {{ __typename }} }}")
        message: Any = await client.receive()
    assert (message["type"], message["payload"][0]["extensions"]) == ("error", REFUSED)

    found = strict.ask('{ tasks(search: "invoice pay") { totalCount nodes { title } } }')
    assert found == {"tasks": {"totalCount": 1, "nodes": [{"title": "Pay the invoice"}]}}
    found = strict.ask('{ agents(filter: {name: {contains: "d"}}) { totalCount } }')
    assert found == {"agents": {"totalCount": 1}}


def test_what_is_not_selected_is_not_read(strict: Served, mongo_url: str, database: str) -> None:
    """Neither the count nor a look beside the page; cursors cost no read at all."""
    after = strict.ask("{ tasks(first: 1) { pageInfo { endCursor } } }")["tasks"]["pageInfo"]["endCursor"]
    query = "query ($after: String) { tasks(first: 1, after: $after) { %s } }"
    with MongoClient[dict[str, Any]](mongo_url) as client:
        found = client[database]
        for selected, reads in (
            ("nodes { title } edges { cursor } pageInfo { hasNextPage endCursor }", ["find"]),
            ("nodes { title } pageInfo { hasPreviousPage }", ["find", "find"]),
            ("nodes { title } totalCount", ["aggregate", "find"]),
        ):
            found.command("profile", 2)
            strict.ask(query % selected, after=after)
            found.command("profile", 0)
            of_rows = found["system.profile"].find({"ns": {"$regex": "view_tasks"}})
            commands = [next(iter(told["command"])) for told in of_rows]
            assert sorted(name for name in commands if name in ("find", "aggregate")) == reads, selected
            found["system.profile"].drop()
