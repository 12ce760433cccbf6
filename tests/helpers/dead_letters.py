"""What tests of dead letters do again and again: decide about them, and say what the rows are to be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain.builtin.deadletters.events import DeadLetterDropped, DeadLetterRetried
from domain.kernel import Commit
from projections.projecting.projector import Projector
from projections.storage.rows import collection, fields
from subscriptions.consumers.checkpoints import Checkpoint
from subscriptions.consumers.state import WHOLE, Partition
from tests.helpers import notes
from tests.helpers.note_rig import Rig
from tests.helpers.poison_notes import Dose, poisoned


async def begun(rig: Rig, dose: Dose, generation: int = 1, partition: Partition = WHOLE) -> Projector:
    projector = Projector(poisoned(dose), rig.database, rig.log)
    await projector.begin(Checkpoint(generation, 0, partition))
    return projector


async def letters(rig: Rig) -> list[dict[str, Any]]:
    return await rig.database["dead_letters"].find().sort([("_id", 1)]).to_list(None)


async def decide(rig: Rig, letter: dict[str, Any], *, drop: bool) -> None:
    """Put on record that the letter is retried or dropped."""
    named = {name: letter[name] for name in ("view", "row", "stream", "version")}
    event = DeadLetterDropped(**named) if drop else DeadLetterRetried(**named)
    await rig.append(f"deadletter-{letter['stream']}", event)


def rows_told(commits: Sequence[Commit], dropped: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """The rows that the sound view makes of the log, one event after the other, without what was dropped."""
    without = {(letter["row"], letter["stream"], letter["version"]) for letter in dropped}
    rows: dict[str, Any] = {}
    for event in (event for commit in commits for event in commit.events):
        if event.commit.category != "note" or (None, event.stream, event.version) in without:
            continue
        for row in dict.fromkeys(notes.view.key(event)):
            if (row, event.stream, event.version) not in without:
                rows[row] = notes.view.apply(row, rows.get(row), event)
    return {row: told for row, told in rows.items() if told is not None}


async def rows_held(rig: Rig, generation: int = 1) -> dict[str, Any]:
    stored = await collection(rig.database, notes.view, generation).find().to_list(None)
    assert [row["_id"] for row in stored if "_parked" in row] == []
    return {row["id"]: fields(row) for row in stored if not row["_gone"]}
