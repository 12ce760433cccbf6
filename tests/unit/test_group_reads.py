"""Requests share reads, and none gets what was read before it arrived."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping

import pytest

from eventstore.mongo.deadline import milliseconds_left
from eventstore.mongo.group_reads import MAX_ITEMS, GroupReads

ITEMS = ("a", "b", "c", "d")


class Store:
    """Values that are read when a read begins; each read ends when the test lets it."""

    def __init__(self) -> None:
        self.values = dict.fromkeys(ITEMS, 0)
        self.reads: list[list[str]] = []
        self.cancelled = 0
        self._ends: list[asyncio.Event] = []

    async def load(self, items: Collection[str]) -> Mapping[str, int]:
        seen = {item: self.values[item] for item in items if item in self.values}
        self.reads.append(list(items))
        end = asyncio.Event()
        self._ends.append(end)
        try:
            await end.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return seen

    def end(self, number: int) -> None:
        self._ends[number].set()


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads wait for the ones before them for as long as these take."""
    monkeypatch.setattr("eventstore.mongo.group_reads.PATIENCE", 10)


async def test_a_future_joins_the_next_read() -> None:
    """And not the one that has begun; it gets the error of its read."""
    store, groups = Store(), GroupReads(10)
    first = groups.join("k", "a", store.load)
    await until(lambda: store.reads)
    store.values["a"] = 1
    second, third = groups.join("k", "a", store.load), groups.join("k", "y", store.load)
    store.end(0)
    assert await first == 0
    await until(lambda: len(store.reads) == 2)
    store.end(1)
    assert [await second, await third] == [1, None]

    async def fail(_items: Collection[str]) -> Mapping[str, int]:
        raise OSError("down")

    with pytest.raises(OSError, match="down"):
        await groups.join("other", "a", fail)


async def test_requests_that_arrive_together_share_one_read() -> None:
    store, groups = Store(), GroupReads(10)
    tasks = [asyncio.create_task(groups.read("k", item, store.load)) for item in ("a", "b", "a", "x")]
    await until(lambda: store.reads)
    store.end(0)
    assert await asyncio.gather(*tasks) == [0, 0, 0, None]
    assert store.reads == [["a", "b", "x"]]


@pytest.mark.usefixtures("patient")
async def test_a_request_that_arrives_during_a_read_gets_the_next_one() -> None:
    """What was written before it arrived is in what it gets; all that arrive meanwhile share that read."""
    store, groups = Store(), GroupReads(10)
    first = asyncio.create_task(groups.read("k", "a", store.load))
    await until(lambda: store.reads)
    store.values["a"] = 1
    later = [asyncio.create_task(groups.read("k", item, store.load)) for item in ("a", "b", "a")]
    await asyncio.sleep(0)
    assert len(store.reads) == 1
    store.end(0)
    await until(lambda: len(store.reads) == 2)
    store.end(1)
    assert await first == 0
    assert await asyncio.gather(*later) == [1, 0, 1]
    assert store.reads == [["a"], ["a", "b"]]


async def test_a_slow_read_does_not_hold_up_the_next_one() -> None:
    store, groups = Store(), GroupReads(10)
    slow = asyncio.create_task(groups.read("k", "a", store.load))
    await until(lambda: store.reads)
    quick = asyncio.create_task(groups.read("k", "b", store.load))
    await until(lambda: len(store.reads) == 2)
    store.end(1)
    assert await quick == 0
    store.end(0)
    assert await slow == 0


async def test_reads_under_different_keys_are_apart() -> None:
    store, groups = Store(), GroupReads(10)
    tasks = [asyncio.create_task(groups.read(key, "a", store.load)) for key in ("k", "other")]
    await until(lambda: len(store.reads) == 2)
    for number in range(2):
        store.end(number)
    assert await asyncio.gather(*tasks) == [0, 0]


async def test_an_error_reaches_every_request_and_the_next_read_is_tried() -> None:
    groups = GroupReads(10)

    async def fail(_items: Collection[str]) -> Mapping[str, int]:
        raise ValueError("it failed")

    outcomes = await asyncio.gather(
        *(groups.read("k", item, fail) for item in ("a", "b")), return_exceptions=True
    )
    assert [str(outcome) for outcome in outcomes] == ["it failed", "it failed"]
    store = Store()
    task = asyncio.create_task(groups.read("k", "a", store.load))
    await until(lambda: store.reads)
    store.end(0)
    assert await task == 0


async def test_a_read_that_is_cancelled_ends_its_requests() -> None:
    """Such as by the driver, when its client is closed."""
    groups = GroupReads(10)

    async def close(_items: Collection[str]) -> Mapping[str, int]:
        raise asyncio.CancelledError

    async with asyncio.timeout(60):
        with pytest.raises(asyncio.CancelledError):
            await groups.read("k", "a", close)


async def test_a_read_goes_on_until_the_last_request_has_gone() -> None:
    store, groups = Store(), GroupReads(10)
    tasks = [asyncio.create_task(groups.read("k", item, store.load)) for item in ("a", "b")]
    await until(lambda: store.reads)
    tasks[0].cancel()
    await asyncio.wait({tasks[0]})
    assert store.cancelled == 0
    tasks[1].cancel()
    await until(lambda: store.cancelled)


@pytest.mark.usefixtures("patient")
async def test_a_request_that_arrives_as_the_last_one_goes_gets_its_value() -> None:
    """The read that was about to begin is cancelled, and another one begins."""
    store, groups = Store(), GroupReads(10)
    first = asyncio.create_task(groups.read("k", "a", store.load))
    await until(lambda: store.reads)
    gone = asyncio.create_task(groups.read("k", "b", store.load))
    await asyncio.sleep(0)
    gone.cancel()
    # In one turn of the event loop the last request goes, and another one arrives.
    late = asyncio.create_task(groups.read("k", "c", store.load))
    await asyncio.wait({gone})
    store.end(0)
    await until(lambda: len(store.reads) == 2)
    store.end(1)
    assert (await first, await late) == (0, 0)
    assert store.reads == [["a"], ["c"]]


async def test_a_read_has_a_bounded_number_of_items() -> None:
    store, groups = Store(), GroupReads(10)
    tasks = [
        asyncio.create_task(groups.read("k", str(number), store.load)) for number in range(MAX_ITEMS + 1)
    ]
    await until(lambda: sum(map(len, store.reads)) == MAX_ITEMS + 1)
    for number in range(len(store.reads)):
        store.end(number)
    await asyncio.gather(*tasks)
    assert [len(items) for items in store.reads] == [MAX_ITEMS, 1]


@pytest.mark.usefixtures("patient")
async def test_a_request_that_is_alone_reads_at_once_and_only_for_itself() -> None:
    """Requests that arrive during a read get the next one, and are grouped until one is alone again."""
    store, groups = Store(), GroupReads(10, begins_at_once=True)
    limits: list[int | None] = []

    async def load(items: Collection[str]) -> Mapping[str, int]:
        limits.append(milliseconds_left())
        return await store.load(items)

    first = asyncio.create_task(groups.read("k", "a", load))
    await asyncio.sleep(0)
    assert store.reads == [["a"]]
    assert limits != [None]
    store.values["a"] = 1
    later = [asyncio.create_task(groups.read("k", item, store.load)) for item in ("a", "b")]
    store.end(0)
    await until(lambda: len(store.reads) == 2)
    grouped = [asyncio.create_task(groups.read("other", item, store.load)) for item in ("c", "d")]
    await until(lambda: len(store.reads) == 3)
    for number in (1, 2):
        store.end(number)
    assert await first == 0
    assert await asyncio.gather(*later, *grouped) == [1, 0, 0, 0]
    assert store.reads == [["a"], ["a", "b"], ["c", "d"]]


async def test_the_next_request_reads_after_one_that_is_alone_has_failed_or_gone() -> None:
    store, groups = Store(), GroupReads(10, begins_at_once=True)

    async def fail(_items: Collection[str]) -> Mapping[str, int]:
        raise OSError("down")

    with pytest.raises(OSError, match="down"):
        await groups.read("k", "a", fail)
    gone = asyncio.create_task(groups.read("k", "a", store.load))
    await until(lambda: store.reads)
    gone.cancel()
    await until(lambda: store.cancelled)
    late = asyncio.create_task(groups.read("k", "b", store.load))
    await until(lambda: len(store.reads) == 2)
    store.end(1)
    assert await late == 0
