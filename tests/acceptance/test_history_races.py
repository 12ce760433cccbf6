"""The history of an entity while events are appended that its reader may not see."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from api.access.callers import Caller
from domain.kernel import RecordedEvent, Scope
from domain.kernel.access import ADMINISTRATOR
from eventstore.history.versions import StreamHistory
from tests.helpers.paper_api import Reader
from tests.helpers.token_access import Tokens, serve_with

WRITE = """mutation ($name: String!, $author: String!, $text: String!) {
  writeDiaryEntry(input: {name: $name, author: $author, text: $text}) { receipt { version } } }"""


@pytest.fixture(scope="module")
def readers(mongo_url: str, redis_url: str) -> Iterator[tuple[Reader, Reader]]:
    """An administrator and an author, of an API with diaries."""
    tokens = Tokens()
    with serve_with(tokens, mongo_url, redis_url, contexts=("tests.helpers.diaries",)) as served:
        root, ada = (
            Reader(served, tokens.grant(name, Caller(Scope("acme", name), name, frozenset(roles))))
            for name, roles in (("root", (ADMINISTRATOR,)), ("ada", ()))
        )
        yield root, ada


@pytest.fixture
def diary(readers: tuple[Reader, Reader], monkeypatch: pytest.MonkeyPatch) -> str:
    """A diary of Ada that gets an entry of Bob each time that it was checked whether Ada may read it."""
    root, name = readers[0], uuid4().hex
    root.ask(WRITE, name=name, author="ada", text="hers")
    check = StreamHistory.readable_part

    async def check_before_write(
        history: StreamHistory, tenant: str, stream: str, is_readable: Callable[[RecordedEvent], bool]
    ) -> StreamHistory:
        part = await check(history, tenant, stream, is_readable)
        await asyncio.to_thread(root.ask, WRITE, name=name, author="bob", text="his")
        return part

    monkeypatch.setattr(StreamHistory, "readable_part", check_before_write)
    return f"diary-{name}"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("query ($id: ID!) { versions(id: $id) { version } }", [{"version": 1}]),
        ("query ($id: ID!) { stateAt(id: $id, version: 1) { state } }", {"state": {"texts": ["hers"]}}),
        ("query ($id: ID!) { stateAt(id: $id, version: 2) { state } }", None),
        ("query ($id: ID!) { diff(id: $id, from: 0, to: 2) { after } }", None),
    ],
    ids=["versions", "state", "later state", "difference"],
)
def test_an_event_after_the_check_is_not_read(
    readers: tuple[Reader, Reader], diary: str, query: str, expected: Any
) -> None:
    """It was appended between the check of the events and the read, and belongs to another author."""
    root, ada = readers
    response = ada.run(query, id=diary)
    if expected is None:
        assert [error["extensions"]["code"] for error in response["errors"]] == ["NOT_FOUND"]
    else:
        assert list(response["data"].values()) == [expected]
    everything = root.ask("query ($id: ID!) { versions(id: $id) { version } }", id=diary)
    assert [each["version"] for each in everything] == [1, 2]
