"""Each caller reads the events that their rules allow: the same in pages, live, and as a predicate."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from pymongo import MongoClient

from api.access.callers import ANONYMOUS, UNRESTRICTED, Caller
from api.access.policy import event_permissions
from domain.kernel import Catalog, Command, RecordedEvent, Scope
from domain.kernel.access import anyone, claim, where
from eventstore.place import Place
from eventstore.reading.event_permissions import EventPermissions
from eventstore.reading.event_query import EventQuery
from subscriptions.feed.feed import Feed
from subscriptions.feed.wakeups import Wakeups
from subscriptions.live.event_hub import EventHub, EventMessage
from tests.helpers import memos
from tests.helpers.command_profile import CommandProfile
from tests.helpers.memos import EditMemo, MemoEdited, MemoSealed, MemoWritten, SealMemo, WriteMemo
from tests.helpers.wired_bus import Wired, wired

EVENTS = (MemoWritten, MemoEdited, MemoSealed)
DEADLINE = 60
END = "the end"

ADA = Caller(subject="ada")
AUDITOR = Caller(subject="eve", roles=frozenset({"auditor"}))
ODD = Caller(subject="\ud800", claims={"team": (2**70, "$where", "a\0b")})


@dataclass(frozen=True)
class Nerve:
    """A log with memos, and an event hub on it."""

    parts: Wired
    hub: EventHub

    async def send(self, author: str, command: Command) -> str:
        return (await self.parts.send(command, scope=Scope("default", author))).stream


@pytest.fixture
async def nerve(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Nerve]:
    async with _open(mongo_url, redis_url, database) as parts:
        yield parts


@asynccontextmanager
async def _open(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Nerve]:
    wakeups = Wakeups(redis_url, database)
    async with wired(mongo_url, database, catalog=Catalog([memos.context])) as parts:
        await wakeups.start()
        try:
            yield Nerve(parts, EventHub(parts.log, Feed(parts.log, wakeups, 0.05)))
        finally:
            await wakeups.stop()


async def write_memos(nerve: Nerve, count: int) -> None:
    """Memos of two authors, some public, edited and sealed."""
    chance = random.Random(7)
    for number in range(count):
        author = chance.choice(["ada", "bob"])
        memo = WriteMemo(
            text=f"memo {number}", public=chance.random() < 0.3, team=chance.choice([None, "red"])
        )
        stream = await nerve.send(author, memo)
        for text in range(chance.randrange(3)):
            await nerve.send(author, EditMemo(id=stream, text=f"{number}.{text}"))
        if chance.random() < 0.3:
            await nerve.send("root", SealMemo(id=stream))


async def write_until_end(nerve: Nerve, count: int) -> None:
    """Memos, and one after them that everybody may read."""
    await write_memos(nerve, count)
    await nerve.send("bob", WriteMemo(text=END, public=True))


def may_read(caller: Caller, event: RecordedEvent) -> bool:
    """The rules of the helper's events, in other words."""
    if caller == UNRESTRICTED:
        return True
    if event.type == "memo.sealed":
        return False
    is_public = event.type == "memo.written" and event.data.get("public") is True
    return "auditor" in caller.roles or is_public or event.data["author"] == caller.subject


async def pages(nerve: Nerve, query: EventQuery, size: int, *, backward: bool) -> list[str]:
    """All events of the query, in pages of this size."""
    found: list[str] = []
    after, before = 0, None
    while events := await nerve.parts.log.search(
        "default", query, after, size, before=before, backward=backward
    ):
        ids = [event.id for event in events]
        found = [*ids, *found] if backward else [*found, *ids]
        if backward:
            before = events[0].position
        else:
            after = events[-1].position
    return found


@pytest.mark.parametrize("caller", [ADA, AUDITOR, ANONYMOUS, ODD, UNRESTRICTED])
async def test_pages_and_subscriptions_have_the_events_that_the_caller_may_read(
    nerve: Nerve, caller: Caller
) -> None:
    """Written before and after the subscription began, and in pages of any size, from either end."""
    await write_memos(nerve, 12)
    query = EventQuery(permissions=event_permissions(EVENTS, caller))
    received: list[str] = []
    async with asyncio.timeout(DEADLINE), aclosing(nerve.hub.watch("default", query, Place(0))) as messages:
        writing = asyncio.create_task(write_until_end(nerve, 12))
        async for message in messages:
            if isinstance(message, EventMessage):
                received.append(message.event.id)
                if message.event.data.get("text") == END:
                    break
        await writing
    expected = [event.id for event in await nerve.parts.events() if may_read(caller, event)]
    assert received == expected
    for size in (1, 3, 200):
        for backward in (False, True):
            assert await pages(nerve, query, size, backward=backward) == expected


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (EventQuery(types=["memo.edited", "memo.sealed"]), lambda event: event.type != "memo.written"),
        (EventQuery(categories=["memo"]), lambda event: True),
        (EventQuery(types=["other.type"]), lambda event: False),
    ],
)
async def test_filters_and_permissions_hold_together(
    nerve: Nerve, query: EventQuery, wanted: Callable[[RecordedEvent], bool]
) -> None:
    await write_memos(nerve, 8)
    permissions = event_permissions(EVENTS, ADA)
    restricted = EventQuery(categories=query.categories, types=query.types, permissions=permissions)
    events = await nerve.parts.events()
    expected = [event.id for event in events if may_read(ADA, event) and wanted(event)]
    assert await pages(nerve, restricted, 2, backward=False) == expected


def test_conditions_are_part_of_the_query() -> None:
    """MongoDB returns no commits of other authors only to have them thrown away."""
    permissions = event_permissions([MemoEdited], ADA)
    assert permissions is not None
    assert permissions.to_filter() == {
        "$or": [
            {
                "events": {
                    "$elemMatch": {
                        "type": "memo.edited",
                        "$or": [{"schema": {"$lt": 1}}, {"$and": [{"data.author": {"$in": ["ada", None]}}]}],
                    }
                }
            }
        ]
    }


async def test_a_default_value_that_is_not_stored_counts(
    nerve: Nerve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The team of most memos is None, which is not stored."""
    monkeypatch.setattr(MemoWritten, "access", claim("team", "team") & anyone | where("score", 0))
    await write_memos(nerve, 6)
    query = EventQuery(permissions=event_permissions([MemoWritten], ADA))
    written = [event.id for event in await nerve.parts.events() if event.type == "memo.written"]
    assert await pages(nerve, query, 2, backward=False) == written


@pytest.mark.parametrize("backward", [False, True])
async def test_one_event_behind_many_that_are_hidden_is_found_with_few_reads(
    nerve: Nerve,
    database: str,
    mongo_client: MongoClient[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    *,
    backward: bool,
) -> None:
    """Their team is not stored, so MongoDB cannot leave them out; each read is twice as large as the last."""
    monkeypatch.setattr(MemoWritten, "access", claim("team", "team"))
    teams = [None] * 60 + ["red"] if not backward else ["red"] + [None] * 60
    for team in teams:
        await nerve.send("bob", WriteMemo(text="memo", team=team))
    red = Caller(subject="ada", claims={"team": "red"})
    query = EventQuery(permissions=event_permissions([MemoWritten], red))
    profile = CommandProfile(mongo_client[database])
    with profile.recording():
        [event] = await nerve.parts.log.search("default", query, 0, 1, backward=backward)
    assert event.data["team"] == "red"
    assert profile.count("query log") <= 10


def test_equal_permissions_are_equal_keys() -> None:
    """Whoever the callers are: topics are shared by those that may read the same."""
    other = Caller(subject="mia", roles=frozenset({"auditor"}))
    assert event_permissions(EVENTS, AUDITOR) == event_permissions(EVENTS, other)
    assert event_permissions(EVENTS, ADA) != event_permissions(EVENTS, other)
    assert hash(event_permissions(EVENTS, AUDITOR)) == hash(event_permissions(EVENTS, other))
    assert event_permissions(EVENTS, UNRESTRICTED) is None
    assert event_permissions([MemoSealed], ADA) == EventPermissions(frozenset())
