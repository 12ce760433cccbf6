"""Commits that a process has just appended are taken from memory, and are what a reader reads (I4)."""

from __future__ import annotations

from dataclasses import replace

from domain.builtin.subjects.events import SubjectErased
from domain.kernel import Catalog
from eventstore.appending.recent_commits import MAX_WAIT, RecentCommits
from eventstore.commit_documents import encode_commit, with_position
from eventstore.personal.sealing import MasterKeys
from tests.helpers.commits import commit
from tests.helpers.people import PersonRegistered

MASTERS = MasterKeys(b"m" * 32)


async def test_i4_recent_commits_are_what_a_reader_reads_and_are_taken_once(store):
    """The record of a command that changed nothing is a tombstone to both."""
    store.log.recent.begin()
    await store.log.append(commit("note-a", 0, actor="user-1", source="test"))
    await store.log.append(commit("note-a", 1, causation="evt-1", authentication="process"))
    await store.log.append(replace(commit("note-a", 2), events=(), run="run-1"))
    assert store.log.recent.take(0, 2) == (await store.everything())[:2]
    assert store.log.recent.take(0, 2) == []
    assert store.log.recent.take(2, 2) == (await store.everything())[2:]


async def test_i4_recent_commits_end_before_a_commit_of_another_process(store):
    store.log.recent.begin()
    await store.log.append(commit("note-a", 0))
    hole = await store.leave_hole()
    await store.log.append(commit("note-b", 0))
    await store.documents.insert_many([with_position(encode_commit(commit("note-c", 0)), hole)])
    assert [recent.position for recent in store.log.recent.take(0, 10)] == [1]
    assert store.log.recent.take(1, 10) == []
    assert [recent.position for recent in store.log.recent.take(2, 10)] == [3]


async def test_i4_commits_that_a_reader_has_to_open_are_not_taken_from_memory(open_another):
    """Personal data is opened, and the erasure of a subject completed, by a reader only."""
    store = await open_another(masters=MASTERS)
    store.log.recent.begin()
    await store.log.append(
        commit("person-1", 0, PersonRegistered(city="Graz", name="Ada"), category="person")
    )
    erased = commit("subject-person-1", 0, SubjectErased(subject="person-1"), category="subject")
    await store.log.append(erased)
    assert store.log.recent.take(0, 10) == store.log.recent.take(1, 10) == []


async def test_i4_commits_of_undeclared_events_are_not_taken_from_memory(open_another):
    """A reader finds them unreadable."""
    store = await open_another(catalog=Catalog([]))
    store.log.recent.begin()
    await store.log.append(commit("note-a", 0))
    assert store.log.recent.take(0, 10) == []


async def test_recent_commits_are_kept_only_while_a_tail_follows(store):
    await store.log.append(commit("note-a", 0))
    assert store.log.recent.take(0, 10) == []
    store.log.recent.begin()
    await store.log.append(commit("note-a", 1))
    assert [recent.position for recent in store.log.recent.take(1, 10)] == [2]
    store.log.recent.end()
    await store.log.append(commit("note-a", 2))
    assert store.log.recent.take(2, 10) == []


async def test_a_commit_is_expected_while_it_is_inserted_but_not_for_long():
    """A tail waits for it instead of reading the log, but a stalled insert does not stop the tail."""
    now = 100.0
    recent = RecentCommits(Catalog([]), lambda: now)
    with recent.inserting(range(4, 6)):
        assert [position for position in range(8) if recent.is_expected(position)] == [4, 5]
        now += MAX_WAIT
        assert not recent.is_expected(4)
        with recent.inserting(range(6, 8)):
            assert [position for position in range(8) if recent.is_expected(position)] == [6, 7]
    now = 100.0
    assert not recent.is_expected(4)
