"""Live views show a caller exactly the rows that their rule allows it, and share topics by bound rules."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.helpers.paper_api import PaperApi, Reader
from tests.helpers.served_api import Client, Served
from tests.helpers.token_access import Tokens, scraper

CHANGED = "__typename ... on Message { position } ... on PaperChanged { kind rowId changed: paper { title } }"
PAPERS = f"""subscription ($filter: PaperFilter, $after: Position, $latestOnly: Boolean = false) {{
  papers(filter: $filter, after: $after, latestOnly: $latestOnly) {{
    {CHANGED} ... on PapersSnapshot {{ papers {{ title }} hasMore }} }} }}"""
PAPER = f"""subscription ($id: ID!) {{
  paper(id: $id) {{ {CHANGED} ... on PaperSnapshot {{ paper {{ title }} }} }} }}"""
FOLDERS = """subscription { papers { ... on PapersSnapshot { papers { title folder { title } } }
  ... on PaperChanged { paper { folder { title } } } } }"""

LIVE = "subscription { live { query { papers { nodes { title } totalCount } } } }"


async def snapshot(client: Client, query: str = PAPERS, **variables: Any) -> dict[str, Any]:
    """Subscribe; return the snapshot, which `CaughtUp` follows."""
    await client.subscribe("1", query, **variables)
    first: dict[str, Any] = await client.next()
    assert (await client.next())["__typename"] == "CaughtUp"
    return first


async def change(client: Client) -> tuple[str, str, Any]:
    """Return the next change: its kind, the id of the row, and the title that it shows."""
    message = await client.next()
    assert message["__typename"] == "PaperChanged", message
    return message["kind"], message["rowId"], message["changed"] and message["changed"]["title"]


def threaded(api: PaperApi, mutation: str, **fields: Any) -> Any:
    return asyncio.to_thread(api.do, mutation, **fields)


@pytest.mark.parametrize("wanted", [None, {"title": {"in": ["Plan", "New"]}}])
async def test_a_row_that_enters_or_leaves_the_rule_is_added_or_removed(
    api: PaperApi, ann: Reader, bob: Reader, wanted: Any
) -> None:
    """With a filter too; a removal shows nothing of the row as it is for others now."""
    paper = await asyncio.to_thread(api.paper, "ann", "Plan")
    async with ann.socket() as mine, bob.socket() as other:
        assert (await snapshot(mine, filter=wanted))["papers"] == [{"title": "Plan"}]
        empty = await snapshot(other, filter=wanted)
        assert (empty["papers"], empty["hasMore"]) == ([], False)
        await threaded(api, "givePaper", id=paper, owner="bob")
        assert await change(mine) == ("REMOVED", paper, None)
        assert await change(other) == ("ADDED", paper, "Plan")
        await threaded(api, "renamePaper", id=paper, title="New")
        assert await change(other) == ("UPDATED", paper, "New")
        await threaded(api, "givePaper", id=paper, owner="everybody")
        assert await change(mine) == ("ADDED", paper, "New")
        assert await change(other) == ("UPDATED", paper, "New")


async def test_a_single_live_row_exists_for_those_who_may_see_it(
    api: PaperApi, ann: Reader, bob: Reader
) -> None:
    paper = await asyncio.to_thread(api.paper, "ann", "Plan")
    async with ann.socket() as mine, bob.socket() as other:
        assert (await snapshot(mine, PAPER, id=paper))["paper"] == {"title": "Plan"}
        assert (await snapshot(other, PAPER, id=paper))["paper"] is None
        await threaded(api, "renamePaper", id=paper, title="New")
        assert await change(mine) == ("UPDATED", paper, "New")
        await threaded(api, "givePaper", id=paper, owner="bob")
        assert await change(mine) == ("REMOVED", paper, None)
        assert await change(other) == ("ADDED", paper, "New")


@pytest.mark.parametrize("latest_only", [False, True])
async def test_a_subscriber_that_resumes_learns_nothing_of_rows_it_could_never_see(
    api: PaperApi, ann: Reader, bob: Reader, latest_only: bool
) -> None:
    """It receives the removal of rows that it could see, and of no others, not even of deleted ones."""
    kept, lost, gone, hidden, secret = [
        await asyncio.to_thread(api.paper, owner, title)
        for owner, title in (("ann", "kept"), ("ann", "lost"), ("ann", "gone"), ("bob", "h"), ("bob", "s"))
    ]
    async with ann.socket() as client:
        await client.subscribe("1", PAPERS, latestOnly=latest_only)
        await client.next()
        place = (await client.next())["position"]
    await threaded(api, "renamePaper", id=hidden, title="h2")
    await threaded(api, "givePaper", id=lost, owner="bob")
    await threaded(api, "removePaper", id=gone)
    await threaded(api, "removePaper", id=secret)
    await threaded(api, "renamePaper", id=lost, title="for bob alone")
    await threaded(api, "renamePaper", id=kept, title="kept 2")
    async with ann.socket() as client:
        await client.subscribe("1", PAPERS, after=place, latestOnly=latest_only)
        assert [await change(client) for _ in range(3)] == [
            ("REMOVED", gone, None), ("REMOVED", lost, None), ("UPDATED", kept, "kept 2"),
        ]  # fmt: skip
        resumed = await client.next()
        assert resumed["__typename"] == "CaughtUp"
        await threaded(api, "renamePaper", id=kept, title="kept 3")
        assert await change(client) == ("UPDATED", kept, "kept 3")
    await threaded(api, "renamePaper", id=lost, title="later")
    async with ann.socket() as client:
        await client.subscribe("1", PAPERS, after=resumed["position"])
        assert await change(client) == ("UPDATED", kept, "kept 3")
        assert (await client.next())["__typename"] == "CaughtUp", "the lost row is hidden already"


async def topics(served: Served, tokens: Tokens) -> int:
    authorization = tokens.grant("scraper", scraper())
    response = await asyncio.to_thread(served.get, "/metrics", authorization=authorization)
    lines = response.text.splitlines()
    values = [line.split()[-1] for line in lines if line.startswith("nerve_live_groups{")]
    return int(sum(map(float, values)))


async def topics_of(running: tuple[Served, Tokens], query: str, *readers: Reader) -> int:
    """Return how many topics serve these subscribers of one document."""
    async with asyncio.timeout(60):
        while await topics(*running):
            await asyncio.sleep(0.02)
    async with AsyncExitStack() as stack:
        for reader in readers:
            client = await stack.enter_async_context(reader.socket())
            await client.subscribe("1", query)
            await client.next()
        return await topics(*running)


async def test_topics_are_shared_exactly_by_callers_with_equal_bound_rules(
    api: PaperApi, running: tuple[Served, Tokens], ann: Reader
) -> None:
    """By what the rules allow, not by the caller's name, its other roles, or the order of its claims."""
    same = [ann, api.reader("ann"), api.reader("ann", "editor", other="x")]
    assert await topics_of(running, PAPERS, *same) == 1
    assert await topics_of(running, PAPERS, ann, api.reader("bob")) == 2
    assert await topics_of(running, PAPERS, ann, api.root) == 2
    red, blue = api.reader("ann", team=("red", "blue")), api.reader("ann", team=("blue", "red"))
    assert await topics_of(running, PAPERS, red, blue) == 1
    assert await topics_of(running, PAPERS, red, ann, api.reader("ann", team="red")) == 3
    assert await topics_of(running, PAPERS, api.root, api.reader("other", "administrator")) == 1


async def test_topics_are_shared_by_the_rules_of_selected_links_too(
    api: PaperApi, running: tuple[Served, Tokens]
) -> None:
    """Two callers with the same rule for papers see the folders by their own rule."""
    folder = await asyncio.to_thread(api.folder, "ann")
    await asyncio.to_thread(api.paper, "everybody", "Plan", folderId=folder)
    with_folder, without = api.reader("eve", shelf="Folder of ann"), api.reader("eve", shelf="Folder of bob")
    for reader, seen in ((with_folder, {"title": "Folder of ann"}), (without, None)):
        async with reader.socket() as client:
            await client.subscribe("1", FOLDERS)
            assert (await client.next())["papers"] == [{"title": "Plan", "folder": seen}]
    assert await topics_of(running, FOLDERS, with_folder, without) == 2
    assert await topics_of(running, PAPERS, with_folder, without) == 1, "no folder is selected"


async def test_a_live_query_of_one_document_shows_each_caller_its_own_rows(
    api: PaperApi, ann: Reader, bob: Reader
) -> None:
    paper = await asyncio.to_thread(api.paper, "ann", "Plan")
    shown, empty = {"nodes": [{"title": "Plan"}], "totalCount": 1}, {"nodes": [], "totalCount": 0}
    async with ann.socket() as mine, bob.socket() as other:
        for client, papers in ((mine, shown), (other, empty)):
            await client.subscribe("1", LIVE)
            assert (await client.next())["query"]["papers"] == papers
        await threaded(api, "givePaper", id=paper, owner="bob")
        assert (await mine.next())["query"]["papers"] == empty
        assert (await other.next())["query"]["papers"] == shown
