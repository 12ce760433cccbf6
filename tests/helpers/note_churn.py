"""Changes of notes for subscribers that follow them."""

from __future__ import annotations

import random

from tests.helpers.note_rig import Rig
from tests.helpers.notes import Erased, Linked, Scored, Written

NOTES = [f"note-{i}" for i in range(6)]


async def churn(rig: Rig, commits: int, seed: int) -> None:
    """Write, score, link (two rows at one position) and erase notes in a random order."""
    dice = random.Random(seed)
    for _ in range(commits):
        change = [
            Written(text=dice.choice("xyz")),
            Scored(by=dice.randint(-2, 2)),
            Linked(to=dice.choice(NOTES)),
            Erased() if dice.random() < 0.3 else Written(text="z"),
        ]
        await rig.append(dice.choice(NOTES), *dice.sample(change, dice.randint(1, 2)))
