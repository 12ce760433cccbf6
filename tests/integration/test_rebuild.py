"""Views are rebuilt beside the rows that are read, and no reader notices (I9)."""

from __future__ import annotations

import logging

import pytest

from domain.kernel.errors import InvariantViolated, NotFound
from projections.rebuilding.rebuild import Rebuild
from projections.rebuilding.status import GenerationStatus
from subscriptions.consumers.state import GenerationState
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.notes import Written, folded
from tests.helpers.rebuilds import (
    defer_switch,
    in_use,
    louder,
    some_notes,
    status,
    until,
)


async def test_a_view_is_rebuilt_and_then_read(mongo_url: str, redis_url: str, database: str) -> None:
    async with open_rig(mongo_url, redis_url, database, poll_interval=0.05, work=True) as rig:
        await some_notes(rig, 20)
        await rig.projected()
        before = await rig.documents(1)
        assert await rig.rebuilds.begin("notes") == 2
        found = await in_use(rig, 2)
        assert await rig.documents(2) == before == folded(await rig.commits())
        comparison = found.comparison
        assert comparison is not None
        assert (comparison.same, comparison.equal, comparison.moving) == (20, True, 0)
        assert (found.events, found.total, found.phase) == (60, 60, None)
        kept = (await status(rig)).of_state(GenerationState.KEPT)
        assert kept is not None
        assert kept.number == 1
        # It goes on in the new generation, and the old one stands still.
        await rig.append("note-new", Written(text="later"))
        await rig.projected()
        assert await rig.documents() == folded(await rig.commits())
        assert await rig.documents(1) == before
        indexes = await rig.rows(2).index_information()
        assert indexes.keys() == (await rig.rows(1).index_information()).keys()


async def test_b4_a_view_of_an_empty_log_is_rebuilt(mongo_url: str, redis_url: str, database: str) -> None:
    async with open_rig(mongo_url, redis_url, database, poll_interval=0.05, work=True) as rig:

        async def begun() -> bool:
            return bool((await status(rig)).generations)

        await until(begun)
        assert await rig.rebuilds.begin("notes") == 2
        found = await in_use(rig, 2)
        assert (found.events, found.total) == (0, 0)
        assert await rig.write(["first"]) == 1
        await rig.projected()
        assert await rig.documents() == folded(await rig.commits())


async def test_changed_code_begins_a_rebuild_by_itself_and_logs_it(
    mongo_url: str, redis_url: str, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_rig(mongo_url, redis_url, database, poll_interval=0.05, work=True) as rig:
        await some_notes(rig, 12)
        await rig.projected()
    with caplog.at_level(logging.INFO, logger="projections.rebuilding"):
        async with open_rig(
            mongo_url, redis_url, database, poll_interval=0.05, work=True, view=louder
        ) as rig:
            found = await in_use(rig, 2)
            rows = await rig.documents()
            assert {row["text"] for row in rows.values()} <= {"X", "Y", "Z"}
            comparison = found.comparison
            assert comparison is not None
            assert (comparison.different, comparison.fields) == (12, {"text": 12})
            assert {example.fields for example in comparison.examples} == {("text",)}
            await until(lambda: has_logged(caplog, "of its rows 0 are as before, 12 differ"))
        # Whoever has the old code again goes on with the rows that were kept.
        async with open_rig(mongo_url, redis_url, database, poll_interval=0.05, work=True) as rig:
            await rig.append("note-new", Written(text="later"))
            await in_use(rig, 1)
            await rig.projected()
            assert await rig.documents() == folded(await rig.commits())
            await until(lambda: has_logged(caplog, "generation 1 of its rows is brought up to date"))
    said = "\n".join(record.getMessage() for record in caplog.records)
    assert "the code of view notes has changed: generation 2 of its rows is built, and 1 is read" in said
    assert "of its rows 0 are as before, 12 differ" in said
    assert "generation 1 of its rows is brought up to date, and 2 is read until then" in said


async def has_logged(caplog: pytest.LogCaptureFixture, text: str) -> bool:
    """MongoDB shows a state before the worker has logged it."""
    return any(text in record.getMessage() for record in caplog.records)


async def test_a_cancelled_rebuild_is_resumed_from_where_it_was(
    mongo_url: str, redis_url: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Rebuild, "_switch", defer_switch)
    async with open_rig(mongo_url, redis_url, database, poll_interval=0.05, work=True) as rig:
        await some_notes(rig, 5)
        await rig.projected()
        with pytest.raises(NotFound, match="the view 'notes' has no rebuild that is building"):
            await rig.rebuilds.cancel("notes")
        await rig.rebuilds.begin("notes")
        with pytest.raises(InvariantViolated, match="is being built already"):
            await rig.rebuilds.begin("notes")
        built = await until(lambda: _building_at(rig, await_events=15))
        assert built.seconds_left is not None
        assert await rig.rebuilds.cancel("notes") == 2
        await rig.append("note-new", Written(text="meanwhile"))
        await rig.projected()
        stopped = (await status(rig)).of_state(GenerationState.CANCELLED)
        assert stopped is not None
        assert (stopped.number, stopped.events, stopped.total) == (2, 15, 16)
        monkeypatch.undo()
        assert await rig.rebuilds.resume("notes") == 2
        await in_use(rig, 2)
        assert await rig.documents() == folded(await rig.commits())


async def _building_at(rig: Rig, await_events: int) -> GenerationStatus | None:
    found = (await status(rig)).of_state(GenerationState.BUILDING)
    return found if found is not None and found.events == await_events else None


async def test_rows_that_are_not_read_are_kept_until_they_are_forgotten(
    mongo_url: str, redis_url: str, database: str
) -> None:
    async with open_rig(mongo_url, redis_url, database, poll_interval=0.05, work=True) as rig:
        await some_notes(rig, 5)
        await rig.projected()
        assert await rig.rebuilds.forget("notes") == []
        await rig.rebuilds.begin("notes")
        await in_use(rig, 2)
        assert await rig.rows(1).count_documents({}) == 5
        assert await rig.rebuilds.forget("notes") == [1]
        assert await rig.rows(1).count_documents({}) == 0
        assert [one.number for one in (await status(rig)).generations] == [2]
        assert await rig.documents() == folded(await rig.commits())
        with pytest.raises(NotFound, match="there is no view 'ghosts'; there are notes"):
            await rig.rebuilds.forget("ghosts")
