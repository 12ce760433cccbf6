"""Requests that share reads of rows get what was written before them, whoever wrote it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from uuid import uuid4

import pytest

from eventstore.mongo.direct_reads import DirectReads
from projections.querying.pages import ListQuery
from projections.querying.queries import ViewReader
from projections.querying.related import RelatedRows
from projections.querying.row_scope import RowScope
from projections.querying.shared_reads import SharedReads
from projections.storage.indexes import update_query_indexes
from tests.helpers.note_rig import open_rig
from tests.helpers.notes import view
from tests.helpers.row_scopes import ALL_ROWS

WRITERS = 8
WRITES = 60


@pytest.mark.parametrize("is_direct", [False, True])
async def test_no_shared_read_is_stale(mongo_url: str, redis_url: str, is_direct: bool) -> None:
    """Each writer reads its own row, alone and in a page, after each of its writes."""
    name = f"test_{uuid4().hex}"
    async with (
        open_rig(mongo_url, redis_url, name) as rig,
        aclosing(DirectReads(rig.database)) as direct_reads,
    ):
        reads = direct_reads if is_direct else None
        reader, related = ViewReader(rig.locator, None, reads), RelatedRows(rig.locator, None, reads)
        shared = SharedReads(reader, related, 30)
        rows = rig.rows()
        await update_query_indexes(rows, view)
        page = ListQuery(WRITERS, order=[("text", "asc")])

        async def write_and_read(note: str) -> None:
            for score in range(WRITES):
                stored = {"id": note, "text": note, "score": score, "_tenant": "default", "_gone": False}
                await rows.update_one({"_id": f"default/{note}"}, {"$set": stored}, upsert=True)
                row = await shared.get(ALL_ROWS, note)
                assert row is not None
                assert row["score"] == score
                listed = await shared.page(ALL_ROWS, page)
                assert [row["score"] for row in listed.rows if row["id"] == note] == [score]

        await asyncio.gather(*(write_and_read(f"note-{number}") for number in range(WRITERS)))
        assert await shared.get(RowScope("other"), "note-0") is None
        assert (await shared.page(RowScope("other"), page)).rows == []
