"""A crash at any write leaves rows and dead letters as if it had not been, once its batch is done again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from domain.kernel import Commit
from eventstore.mongo.driver import Collection, Database
from projections.projecting.projector import Projector
from subscriptions.consumers.checkpoints import Checkpoint
from tests.helpers.dead_letters import decide, letters, rows_held, rows_told
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.notes import Linked, Scored, Written
from tests.helpers.poison_notes import NOWHERE, POISON, Dose, poisoned


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Rig]:
    async with open_rig(mongo_url, redis_url, database) as rig:
        yield rig


class Killed(BaseException):
    """The process is no more."""


class Mortal:
    """A database whose process dies when it has `left` no more writes."""

    def __init__(self, real: Database) -> None:
        self._real = real
        self.left = 1_000

    @property
    def name(self) -> str:
        return self._real.name

    def __getitem__(self, name: str) -> Any:
        return _Mortal(self._real[name], self)

    def write(self) -> None:
        if not self.left:
            raise Killed
        self.left -= 1


class _Mortal:
    def __init__(self, real: Collection, database: Mortal) -> None:
        self._real = real
        self._database = database

    def __getattr__(self, name: str) -> Any:
        if name in ("bulk_write", "delete_many", "update_one", "insert_one"):
            self._database.write()
        return getattr(self._real, name)


@pytest.mark.parametrize("last", range(7))
async def test_i8_a_crash_between_a_row_and_its_letter_leaves_both_or_neither_once_the_batch_is_done_again(
    rig: Rig, last: int
) -> None:
    """Before any write of two batches: in the first an event is parked, in the second it is retried."""
    dose = Dose()
    await rig.append("note-a", Written(text="x"), Scored(by=POISON), Scored(by=1), Linked(to=NOWHERE))
    await rig.append("note-b", Scored(by=POISON))
    first = await rig.commits()
    # As one that has begun already: it reads which rows are there.
    sound = Projector(poisoned(dose), rig.database, rig.log)
    await sound.begin(Checkpoint(1, 1))
    mortal: Any = Mortal(rig.database)
    dying = Projector(poisoned(dose), mortal, rig.log)
    await dying.begin(Checkpoint(1, 0))
    mortal.left = last
    killed = await _dies(dying, first)
    await sound.handle(first)
    waiting = await letters(rig)
    assert [(one["row"], one["version"], one["failures"]) for one in waiting] == [
        (None, 4, 1),
        ("note-a", 2, 1),
        ("note-b", 1, 1),
    ]
    dose.mended = True
    for letter in waiting[1:]:
        await decide(rig, letter, drop=letter["row"] == "note-b")
    commits = await rig.commits()
    if not killed:
        killed = await _dies(dying, commits[2:])
    await sound.handle(commits[2:])
    assert (await letters(rig)) == [waiting[0]]
    await decide(rig, waiting[0], drop=False)
    await sound.handle((await rig.commits())[-1:])
    assert await rows_held(rig) == rows_told(commits, [waiting[2]])
    assert killed == (last < 6)


async def _dies(projector: Projector, commits: Sequence[Commit]) -> bool:
    try:
        await projector.handle(commits)
    except Killed:
        return True
    return False
