"""The judge of the fault tests finds each wrong: a suite that cannot fail would show nothing."""

from __future__ import annotations

import pytest

from domain.kernel import Commit, CommitInfo, RecordedEvent
from tests.faults.journal import Entry, Sent
from tests.faults.judge import Verdict, judge
from tests.faults.reader import digest
from tests.helpers.notes import START, Written

SENT = (
    Sent("a", "note-1", 0, 2),
    Sent("b", "note-2", 0, 1),
    Sent("c", "note-1", 2, 1, follows="a"),
    Sent("d", "note-1", 0, 1),
)


def landed(position: int, sent: Sent, *, expected: int | None = None, size: int | None = None) -> Commit:
    """The commit of a command, or one that is wrong in its versions or its size."""
    info = CommitInfo(
        position, "default", sent.stream, "note", sent.command, "Touch", "test", None, None, None, START, None
    )
    first = 1 + (sent.expected if expected is None else expected)
    events = (
        RecordedEvent(
            info, place, f"{position}.{place}", "note.written", 1, first + place, written.to_data(), written
        )
        for place, written in enumerate(
            Written(text=f"{sent.command} {place} {sent.size}") for place in range(size or sent.size)
        )
    )
    return Commit(position, info, tuple(events))


LOG = (landed(1, SENT[0]), Commit(2, None, ()), landed(3, SENT[1]), landed(4, SENT[2]))

TOLD = (
    *(Entry("sent", float(at), list(sent)) for at, sent in enumerate(SENT)),
    Entry("stored", 4.0, ["a", "note-1", 2, 1]),
    Entry("unanswered", 4.5, ["b"]),
    Entry("stored", 5.0, ["b", "note-2", 1, 3]),
    Entry("stored", 8.0, ["c", "note-1", 3, 4]),
    Entry("stored", 8.5, ["c", "note-1", 3, 4]),
    Entry("refused", 9.0, ["d"]),
)


def seen(*commits: Commit) -> list[Entry]:
    return [Entry("saw", float(commit.position), [commit.position, digest(commit)]) for commit in commits]


def judged(log=LOG, told=TOLD, reader=None, head: int = 4) -> Verdict:
    return judge(log, head, [told], [seen(*(LOG if reader is None else reader))])


def test_a_log_as_it_must_be_has_no_wrongs():
    verdict = judged()
    assert (verdict.wrongs, verdict.told) == ({}, [])
    assert (verdict.commands, verdict.acknowledged, verdict.refused, verdict.outage) == (4, 3, 1, 3.0)


def test_a_reader_may_begin_in_the_middle():
    assert judged(reader=LOG[2:]).wrongs == {}


EMPTY = Commit(3, None, ())

WRONG = {
    "an acknowledged command is not there": ("lost", {"log": (*LOG[:2], EMPTY, LOG[3])}),
    "a command landed twice": ("doubled", {"log": (*LOG, landed(5, SENT[1], expected=1)), "head": 5}),
    "a version is there twice": ("doubled", {"log": (*LOG, landed(5, SENT[3])), "head": 5}),
    "a part of a commit is missing": ("torn", {"log": (landed(1, SENT[0], size=1), *LOG[1:])}),
    "a commit landed behind another version": ("torn", {"log": (*LOG[:2], landed(3, SENT[1], expected=1))}),
    "nobody sent what is there": ("torn", {"told": TOLD[1:]}),
    "versions are out of order": ("reordered", {"log": (landed(1, SENT[2]), *LOG[1:3], landed(4, SENT[0]))}),
    "what a commit builds on did not land": ("reordered", {"log": (EMPTY, *LOG[1:])}),
    "a position is missing in the log": ("holes", {"log": (LOG[0], *LOG[2:])}),
    "the log cannot be read to its head": ("holes", {"head": 5}),
    "a reader passed a position": ("holes", {"reader": (LOG[0], LOG[2])}),
    "a reader went back": ("reordered", {"reader": (LOG[1], LOG[0])}),
    "a reader saw something twice": ("reordered", {"reader": (LOG[1], LOG[1])}),
    "a reader saw what is not there": ("changed", {"reader": (*LOG, Commit(5, None, ()))}),
    "a reader saw a tombstone where a commit is": ("changed", {"reader": (*LOG[:2], EMPTY)}),
    "a receipt names another position": (
        "changed",
        {"told": (*TOLD, Entry("stored", 9.5, ["b", "note-2", 1, 4]))},
    ),
    "a refused command landed": ("changed", {"told": (*TOLD, Entry("refused", 9.5, ["b"]))}),
}


@pytest.mark.parametrize(("wrong", "changes"), WRONG.values(), ids=WRONG)
def test_the_judge_finds(wrong, changes):
    verdict = judged(**changes)
    assert wrong in verdict.wrongs
    assert any(one.startswith(wrong) for one in verdict.told)
