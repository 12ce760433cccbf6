"""What a view publishes of several changes that it reads at once, and what new subscribers receive."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any, cast

from eventstore.place import Place
from projections.live.aligned_reader import ReadLimits, RowQuery
from projections.live.messages import ChangeKind, LiveMessage, RowDelta, Snapshot
from projections.live.view_source import ViewSource
from projections.live.view_tail import ViewTail
from projections.querying.filters import EVERYTHING, FieldCondition
from projections.storage.rows import Row
from subscriptions.live.messages import CursorExpired
from tests.helpers.memory_view import NEVER, MemoryNotes, MemoryReader
from tests.helpers.row_scopes import ALL_ROWS


class KindsTopic:
    """Keeps the kinds of the published changes."""

    def __init__(self) -> None:
        self.kinds: list[ChangeKind] = []

    def publish(self, messages: Sequence[LiveMessage]) -> None:
        self.kinds += [message.change.kind for message in messages if isinstance(message, RowDelta)]

    def narrow(self, filter: object) -> None: ...
    def fail(self, error: Exception) -> None: ...


async def test_a_row_that_enters_and_leaves_a_filter_in_one_batch_is_added_and_removed() -> None:
    """The filter is found by its terms for the first change, and by the row alone for the second."""
    notes = MemoryNotes(random.Random(0))
    reader = cast(Any, MemoryReader(notes))
    source = ViewSource(reader, ViewTail(reader, NEVER), reader.position, notes.visible_since, ReadLimits())
    topic = KindsTopic()
    source.open(RowQuery(ALL_ROWS, FieldCondition("text", "eq", "x"), None), topic)
    for text in ("x", "z", "x", "z", "z"):
        notes.commit("a", text)
    source.publish(notes.states)
    assert topic.kinds == [ChangeKind.ADDED, ChangeKind.REMOVED] * 2


class OvertakingReader(MemoryReader):
    """Reads a row again that changes twice during the read: before and after what is published then."""

    source: ViewSource

    async def stored_rows(self, keys: Sequence[str]) -> list[Row]:
        notes = self._notes
        notes.commit("b", "z")
        notes.project_all()
        rows = [row for row in notes.rows.values() if row["_id"] in keys]
        notes.commit("b", "z")
        notes.begin_batch(1)
        notes.write()
        while self.source.dispatcher.position < rows[0]["_position"]:
            await asyncio.sleep(0)
        return rows


async def test_a_row_that_leaves_the_filter_before_it_is_read_again_is_in_no_snapshot() -> None:
    """It was read ahead of a checkpoint that did not follow in time, and no tail publishes its state then."""
    notes = MemoryNotes(random.Random(0))
    reader = OvertakingReader(notes)
    locator, limits = cast(Any, reader), ReadLimits(resume_checkpoint_wait=0.0)
    source = ViewSource(locator, ViewTail(locator, NEVER), reader.position, notes.visible_since, limits)
    reader.source = source
    notes.commit("a", "x")
    notes.project_all()
    source.dispatcher.attach(source.publish)
    await source.dispatcher.started()
    notes.commit("b", "x")
    notes.begin_batch(1)
    notes.write()
    topic = source.open(RowQuery(ALL_ROWS, FieldCondition("text", "eq", "x"), None), KindsTopic())
    async with asyncio.timeout(20):
        await topic._rows.read_all_places()
        newcomer = topic.backlog()
        await newcomer.prepare(None, caught_up=False)
    page = await anext(newcomer.read(None, source.dispatcher.position, caught_up=False).pages)
    source.dispatcher.detach(source.publish)
    (snapshot,) = page.messages
    assert isinstance(snapshot, Snapshot)
    assert [row["id"] for row in snapshot.rows] == ["a"]


async def test_a_snapshot_that_was_not_delivered_is_sent_again_after_a_place_that_has_expired() -> None:
    """As for a subscriber that is paused while its messages are rendered."""
    notes = MemoryNotes(random.Random(0))
    locator = cast(Any, MemoryReader(notes))
    source = ViewSource(
        locator, ViewTail(locator, NEVER), locator.position, notes.visible_since, ReadLimits()
    )
    notes.commit("a", "x")
    notes.project_all()
    source.dispatcher.attach(source.publish)
    backlog = source.open(RowQuery(ALL_ROWS, EVERYTHING, None), KindsTopic()).backlog()
    unreached = Place(1_000)
    for _ in range(2):
        async with asyncio.timeout(20):
            await backlog.prepare(unreached, caught_up=False)
        read = backlog.read(unreached, source.dispatcher.position, caught_up=False)
        async with aclosing(read.pages) as pages:
            page = await anext(pages)
        assert [type(message) for message in page.messages] == [CursorExpired, Snapshot]
    source.dispatcher.detach(source.publish)
