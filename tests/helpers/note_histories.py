"""Histories of notes: generated ones, and how they are appended."""

from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import strategies as st

from domain.kernel import Commit, Event
from tests.helpers.note_rig import Rig
from tests.helpers.notes import Erased, Linked, Scored, Written

NAMES = ["note-a", "note-b", "note-c"]


events: st.SearchStrategy[Event] = st.one_of(
    st.builds(Written, text=st.sampled_from("xy")),
    st.builds(Scored, by=st.integers(-2, 2)),
    st.builds(Linked, to=st.sampled_from(NAMES)),
    st.builds(Erased),
)


histories = st.lists(
    st.tuples(st.sampled_from(NAMES), st.lists(events, min_size=1, max_size=3)), min_size=1, max_size=14
)


async def append_all(rig: Rig, history: Sequence[tuple[str, Sequence[Event]]]) -> list[Commit]:
    for stream, happened in history:
        await rig.append(stream, *happened)
    return await rig.commits()


def some_history(seed: int, length: int, notes: int) -> list[tuple[str, list[Event]]]:
    dice = random.Random(seed)
    names = [f"note-{i}" for i in range(notes)]

    def event() -> Event:
        return dice.choice(
            [
                Written(text=dice.choice("xyz")),
                Scored(by=dice.randint(-3, 3)),
                Linked(to=dice.choice(names)),
                *([Erased()] if dice.random() < 0.2 else []),
            ]
        )

    return [(dice.choice(names), [event() for _ in range(dice.randint(1, 3))]) for _ in range(length)]
