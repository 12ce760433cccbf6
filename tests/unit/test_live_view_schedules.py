"""Subscribers of a live view that leave and resume, whatever the order of the steps of all others."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from eventstore.place import Place
from projections.live.aligned_reader import ReadLimits
from projections.live.live_view import LiveView, ViewMessage
from projections.live.messages import ChangeKind, RowChange, Snapshot
from projections.querying.filters import EVERYTHING, AnyOf, FieldCondition, parse_filter, to_predicate
from projections.querying.row_scope import RowScope
from projections.storage.rows import fields
from subscriptions.live.messages import CaughtUp, CursorExpired
from tests.helpers.memory_view import TENANT, MemoryNotes, open_live_view
from tests.helpers.notes import view

END = "end"
X_OR_Y = AnyOf((FieldCondition("text", "in", ("x", "y")), FieldCondition("id", "eq", END)))
SCOPES = (RowScope(TENANT), RowScope(TENANT, X_OR_Y))
FILTERS: tuple[dict[str, Any], ...] = ({}, {"or": [{"text": {"in": ["x", "z"]}}, {"id": {"eq": END}}]})
STEPS = ("commit", "commit", "fold", "write", "write", "turns", "receive")


class Client:
    """The rows of a subscriber that receives a number of messages, leaves, and resumes on any server."""

    def __init__(self, scope: RowScope = SCOPES[1], filter: dict[str, Any] = FILTERS[0]) -> None:
        self.scope = scope
        self.filter = filter
        self.rows: dict[str, dict[str, Any]] = {}
        self.place: Place | None = None
        self.unknown: list[tuple[Place | None, str]] = []
        """Removals of hidden rows that it does not have, with the place where it resumed."""
        self._may_see = to_predicate(scope.rule)
        self._task: asyncio.Task[None] | None = None

    def begin(self, live: LiveView, messages: int) -> None:
        """Receive so many messages in the background, unless it is receiving."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self.receive(live, messages))

    async def finish(self, live: LiveView) -> None:
        """Receive everything up to the last commit."""
        if self._task is not None:
            await self._task
        if END not in self.rows:
            await self.receive(live, 10**9)

    async def receive(self, live: LiveView, messages: int) -> None:
        resumed_at = self.place
        async with aclosing(live.watch_rows(self.scope, self.filter, after=self.place)) as stream:
            async for message in stream:
                self._take(message, resumed_at)
                messages -= 1
                if not messages or END in self.rows:
                    return

    def _take(self, message: ViewMessage, resumed_at: Place | None) -> None:
        assert isinstance(message, Snapshot | CaughtUp | RowChange)
        assert self.place is None or message.place >= self.place or isinstance(message, CaughtUp)
        self.place = message.place
        if isinstance(message, Snapshot):
            self.rows = {row["id"]: fields(row) for row in message.rows}
        elif isinstance(message, RowChange) and message.kind is ChangeKind.REMOVED:
            if self.rows.pop(message.id, None) is None and message.row is None:
                self.unknown.append((resumed_at, message.id))
        elif isinstance(message, RowChange):
            assert message.row is not None
            assert self._may_see(message.row)
            self.rows[message.id] = fields(message.row)


async def take_steps(seed: int) -> None:
    """Take some steps; then let everything arrive, and check the rows of all clients."""
    dice = random.Random(seed)
    notes, wait = MemoryNotes(dice), dice.choice([0.0, 30.0])
    limits = ReadLimits(checkpoint_wait=wait, resume_checkpoint_wait=wait)
    servers = [open_live_view(notes, limits, dice.choice([1, 2, 500])) for _ in range(2)]
    clients = [Client(scope, wanted) for scope in SCOPES for wanted in FILTERS for _ in range(2)]
    for step in dice.choices(STEPS, k=dice.randint(10, 80)):
        match step:
            case "commit":
                notes.commit(dice.choice("abc"), dice.choice(["x", "y", "z", "z", None]))
            case "fold":
                notes.begin_batch(dice.randint(1, 5))
            case "write":
                notes.write()
            case "turns":
                await turns(dice.randint(1, 30))
            case "receive":
                dice.choice(clients).begin(dice.choice(servers), dice.randint(1, 5))
    notes.commit(END, "end")
    notes.project_all()
    async with asyncio.timeout(20):
        for client in clients:
            await client.finish(servers[0])
    for client in clients:
        await check(notes, client)


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def check(notes: MemoryNotes, client: Client) -> None:
    """Check that the client has the rows of its query, and learned of no row that it could not see."""
    matches = to_predicate(client.scope.restrict(parse_filter(view, client.filter)))
    rows = [row for row in notes.rows.values() if not row["_gone"] and matches(row)]
    assert client.rows == {row["id"]: fields(row) for row in rows}
    for place, row_id in client.unknown if client.scope.rule != EVERYTHING else ():
        since = 0 if place is None else place.states_from
        assert await notes.visible_since(client.scope, [row_id], since), "it could not see the row"


@settings(max_examples=40)
@example(8)
@example(75)
@example(138)
@example(194)
@given(st.integers(0, 2**32))
def test_i10_a_subscriber_that_resumes_at_any_moment_has_the_rows_of_its_rule(seed: int) -> None:
    """The examples are schedules that fail where a place has no floor."""
    asyncio.run(take_steps(seed))


def open_quiet_view() -> tuple[MemoryNotes, LiveView]:
    notes = MemoryNotes(random.Random(0))
    notes.commit("b", "x")
    notes.project_all()
    return notes, open_live_view(notes, ReadLimits())


async def test_a_row_that_is_hidden_and_changes_again_before_it_is_read_is_removed_at_a_resume() -> None:
    """The client leaves with a place after the row was hidden, and with the row from before."""
    notes, live = open_quiet_view()
    client, other = Client(), Client()
    client.begin(live, 3)
    other.begin(live, 10**9)
    while not client.rows:
        await turns(1)
    notes.commit("b", "z")
    notes.commit("a", "x")
    notes.project_all()
    notes.commit("b", "z")
    notes.begin_batch(1)
    notes.write()
    while "a" not in client.rows:
        await turns(1)
    assert "b" in client.rows
    assert client.place == Place(3, 0)
    assert client.place.floor == 1
    notes.write()
    notes.commit(END, "end")
    notes.project_all()
    for each in (client, other):
        await each.finish(live)
        await check(notes, each)


async def test_a_place_of_a_quiet_view_has_no_floor() -> None:
    """So a subscriber that resumes there learns of no row that was hidden at the place."""
    notes, live = open_quiet_view()
    client = Client()
    client.begin(live, 10**9)
    for row_id in "acd":
        while client.place is None or client.place.position < notes.head:
            await turns(1)
        assert client.place.floor is None
        notes.commit(row_id, "x")
        notes.project_all()
    notes.commit(END, "end")
    notes.project_all()
    await client.finish(live)


async def test_a_tail_that_is_several_reads_behind_does_not_wait_between_them() -> None:
    """No checkpoint and no poll wakes it again."""
    notes, _ = open_quiet_view()
    live = open_live_view(notes, ReadLimits(), batch_size=2)
    client = Client()
    client.begin(live, 10**9)
    while not client.rows:
        await turns(1)
    for row_id in "acdefg":
        notes.commit(row_id, "x")
    notes.commit(END, "end")
    notes.project_all()
    async with asyncio.timeout(20):
        await client.finish(live)
    assert set(client.rows) == {*"abcdefg", END}


@pytest.mark.parametrize("after", [Place(0), Place(1_000)])
async def test_a_subscriber_that_is_cut_off_before_the_snapshot_receives_it_at_the_resume(
    after: Place,
) -> None:
    """Too many rows have changed since the first place, and the log never reached the second one."""
    notes, _ = open_quiet_view()
    notes.commit("a", "x")
    notes.project_all()
    live = open_live_view(notes, ReadLimits(missed_rows=1))
    async with asyncio.timeout(20), aclosing(live.watch_rows(SCOPES[0], after=after)) as stream:
        expired = await anext(stream)
    assert isinstance(expired, CursorExpired)
    async with asyncio.timeout(20), aclosing(live.watch_rows(SCOPES[0], after=expired.place)) as stream:
        again, snapshot = await anext(stream), await anext(stream)
    assert again == expired
    assert isinstance(snapshot, Snapshot)
    assert {row["id"] for row in snapshot.rows} == {"a", "b"}
