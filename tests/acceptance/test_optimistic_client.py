"""The optimistic client of docs/reading-your-writes.md, over a WebSocket."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.helpers.documentation import ROOT, code_blocks, operation
from tests.helpers.served_api import Client, Served


@pytest.fixture
def rows() -> Any:
    """The class of the page, without rows."""
    (code,) = code_blocks(ROOT / "docs" / "reading-your-writes.md", "python")
    names: dict[str, Any] = {}
    exec(code, names)
    return names["OptimisticRows"]()


async def follow(client: Client, rows: Any) -> None:
    """Begin to follow all documents."""
    await client.subscribe("1", operation("OptimisticRows"))
    message = await client.next()
    while message["__typename"] != "CaughtUp":
        for row in message["documents"]:
            rows.receive(row["id"], row)
        message = await client.next()


async def receive(client: Client, rows: Any) -> dict[str, Any]:
    """Take the next change."""
    message: dict[str, Any] = await client.next()
    rows.receive(message["rowId"], message["document"], message["commandId"])
    return message


def rename(served: Served, row_id: str, title: str, command_id: str) -> dict[str, Any]:
    """The response to a renaming."""
    variables = {"input": {"id": row_id, "title": title}, "commandId": command_id}
    return served.run(operation("OptimisticRename"), **variables)


async def test_a_change_is_confirmed_by_the_id_of_its_command(served: Served, rows: Any) -> None:
    """Another client's change before it leaves it pending."""
    document = served.do("createDocument", title="first", content=1)["stream"]
    mine, theirs = uuid4().hex, uuid4().hex
    async with served.client() as client:
        await follow(client, rows)
        rows.change(mine, document, {"title": "mine"})
        rename(served, document, "theirs", theirs)
        assert (await receive(client, rows))["commandId"] == theirs
        assert rows.shown()[document]["title"] == "mine"
        rename(served, document, "mine", mine)
        message = await receive(client, rows)
        assert (message["commandId"], message["document"]["title"]) == (mine, "mine")
        rename(served, document, "later", uuid4().hex)
        await receive(client, rows)
        assert rows.shown()[document]["title"] == "later"


async def test_a_refused_change_is_rolled_back(served: Served, rows: Any) -> None:
    """The row is again as the server has it."""
    document = served.do("createDocument", title="first", content=1)["stream"]
    served.do("archiveDocument", id=document)
    async with served.client() as client:
        await follow(client, rows)
        command_id = uuid4().hex
        rows.change(command_id, document, {"title": "mine"})
        assert "errors" in rename(served, document, "mine", command_id)
        rows.roll_back(command_id)
        assert rows.shown()[document]["title"] == "first"


async def test_the_message_of_a_deletion_has_the_id_of_its_command(served: Served, rows: Any) -> None:
    """What was pending for the row goes with it."""
    document = served.do("createDocument", title="first", content=1)["stream"]
    async with served.client() as client:
        await follow(client, rows)
        rows.change("never sent", document, {"title": "mine"})
        delete = "mutation ($id: ID!) { deleteDocument(input: {id: $id}, commandId: $id) "
        served.ask(delete + "{ receipt { version } } }", id=document)
        message = await receive(client, rows)
        assert (message["commandId"], message["document"]) == (document, None)
        assert document not in rows.shown()


def test_a_change_is_confirmed_by_its_version_in_a_message_of_a_later_command(rows: Any) -> None:
    """As after a new connection, and for commands that follow each other closely."""
    rows.receive("document-1", {"id": "document-1", "title": "first", "_meta": {"version": 1}})
    rows.change("mine", "document-1", {"title": "mine"})
    rows.store("mine", 2)
    assert rows.shown()["document-1"]["title"] == "mine"
    rows.receive("document-1", {"id": "document-1", "title": "later", "_meta": {"version": 3}}, "theirs")
    assert rows.shown()["document-1"]["title"] == "later"
