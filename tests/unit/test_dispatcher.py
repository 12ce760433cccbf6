"""The dispatcher: all handlers of a tail receive its items once and in order through one cursor."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import pytest

from domain.kernel.errors import Unavailable
from eventstore.place import Place
from subscriptions.feed.position_waiters import TopicListener
from subscriptions.feed.tail import Tail
from subscriptions.live.dispatcher import WORK_AT_ONCE, Dispatcher
from subscriptions.live.hub import Hub
from subscriptions.live.ports import Publisher
from subscriptions.live.renderer import SharedRenderer
from tests.helpers.topic_rig import Note, NumberedBacklog, NumberedLog, PromptRenderer, Rendered

DEADLINE = 60


class Item(NamedTuple):
    """An item of the numbered source, with the last erasure when it was read."""

    position: int
    erased: int = 0


class NumberedSource:
    """A source in memory: one item for each position up to `end`."""

    def __init__(self) -> None:
        self.listener = TopicListener()
        self.end = 0
        self.erased = 0
        self.failures = 0

    async def head(self) -> int:
        if self.failures:
            self.failures -= 1
            raise Unavailable("no server")
        return self.end

    def reader(self) -> NumberedSource:
        return self

    def position(self, item: Item) -> int:
        return item.position

    def erasure(self, items: Sequence[Item]) -> int:
        return max((item.position for item in items if item.position == self.erased), default=0)

    def edition(self) -> int:
        return 0

    async def read(self, after: int, limit: int) -> tuple[Sequence[Item], int]:
        items = [Item(n, self.erased) for n in range(after + 1, min(self.end, after + limit) + 1)]
        return items, max(after, self.end) if len(items) < limit else items[-1].position

    def append(self, count: int) -> None:
        self.end += count
        self.listener.notify(self.end)


class Recorder:
    """A handler that keeps the positions of its items, batch by batch."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    def handle(self, items: Sequence[Item]) -> None:
        self.batches.append([item.position for item in items])

    @property
    def positions(self) -> list[int]:
        return [position for batch in self.batches for position in batch]


@pytest.fixture
def source() -> NumberedSource:
    return NumberedSource()


@pytest.fixture
def tail(source: NumberedSource) -> Tail[Item]:
    return Tail(source, source.listener, 0.05)


async def reach(dispatcher: Dispatcher[Item], position: int) -> None:
    async with asyncio.timeout(DEADLINE):
        assert await dispatcher.reach(position)


async def not_followed(tail: Tail[Item]) -> None:
    """Wait until no cursor follows the tail."""
    async with asyncio.timeout(DEADLINE):
        while tail.cursors:
            await asyncio.sleep(0)


async def test_handlers_share_one_cursor_and_a_later_one_begins_at_the_present_position(
    source: NumberedSource, tail: Tail[Item]
) -> None:
    source.append(3)
    dispatcher, early, late = Dispatcher(tail, source.head), Recorder(), Recorder()
    dispatcher.attach(early.handle)
    await dispatcher.started()
    assert dispatcher.position == 3
    source.append(2)
    await reach(dispatcher, 5)
    dispatcher.attach(late.handle)
    source.append(2)
    await reach(dispatcher, 7)
    assert (early.positions, late.positions) == ([4, 5, 6, 7], [6, 7])
    dispatcher.detach(early.handle)
    assert tail.cursors > 0
    dispatcher.detach(late.handle)
    await not_followed(tail)


async def test_a_handler_that_comes_soon_after_the_last_one_continues_its_cursor(
    source: NumberedSource, tail: Tail[Item]
) -> None:
    """Clients that open and close the only subscription all the time begin no cursor each time."""
    starts: list[int] = []

    async def start() -> int:
        starts.append(await source.head())
        return starts[-1]

    dispatcher, first, second = Dispatcher(tail, start, linger=60), Recorder(), Recorder()
    dispatcher.attach(first.handle)
    await dispatcher.started()
    dispatcher.detach(first.handle)
    source.append(2)
    await reach(dispatcher, 2)
    dispatcher.attach(second.handle)
    assert dispatcher.position == 2
    source.append(1)
    await reach(dispatcher, 3)
    assert (starts, first.positions, second.positions) == ([0], [], [3])
    dispatcher.detach(second.handle)
    dispatcher.close()
    await not_followed(tail)


async def test_a_dispatcher_without_handlers_ends_after_its_time(
    source: NumberedSource, tail: Tail[Item]
) -> None:
    dispatcher, recorder = Dispatcher(tail, source.head, linger=0.01), Recorder()
    for _ in range(2):
        dispatcher.attach(recorder.handle)
        await dispatcher.started()
        dispatcher.detach(recorder.handle)
        assert tail.cursors > 0
        await not_followed(tail)
        source.append(1)
    assert (dispatcher.position, recorder.positions) == (1, [])


async def test_a_dispatcher_that_is_closed_serves_its_handlers_and_lingers_no_more(
    source: NumberedSource, tail: Tail[Item]
) -> None:
    dispatcher, recorder = Dispatcher(tail, source.head, linger=60), Recorder()
    dispatcher.attach(recorder.handle)
    await dispatcher.started()
    dispatcher.close()
    source.append(1)
    await reach(dispatcher, 1)
    assert recorder.positions == [1]
    dispatcher.detach(recorder.handle)
    await not_followed(tail)


async def test_a_position_that_is_not_reached_in_time_is_reported(
    source: NumberedSource, tail: Tail[Item]
) -> None:
    dispatcher, recorder = Dispatcher(tail, source.head), Recorder()
    dispatcher.attach(recorder.handle)
    await dispatcher.started()
    assert not await dispatcher.reach(1, within=0.01)
    dispatcher.detach(recorder.handle)


async def test_a_start_that_fails_is_reported_to_those_that_wait_and_tried_again(
    source: NumberedSource, tail: Tail[Item], caplog: pytest.LogCaptureFixture
) -> None:
    async def start() -> int:
        if (failures := len(attempts)) < 2:
            attempts.append(failures)
            raise Unavailable("no server")
        return 0

    attempts: list[int] = []
    dispatcher, recorder = Dispatcher(tail, start), Recorder()
    dispatcher.attach(recorder.handle)
    with pytest.raises(Unavailable):
        await dispatcher.started()
    source.append(1)
    await reach(dispatcher, 1)
    assert recorder.positions == [1]
    assert "is not followed for now" in caplog.text
    dispatcher.detach(recorder.handle)


async def test_items_that_were_read_before_an_erasure_are_read_again(
    source: NumberedSource, tail: Tail[Item]
) -> None:
    received: list[Item] = []
    stale: list[Item] = []

    def handle(items: Sequence[Item]) -> None:
        received.extend(items)
        stale.extend(item for item in items if item.erased < tail.erasure)
        if items and items[-1].position == 2:
            source.erased = 101
            source.append(1)

    dispatcher = Dispatcher(tail, source.head)
    for _ in range(WORK_AT_ONCE):
        dispatcher.attach(handle)
    await dispatcher.started()
    source.append(100)
    await reach(dispatcher, 101)
    assert [item.position for item in received] == list(range(1, 102))
    assert received[1].erased == 0
    assert received[90].erased == 101
    assert not stale
    for _ in range(WORK_AT_ONCE):
        dispatcher.detach(handle)


async def test_a_batch_is_split_where_many_topics_must_handle_it(
    source: NumberedSource, tail: Tail[Item]
) -> None:
    dispatcher, recorder = Dispatcher(tail, source.head), Recorder()
    for _ in range(WORK_AT_ONCE // 2):
        dispatcher.attach(recorder.handle)
    await dispatcher.started()
    source.append(7)
    await reach(dispatcher, 7)
    assert recorder.positions == [1, 2, 3, 4, 5, 6, 7]
    assert max(map(len, recorder.batches)) <= 3
    for _ in range(WORK_AT_ONCE // 2):
        dispatcher.detach(recorder.handle)


class BrokenSource:
    """The source of a hub that cannot publish."""

    def publish(self, items: Sequence[Item]) -> None:
        if items:
            raise ValueError("no")


class ImmediateSource(NumberedLog):
    """The source of one topic, whose backlog is empty."""

    def __init__(self, topic: Publisher[Note]) -> None:
        super().__init__()
        self.topic = topic

    def backlog(self) -> NumberedBacklog:
        return NumberedBacklog(self)


async def test_i11_a_source_that_cannot_publish_ends_its_streams_and_no_other_handler_notices(
    source: NumberedSource, tail: Tail[Item], caplog: pytest.LogCaptureFixture
) -> None:
    dispatcher, recorder = Dispatcher(tail, source.head), Recorder()
    hub: Hub[Item, Note] = Hub(dispatcher, BrokenSource())
    ended: list[object] = []

    class Sink:
        def deliver(self, chunk: object) -> None:
            pass

        def end(self, errors: object = None) -> None:
            ended.append(errors)

    renderer: SharedRenderer[Note, Rendered] = SharedRenderer(PromptRenderer(), hub.stats, lambda _: 1)
    hub.subscribe("key", lambda: hub.topic(ImmediateSource, renderer), Sink(), Place(0))
    dispatcher.attach(recorder.handle)
    await dispatcher.started()
    source.append(2)
    await reach(dispatcher, 2)
    assert recorder.positions == [1, 2]
    assert ended == [[{"message": "no"}]]
    assert hub.stats.subscriptions == 0
    assert "the topics of BrokenSource end" in caplog.text
    dispatcher.detach(recorder.handle)
