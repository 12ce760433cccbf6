"""Reading the trace of a correlation from the log: round trips to MongoDB, archived commits, pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventstore.archiving.blobs import BlobStore
from eventstore.history.trace import TraceNode, read_trace
from tests.contract.conftest import OpenStore
from tests.helpers.archives import archive_all, folder
from tests.helpers.commits import Store, commit
from tests.helpers.mongo_profiler import commands
from tests.helpers.notes import Scored, Written

STREAMS, COMMITS = 5, 60


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return folder(tmp_path)


@pytest.fixture
async def store(open_another: OpenStore, blobs: BlobStore) -> Store:
    """A log with one correlation of 60 commits over five streams, between commits of others."""
    opened = await open_another(archive=blobs)
    for number in range(COMMITS):
        stream, expected = f"note-{number % STREAMS}", 2 * (number // STREAMS)
        events = Scored(by=number), Written(text=f"word {number}")
        await opened.log.append(commit(stream, expected, *events, correlation="c-1"))
        await opened.log.append(commit(f"note-other-{number}", correlation=f"c-2-{number}"))
    return opened


async def trace(store: Store, after: int = 0, limit: int = 1_000) -> list[TraceNode]:
    """The nodes of a page of the trace."""
    return list((await read_trace(store.log, (), "default", "c-1", after, limit)).nodes)


async def test_the_trace_of_60_commits_over_five_streams_takes_two_round_trips(
    store: Store,
) -> None:
    """One moves the high-water mark, one finds the commits by their correlation."""
    await store.log.high_water_mark()
    async with commands(store) as counts:
        nodes = await trace(store)
    assert len(nodes) == 3 * COMMITS
    assert {node.commit.stream for node in nodes} == {f"note-{number}" for number in range(STREAMS)}
    assert counts == {"find log": 2}


async def test_archived_commits_are_part_of_the_trace(store: Store, blobs: BlobStore) -> None:
    """The nodes are those of before."""
    before = await trace(store)
    assert await archive_all(store, blobs, commits=50)
    assert await trace(store) == before


async def test_the_pages_of_a_trace_are_whole_commits(store: Store) -> None:
    """Each page goes on where the one before ended, and the last one says that none follows."""
    nodes, after = list[TraceNode](), 0
    while True:
        page = await read_trace(store.log, (), "default", "c-1", after, 7)
        nodes += page.nodes
        after = page.position
        if not page.truncated:
            break
        assert len(page.nodes) == 9
    assert nodes == await trace(store)


async def test_a_commit_of_more_events_than_a_page_is_a_page(store: Store) -> None:
    """A page has at least one commit."""
    page = await read_trace(store.log, (), "default", "c-1", 0, 1)
    assert (len(page.nodes), page.truncated) == (3, True)
