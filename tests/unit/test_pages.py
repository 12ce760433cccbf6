"""Pages that several cursors share: read once, in step with each other, and never kept for long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise

import pytest

from domain.kernel import Commit
from subscriptions.feed.pages import MAX_PAGES, PAGE, WINDOW, PageCursor, Pages

HEAD = 40 * PAGE
HOLE = 30 * PAGE + 5


class Log:
    """Counts what is read of it; a read may be held up. At one place it has a hole."""

    def __init__(self) -> None:
        self.read_at: list[int] = []
        self.open = asyncio.Event()
        self.open.set()

    async def read(self, after: int, limit: int) -> Sequence[Commit]:
        self.read_at.append(after // PAGE)
        await self.open.wait()
        end = HOLE - 1 if after < HOLE <= after + limit else after + limit
        return [Commit(position, None, ()) for position in range(after + 1, end + 1)]


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
async def pages(log: Log) -> AsyncIterator[Pages]:
    pages = Pages(log.read)
    yield pages
    pages.close()


async def follow(pages: Pages, numbers: range, cursor: PageCursor, seen: list[int]) -> None:
    for number in numbers:
        page = await pages.get(number, cursor, HEAD)
        assert [page[0].position, page[-1].position] == [number * PAGE + 1, (number + 1) * PAGE]
        seen.append(number)
        await asyncio.sleep(0)


async def test_cursors_that_go_together_read_each_page_once(log: Log, pages: Pages) -> None:
    cursors = [PageCursor() for _ in range(5)]
    await asyncio.gather(*(follow(pages, range(20), cursor, []) for cursor in cursors))
    assert log.read_at == list(range(21)), "and one is read ahead"


async def test_the_first_waits_for_the_last_while_that_moves(log: Log) -> None:
    pages = Pages(log.read, patience=60.0)
    fast, slow, seen = PageCursor(), PageCursor(), list[int]()
    await pages.get(0, slow, HEAD)
    running = asyncio.create_task(follow(pages, range(20), fast, seen))
    for number in range(1, 17):
        for _ in range(20):
            await asyncio.sleep(0)
        assert seen[-1] == number + WINDOW - 2
        await pages.get(number, slow, HEAD)
    await running
    assert log.read_at == list(range(21))
    pages.close()


async def test_no_cursor_waits_for_one_that_stands_still(log: Log) -> None:
    pages = Pages(log.read, patience=0.01)
    fast, slow, seen = PageCursor(), PageCursor(), list[int]()
    await pages.get(0, slow, HEAD)
    await follow(pages, range(20), fast, seen)
    assert seen == list(range(20))
    assert (await pages.get(1, slow, HEAD))[0].position == PAGE + 1
    pages.close()


async def test_pages_are_few(pages: Pages) -> None:
    for number in range(20):
        await pages.get(number, PageCursor(), HEAD)
        assert len(pages._pages) <= MAX_PAGES


async def test_what_was_read_before_all_was_forgotten_is_given_to_those_alone_who_waited_then(
    log: Log, pages: Pages
) -> None:
    log.open.clear()
    waiting = asyncio.create_task(pages.get(3, PageCursor(), 4 * PAGE))
    while not log.read_at:
        await asyncio.sleep(0)
    pages.forget()
    log.open.set()
    before = await waiting
    after = await pages.get(3, PageCursor(), 4 * PAGE)
    assert after is not before
    assert log.read_at == [3, 3]


async def test_a_page_with_a_hole_in_it_is_not_kept(log: Log, pages: Pages) -> None:
    for _ in range(2):
        page = await pages.get(30, PageCursor(), HEAD)
        assert [now.position - last.position for last, now in pairwise(page)] == [1] * 3
    assert log.read_at.count(30) == 2


async def test_pages_are_dropped_when_no_cursor_moves(log: Log) -> None:
    pages = Pages(log.read, patience=0.01)
    await pages.get(1, PageCursor(), HEAD)
    async with asyncio.timeout(60):
        while pages._pages:
            await asyncio.sleep(0.005)
