"""A view of notes with changed code, and waits for the generations of its rebuilds."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from domain.kernel import RecordedEvent
from projections.rebuilding.status import GenerationStatus, ViewStatus
from subscriptions.consumers.state import GenerationState
from tests.helpers.note_rig import Rig
from tests.helpers.notes import Linked, NoteRow, Scored, Written, view

PATIENCE = 120.0


def apply_louder(id: str, row: NoteRow | None, event: RecordedEvent) -> NoteRow | None:
    """The view's fold after a change of its code."""
    folded = view.apply(id, row, event)
    return None if folded is None else {**folded, "text": folded["text"].upper()}


louder = replace(view, apply=apply_louder)


async def until(condition: Callable[[], Awaitable[Any]]) -> Any:
    """Wait until the condition returns something true, and return that."""
    async with asyncio.timeout(PATIENCE):
        while not (found := await condition()):
            await asyncio.sleep(0.01)
    return found


async def status(rig: Rig) -> ViewStatus:
    (found,) = await rig.rebuilds.status()
    return found


async def in_use(rig: Rig, number: int) -> GenerationStatus:
    """Wait until this generation is the one that is read."""

    async def active() -> GenerationStatus | None:
        found = (await status(rig)).of_state(GenerationState.ACTIVE)
        return found if found is not None and found.number == number else None

    found: GenerationStatus = await until(active)
    return found


async def some_notes(rig: Rig, count: int) -> None:
    dice = random.Random(count)
    names = [f"note-{i}" for i in range(count)]
    for name in names:
        await rig.append(name, Written(text=dice.choice("xyz")), Scored(by=dice.randint(-3, 3)))
    for name in names:
        await rig.append(name, Linked(to=dice.choice(names)))


async def defer_switch(*_: object) -> bool:
    await asyncio.sleep(0.02)
    return False


def apply_with_a_bug(id: str, row: NoteRow | None, event: RecordedEvent) -> NoteRow | None:
    """A fold that fails where a note is scored."""
    if isinstance(event.payload, Scored):
        raise KeyError("by")
    return view.apply(id, row, event)


broken = replace(view, apply=apply_with_a_bug)


async def held(rig: Rig, number: int) -> GenerationStatus:
    """Wait until this generation is held."""

    async def look() -> GenerationStatus | None:
        found = (await status(rig)).of_state(GenerationState.HELD)
        return found if found is not None and found.number == number else None

    found: GenerationStatus = await until(look)
    return found
