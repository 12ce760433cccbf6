"""Verifying record times, and the records of commands that changed nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from eventstore.commit_documents import encode_commit, tombstone, with_position
from eventstore.integrity.report import Check
from tests.helpers.archives import archive_all, folder
from tests.helpers.commits import Store, commit
from tests.helpers.notes import now
from tests.helpers.verification import verify


async def append_at(store: Store, *ages: float) -> None:
    """Commits past the guard, each so many seconds old."""
    head = await store.log.head()
    for position, age in enumerate(ages, head + 1):
        new = commit(f"note-{position}", 0, at=now() - timedelta(seconds=age))
        await store.documents.insert_many([with_position(encode_commit(new), position)])


async def test_c18_a_time_before_the_one_before_it_is_found(store):
    await store.documents.insert_one(tombstone(1, now() + timedelta(days=9)))
    await append_at(store, 100, 90, 90, 95, 80)
    verification = await verify(store)
    assert verification.places == [(Check.TIMES, "position 5")]
    assert verification.report.checked[Check.TIMES] == 5


async def test_c18_a_time_in_the_future_is_found_and_later_commits_are_no_defect(store):
    await append_at(store, 100, -5 * 365 * 86_400, 90)
    verification = await verify(store)
    assert verification.places == [(Check.TIMES, "position 2")]


async def test_clock_differences_in_an_older_log_are_noted_and_no_defect(store):
    """Up to where it was when it was first opened by a version that keeps times in order."""
    await append_at(store, 100, 101, 99, 5_000, 98)
    await store.database["meta"].update_one({"_id": "ordered_times"}, {"$set": {"after": 5}})
    verification = await verify(store)
    assert verification.places == [(Check.TIMES, "position 4")]
    assert any("the times of 1 commit lie" in note for note in verification.report.notes)
    await append_at(store, 99)
    verification = await verify(store)
    assert verification.places == [(Check.TIMES, "position 4"), (Check.TIMES, "position 6")]


@pytest.mark.parametrize("archived", [False, True])
async def test_the_record_of_a_command_that_changed_nothing_is_sound(open_another, tmp_path, archived):
    store = await open_another(archive=folder(tmp_path))
    await store.log.append(commit("note-a", 0))
    unchanged = replace(commit("note-a", 1, digest=b"x" * 16), events=(), run="run-1")
    receipt = await store.log.append(unchanged)
    if archived:
        await archive_all(store, folder(tmp_path), commits=2)
    verification = await verify(store)
    assert (verification.places, verification.report.is_sound) == ([], True)
    assert (await store.log.append(unchanged)).position == receipt.position
    await store.documents.update_one({"_id": 2}, {"$set": {"unchanged.version": "one"}})
    verification = await verify(store)
    assert verification.places[0] == (Check.COMMITS, "position 2")


async def test_a_restored_log_that_was_written_in_order_has_no_defect(
    store: Store, open_another: Any
) -> None:
    other = await open_another()
    for number in range(6):
        at = now() + timedelta(seconds=(-1) ** number)
        await (store, other)[number % 2].log.append(commit(f"note-{number}", 0, at=at))
    verification = await verify(store)
    assert verification.places == []
