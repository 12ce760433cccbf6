"""Views are folded from the log, whatever happens to whom folds them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from projections.projector import drop_view
from tests.notes import Erased, Linked, Rig, Scored, Written, open_rig


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Rig]:
    async with open_rig(mongo_url, redis_url, database, work=True) as rig:
        yield rig


async def test_first(rig: Rig) -> None:
    await rig.append("note-a", Written(text="a"), Scored(by=2))
    await rig.append("note-b", Written(text="b"))
    await rig.append("note-a", Linked(to="note-b"))
    await rig.projected()
    a = await rig.reader.get("default", "note-a")
    b = await rig.reader.get("default", "note-b")
    assert a is not None and b is not None
    assert (a["text"], a["score"], a["links"], a["folded"]) == ("a", 2, 1, [1, 1, 3])
    assert (b["links"], b["folded"]) == (1, [2, 3])
    await rig.append("note-a", Erased())
    await rig.projected()
    assert await rig.reader.get("default", "note-a") is None
    page = await rig.reader.page("default", first=10)
    assert [row["id"] for row in page.rows] == ["note-b"]
    assert await rig.reader.count("default") == 1
