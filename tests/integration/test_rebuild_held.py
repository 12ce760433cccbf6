"""B1: a rebuild never switches by itself to a generation that loses what the active one has."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest

from domain.kernel import RecordedEvent
from domain.kernel.errors import InvariantViolated, NotFound
from eventstore.fingerprint import same_fold
from projections.kernel.view import View
from projections.rebuilding.rebuild import Rebuild
from projections.rebuilding.status import GenerationStatus
from projections.storage.view_fingerprint import view_fingerprint
from subscriptions.consumers.state import GenerationState
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.notes import Erased, NoteRow, Scored, Written, folded, view
from tests.helpers.rebuilds import (
    apply_with_a_bug,
    broken,
    defer_switch,
    held,
    in_use,
    louder,
    some_notes,
    status,
    until,
)

NOTES = 6


def apply_with_another_bug(id: str, row: NoteRow | None, event: RecordedEvent) -> NoteRow | None:
    """The same, after other code has changed."""
    return apply_with_a_bug(id, row, event)


def apply_without_rows(id: str, row: NoteRow | None, event: RecordedEvent) -> NoteRow | None:
    """A fold that forgets to return the row of some notes."""
    after = view.apply(id, row, event)
    return None if id in ("note-0", "note-1") else after


def apply_with_erased(id: str, row: NoteRow | None, event: RecordedEvent) -> NoteRow | None:
    """A fold that keeps the rows of erased notes."""
    return row if isinstance(event.payload, Erased) else view.apply(id, row, event)


still_broken = replace(view, apply=apply_with_another_bug)
fewer = replace(view, apply=apply_without_rows)
more = replace(view, apply=apply_with_erased)


class Deployed:
    """One database on which versions of the code run, one after the other."""

    def __init__(self, mongo_url: str, redis_url: str, database: str) -> None:
        self._places = (mongo_url, redis_url, database)

    def runs(self, version: View[Any]) -> Any:
        """A worker with this version of the view."""
        return open_rig(*self._places, poll_interval=0.05, work=True, view=version)


@pytest.fixture
async def deployed(mongo_url: str, redis_url: str, database: str) -> Deployed:
    """With some notes in the log, folded by the sound view."""
    found = Deployed(mongo_url, redis_url, database)
    async with found.runs(view) as rig:
        await some_notes(rig, NOTES)
        await rig.projected()
    return found


async def active(rig: Rig) -> int:
    found = (await status(rig)).of_state(GenerationState.ACTIVE)
    assert found is not None
    return found.number


async def test_b1_a_generation_that_parks_folded_events_is_held_until_it_is_approved(
    deployed: Deployed, caplog: pytest.LogCaptureFixture
) -> None:
    async with deployed.runs(broken) as rig:
        found = await held(rig, 2)
        reason = f"it parks {NOTES} events that generation 1 has folded, such as note.scored (KeyError: "
        assert found.waiting_for is not None
        assert found.waiting_for.startswith(f"a decision, since {reason}")
        assert "note-" not in found.waiting_for, "no stream or row of a tenant is named"
        held_warning = "view notes: generation 2 is held, and 1 is still read: it parks"

        async def is_logged() -> bool:
            return any(held_warning in record.getMessage() for record in caplog.records)

        # MongoDB shows the state before the worker has logged it.
        await until(is_logged)
        warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
        assert sum(held_warning in warning for warning in warnings) == 1
        # Readers keep the rows as they were made, also while the active code runs too and goes on.
        assert await rig.documents() == folded(await rig.commits())
        async with deployed.runs(view) as before:
            await before.append("note-new", Written(text="later"))
            await before.projected()
            assert await active(before) == 1
            assert await before.documents() == folded(await before.commits())
        assert await rig.rebuilds.switch("notes") == 2
        await in_use(rig, 2)
        with pytest.raises(NotFound, match="the view 'notes' has no rebuild that is held"):
            await rig.rebuilds.switch("notes")


async def test_b1_a_generation_that_lacks_rows_is_held_also_after_a_restart(deployed: Deployed) -> None:
    async with deployed.runs(fewer) as rig:
        found = await held(rig, 2)
        assert found.waiting_for == "a decision, since it lacks 2 rows that generation 1 has"
        assert found.comparison is not None
        assert (found.comparison.missing, found.comparison.same) == (2, NOTES - 2)
    async with deployed.runs(fewer) as rig:
        await rig.append("note-new", Written(text="later"))
        assert (await held(rig, 2)).number == 2
        assert await active(rig) == 1


async def test_b1_a_correction_replaces_the_held_generation(deployed: Deployed) -> None:
    async with deployed.runs(broken) as rig:
        await held(rig, 2)
    async with deployed.runs(louder) as rig:
        await in_use(rig, 3)
        assert {row["text"].isupper() for row in (await rig.documents()).values()} == {True}
        assert (await status(rig)).of_state(GenerationState.HELD) is None


async def test_b1_a_return_to_the_former_code_needs_no_decision(deployed: Deployed) -> None:
    """Its rows were read before: what the newer code has beyond them is not lost."""
    async with deployed.runs(more) as rig:
        await in_use(rig, 2)
        await rig.append("note-new", Written(text="later"), Erased())
        await rig.projected()
        assert "note-new" in {row["id"] for row in (await rig.documents()).values() if not row["_gone"]}
    async with deployed.runs(view) as rig:
        found = await in_use(rig, 1)
        assert found.comparison is not None
        assert found.comparison.missing == 1
        assert await rig.documents() == folded(await rig.commits())


async def test_b1_events_parked_in_the_active_generation_too_are_no_objection(deployed: Deployed) -> None:
    async with deployed.runs(broken) as rig:
        await held(rig, 2)
        await rig.rebuilds.switch("notes")
        await in_use(rig, 2)
        await rig.append("note-new", Written(text="later"), Scored(by=1))
        await rig.projected()
    async with deployed.runs(still_broken) as rig:
        await in_use(rig, 3)


async def test_missing_rows_are_no_objection_to_a_rebuild_by_the_same_code(deployed: Deployed) -> None:
    """Such as rows that a person has inserted by hand."""
    async with deployed.runs(view) as rig:
        (row,) = await rig.rows().find({"id": "note-0"}).to_list(None)
        await rig.rows().insert_one({**row, "_id": "default/by-hand", "id": "by-hand"})
        await rig.rebuilds.begin("notes")
        found = await in_use(rig, 2)
        assert found.comparison is not None
        assert found.comparison.missing == 1


async def test_a_held_generation_can_be_cancelled_and_excludes_another_rebuild(
    deployed: Deployed,
) -> None:
    async with deployed.runs(broken) as rig:
        await held(rig, 2)
        with pytest.raises(InvariantViolated, match="generation 2 of notes is held; switch to it, or cancel"):
            await rig.rebuilds.begin("notes")
        assert await rig.rebuilds.cancel("notes") == 2
        assert await rig.rebuilds.resume("notes") == 2
        await held(rig, 2)


class CountedRow(NoteRow):
    """The rows of a version that counts something more."""

    changes: int


def apply_counting(id: str, row: Any, event: RecordedEvent) -> Any:
    """A fold that expects of each row what only its own version puts there."""
    after = view.apply(id, row, event)
    return None if after is None else {**after, "changes": row["changes"] + 1 if row else 1}


counting = replace(view, apply=apply_counting, row=CountedRow)


async def test_rows_are_only_folded_by_the_code_of_their_generation(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other code makes of them what neither would, and parks what only its own rows can take."""
    monkeypatch.setattr(Rebuild, "_switch", defer_switch)
    async with deployed.runs(counting) as rig:
        before = await rig.documents(1)
        await rig.append("note-new", Written(text="later"), Scored(by=1))
        built = await until(lambda: _built_up_to(rig, await_events=NOTES * 3 + 2))
        assert built.comparison is None or not built.comparison.missing
        assert await rig.documents(1) == before
        assert await rig.database["dead_letters"].count_documents({}) == 0
        await until(lambda: _stands_still(rig))
        async with deployed.runs(view) as old:
            await old.projected()
            assert await old.documents(1) == folded(await old.commits())
        monkeypatch.undo()
        await in_use(rig, 2)
        await rig.projected()
        assert (await rig.documents())["default/note-new"]["changes"] == 2


async def _built_up_to(rig: Rig, await_events: int) -> GenerationStatus | None:
    (found,) = await rig.rebuilds.status()
    built = found.of_state(GenerationState.BUILDING)
    return built if built is not None and built.events == await_events else None


async def _stands_still(rig: Rig) -> bool:
    """Return whether the active generation waits for workers with its code."""
    (found,) = await rig.rebuilds.status()
    active = found.of_state(GenerationState.ACTIVE)
    assert active is not None
    reason = "those that are running have other code, so its rows stand still"
    return reason in (active.waiting_for or "")


def test_nerves_own_code_does_not_stop_a_generation() -> None:
    """An upgrade of nerve alone rebuilds the rows too, but folds what is read as before."""
    mine = view_fingerprint(view)
    user, _, _ = mine.partition(".")
    assert same_fold(mine, f"{user}.another-kernel")
    assert not same_fold(mine, view_fingerprint(counting))
    assert same_fold(mine, "of-an-earlier-nerve")


async def test_new_code_is_built_beside_workers_of_the_version_before_and_they_do_not_take_turns(
    deployed: Deployed,
) -> None:
    async with deployed.runs(view) as old, deployed.runs(louder) as new:
        await in_use(new, 2)
        await new.append("note-new", Written(text="later"))
        await old.projected()
        assert (await new.documents())["default/note-new"]["text"] == "LATER"
        # The older one is here still, and its rows are not even kept any more.
        assert await new.rebuilds.forget("notes") == [1]
        async with deployed.runs(more) as third:
            await in_use(third, 3)
            await third.append("note-last", Written(text="last"))
            await old.projected()
            assert [one.number for one in (await status(third)).generations] == [2, 3]
