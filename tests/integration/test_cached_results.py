"""A cached result is what an execution would return, and equals alone share it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random

import pytest
from pydantic import SecretStr

from api.access.callers import Caller
from api.settings import Settings
from domain.kernel import Command, Envelope, Scope
from tests.helpers.cached_api import CachedApi, cached_api
from tests.helpers.drivers import chosen_driver
from tests.helpers.memo_books import OpenBook
from tests.helpers.memos import PinMemo, WriteMemo

PATIENCE = 60.0
BOOKS = ("book-1", "book-2", "book-3")
AUTHORS = ("ada", "ben")

ONE = "query ($id: ID!) { memo(id: $id) { text } }"
ALL = "{ memos(first: 50) { nodes { id text } totalCount } }"
LISTS = (
    ALL,
    '{ memo(id: "memo-1") { text author _meta { version } } }',
    "{ memos(first: 2, orderBy: {field: SCORE, direction: DESC}) "
    "{ nodes { id score } pageInfo { hasNextPage } } }",
    "{ memos(last: 2, orderBy: {field: TEXT}) { nodes { text } pageInfo { hasNextPage hasPreviousPage } } }",
    "{ memos(first: 3, filter: {score: {gte: 3}, author: {ne: null}}) { edges { cursor node { text } } } }",
    '{ memos(first: 0, filter: {author: {eq: "ben"}}) { pageInfo { hasNextPage } } }',
    '{ memos(search: "five") { nodes { id } } }',
    "{ books { nodes { title memos(first: 2, orderBy: {field: SCORE}) { nodes { text } "
    "pageInfo { hasNextPage } } } } }",
    '{ book(id: "book-1") { memos(filter: {author: {eq: "ada"}}) { totalCount } } '
    'memo(id: "memo-2") { book { title } } }',
)
"""Queries of one row, windows, filters, a search, links and counts."""

ROUNDS = 12
NUMBERS = ("one", "two", "three", "four", "five", "six")


@pytest.fixture
async def api(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[CachedApi]:
    settings = Settings(
        mongo_url=SecretStr(mongo_url),
        redis_url=SecretStr(redis_url),
        mongo_driver=chosen_driver(),
        database=database,
        contexts=("tests.helpers.memos", "tests.helpers.memo_books"),
        poll_interval=0.05,
    )
    async with cached_api(settings, worker=True) as api:
        yield api


async def store(api: CachedApi, *commands: Command, tenant: str = "default") -> None:
    """Send the commands, and wait until queries show what they have stored."""
    for command in commands:
        position = (await api.runtime.bus.dispatch(Envelope(command, Scope(tenant, "ada")))).position
        view = "books" if isinstance(command, OpenBook) else "memos"
        await api.runtime.readers[view].wait_for(position, PATIENCE)


def pin(name: str, text: str, author: str = "ada") -> PinMemo:
    return PinMemo(name=name, author=author, text=text)


async def test_a_cached_result_is_that_of_an_execution_after_each_change(api: CachedApi) -> None:
    """Rows enter windows and filters, leave them, and move inside them."""
    dice = Random(3)
    await store(api, *(OpenBook(id=book, title=book) for book in BOOKS))
    for number in range(ROUNDS):
        text = f"{dice.choice(NUMBERS)} {number}"
        if number % 3 and number > 6:
            await store(api, pin(str(dice.randint(1, 4)), text, dice.choice(AUTHORS)))
        else:
            memo = WriteMemo(text=text, score=dice.randint(0, 6), book_id=dice.choice((None, *BOOKS)))
            await store(api, memo)
        for query in LISTS:
            assert await api.ask(query) == await api.execute(query), query
    assert api.hits > ROUNDS


async def test_commits_that_change_other_rows_leave_a_result_in_the_cache(api: CachedApi) -> None:
    """However many of them there are; a result is served until a row that it has read changes."""
    await store(api, pin("1", "first"), pin("2", "second"), pin("3", "third"))
    window = "{ memos(first: 1) { nodes { id text } } }"
    for query in (ONE, window):
        for _ in range(3):
            await api.ask(query, id="memo-1")
        await store(api, pin("3", f"before {len(query)}"))
        await api.ask(query, id="memo-1")
        hits = api.hits
        for number in range(5):
            await store(api, pin("3", f"{number} of {len(query)}"))
            await api.ask(query, id="memo-1")
        assert api.hits == hits + 5
        text = f"changed {len(query)}"
        await store(api, pin("1", text))
        assert text in str(await api.ask(query, id="memo-1"))
        assert api.hits == hits + 5


async def test_callers_with_other_tenants_or_rights_share_no_result(api: CachedApi) -> None:
    """The ids and the queries are the same, and each caller asks until it is served from the cache."""
    ada, ben = (Caller(subject=name) for name in AUTHORS)
    auditor = Caller(subject="ada", roles=frozenset({"auditor"}))
    elsewhere = Caller(Scope("other"), "ada")
    texts = {ada: {"ada's"}, ben: {"ben's"}, auditor: {"ada's", "ben's"}, elsewhere: {"of the other"}}
    await store(api, pin("1", "of the other"), tenant="other")
    await store(api, pin("1", "ada's"), pin("2", "ben's", "ben"))
    for _ in range(4):
        for caller, visible in texts.items():
            data = await api.ask(ALL, caller)
            assert {node["text"] for node in data["memos"]["nodes"]} == visible
            assert data["memos"]["totalCount"] == len(visible)
    assert api.hits == 2 * len(texts)
    # A commit of another tenant changes nothing here.
    await store(api, pin("2", "more"), tenant="other")
    await api.ask(ALL, ada)
    assert api.hits == 2 * len(texts) + 1
