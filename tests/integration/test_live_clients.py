"""Live views under load: the messages of a subscriber add up to the rows of the view, whatever happens."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import aclosing
from typing import Any

from eventstore.place import Place
from projections.live.live_view import LiveView, ViewMessage
from projections.live.messages import ChangeKind, RowChange, Snapshot
from projections.projecting.view_worker import drop_view
from projections.querying.filters import AnyOf, FieldCondition, to_predicate
from projections.querying.pages import ListQuery
from projections.querying.row_scope import RowScope
from projections.storage.rows import Row, changed_fields, fields
from subscriptions.live.messages import CaughtUp, Lagged
from tests.helpers.note_churn import churn
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.notes import Written, view
from tests.helpers.row_scopes import ALL_ROWS

DEADLINE = 120
END = "note-end"
FILTERS: list[dict[str, Any]] = [
    {},
    {"or": [{"score": {"gt": 0}}, {"id": {"eq": END}}]},
    {"or": [{"text": {"in": ["x", "y"]}, "links": {"lt": 4}}, {"id": {"eq": END}}]},
]


class Client:
    """A subscriber's rows; a change that cannot be right fails the test."""

    def __init__(self, filter: dict[str, Any], scope: RowScope = ALL_ROWS) -> None:
        self.filter = filter
        self.scope = scope
        self.unknown: list[tuple[Place, str]] = []
        """Removals of hidden rows that it does not have, each with the place where it resumed."""
        self._resume_place = Place(0)
        self.rows: dict[str, dict[str, Any]] = {}
        self.place: Place | None = None
        self._resuming: Counter[str] | None = None

    async def watch(self, live: LiveView, *, limit: int = 10**9) -> bool:
        """Receive so many messages, from where it was; return whether the last change was among them."""
        if self.place is not None:
            self._resuming, self._resume_place = Counter(), self.place
        messages = live.watch_rows(self.scope, self.filter, after=self.place)
        async with asyncio.timeout(DEADLINE), aclosing(messages):
            async for message in messages:
                self._receive(message)
                limit -= 1
                if END in self.rows or not limit:
                    return END in self.rows
        raise AssertionError("the stream ended")

    def _receive(self, message: ViewMessage) -> None:
        assert not isinstance(message, Lagged)
        # Unless it is cut off before it is caught up, a place never goes back.
        assert self.place is None or message.place >= self.place or isinstance(message, CaughtUp)
        self.place = message.place
        match message:
            case Snapshot(rows):
                self.rows = {row["id"]: fields(row) for row in rows}
            case CaughtUp():
                self._resuming = None
            case RowChange():
                self._change(message)

    def _may_see(self, row: Row) -> bool:
        return to_predicate(self.scope.rule)(row)

    def _change(self, change: RowChange) -> None:
        before = self.rows.get(change.id)
        if self._resuming is not None:
            self._resuming[change.id] += 1
            assert self._resuming[change.id] == 1, "a missed row is delivered once"
            assert change.kind is not ChangeKind.ADDED or before is None
        else:
            assert (before is None) == (change.kind is ChangeKind.ADDED)
            if change.kind is ChangeKind.UPDATED and change.changed_fields is not None:
                assert before is not None
                assert change.row is not None
                assert change.changed_fields == changed_fields(before, change.row)
        if change.kind is ChangeKind.REMOVED:
            assert change.row is None or self._may_see(change.row)
            if self.rows.pop(change.id, None) is None and change.row is None:
                self.unknown.append((self._resume_place, change.id))
        else:
            assert change.row is not None
            assert self._may_see(change.row)
            self.rows[change.id] = fields(change.row)


async def finish(rig: Rig, clients: list[Client], watching: list[asyncio.Task[bool]]) -> None:
    """Check that every client has what a query returns after the last commit."""
    await rig.append(END, Written(text="end"))
    for watch in watching:
        assert await watch
    await rig.projected()
    for client in clients:
        page = await rig.reader.page(client.scope, ListQuery(100, client.filter))
        assert client.rows == {row["id"]: fields(row) for row in page.rows}


async def test_subscribers_that_join_at_any_time_have_the_rows_of_the_view(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """A change between the snapshot and the first live change is delivered once."""
    async with (
        open_rig(mongo_url, redis_url, database, work=True) as writer,
        open_rig(mongo_url, redis_url, database) as server,
    ):
        clients: list[Client] = []
        watching: list[asyncio.Task[bool]] = []
        for seed in range(15):
            clients += [Client(wanted) for wanted in FILTERS]
            watching += [asyncio.create_task(client.watch(server.live)) for client in clients[-3:]]
            await churn(writer, 8, seed)
        await finish(writer, clients, watching)


async def test_i10_subscribers_that_resume_on_another_server_have_the_rows_of_the_view(
    mongo_url: str, redis_url: str, database: str
) -> None:
    async with (
        open_rig(mongo_url, redis_url, database, work=True) as one,
        open_rig(mongo_url, redis_url, database) as other,
    ):
        dice = random.Random(10)

        async def come_and_go(client: Client) -> bool:
            while not await client.watch(dice.choice([one, other]).live, limit=dice.randint(1, 6)):
                await asyncio.sleep(dice.random() / 20)
            return True

        clients = [Client(wanted) for wanted in FILTERS * 3]
        watching = [asyncio.create_task(come_and_go(client)) for client in clients]
        await churn(one, 150, 10)
        await finish(one, clients, watching)


async def test_subscribers_that_resume_learn_of_no_row_that_their_rule_hid_from_them(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """They have the rows of their rule; no removal names a row that they could not see where they left."""
    rule = AnyOf((FieldCondition("text", "in", ("x", "y")), FieldCondition("id", "eq", END)))
    scope = RowScope("default", rule)
    async with (
        open_rig(mongo_url, redis_url, database, work=True) as one,
        open_rig(mongo_url, redis_url, database) as other,
    ):
        dice = random.Random(13)

        async def come_and_go(client: Client) -> bool:
            while not await client.watch(dice.choice([one, other]).live, limit=dice.randint(1, 6)):
                await asyncio.sleep(dice.random() / 20)
            return True

        clients = [Client(wanted, scope) for wanted in FILTERS * 3]
        watching = [asyncio.create_task(come_and_go(client)) for client in clients]
        await churn(one, 150, 13)
        await finish(one, clients, watching)
        unknown = {removal for client in clients for removal in client.unknown}
        for place, row_id in unknown:
            assert await one.past.visible_since(scope, [row_id], place.states_from), (place, row_id)


async def test_old_new_and_resumed_subscribers_have_the_right_rows_while_the_view_is_rebuilt(
    mongo_url: str, redis_url: str, database: str
) -> None:
    async with (
        open_rig(mongo_url, redis_url, database, poll_interval=0.05, work=True) as rig,
        open_rig(mongo_url, redis_url, database, poll_interval=0.05) as server,
    ):
        old = [Client(wanted) for wanted in FILTERS]
        watching = [asyncio.create_task(client.watch(server.live)) for client in old]
        back = [Client(wanted) for wanted in FILTERS]
        await churn(rig, 60, 1)
        await rig.projected()
        for client in back:
            assert not await client.watch(server.live, limit=2)
        await churn(rig, 30, 2)
        await rig.projected()
        await drop_view(view, rig.database)
        new = [Client(wanted) for wanted in FILTERS]
        watching += [asyncio.create_task(client.watch(server.live)) for client in [*back, *new]]
        await churn(rig, 30, 3)
        await finish(rig, [*old, *back, *new], watching)


async def test_i6_without_redis_a_live_view_is_only_later(mongo_url: str, database: str) -> None:
    async with open_rig(mongo_url, "redis://127.0.0.1:1/", database, poll_interval=0.05, work=True) as rig:
        clients = [Client(wanted) for wanted in FILTERS]
        watching = [asyncio.create_task(client.watch(rig.live)) for client in clients]
        await churn(rig, 40, 4)
        await finish(rig, clients, watching)
