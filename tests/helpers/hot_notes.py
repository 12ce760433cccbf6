"""A later version of the view of notes, with fields that the rows of the first one lack."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from domain.kernel import RecordedEvent
from projections.kernel.view import View
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.notes import NoteRow, view


class HotRow(NoteRow):
    """The rows of the next version."""

    hot: bool
    owner: str | None


def apply_hot(id: str, row: Any, event: RecordedEvent) -> Any:
    after = view.apply(id, row, event)
    return None if after is None else {**after, "hot": after["score"] > 0, "owner": "note-0"}


def next_version(**options: Any) -> View[Any]:
    """The view with two new fields, as filters and orders too."""
    return replace(
        view,
        row=HotRow,
        apply=apply_hot,
        filters=(*view.filters, "hot", "owner"),
        orders=(*view.orders, "hot"),
        search=("text", "owner"),
        **options,
    )


hot = next_version()


hot_by_default = next_version(defaults={"hot": False})


@asynccontextmanager
async def reading(version: View[Any], places: tuple[str, str, str]) -> AsyncIterator[Rig]:
    """A process that reads the rows of the version before, without a worker."""
    async with open_rig(*places, poll_interval=0.05, view=version) as rig:
        yield rig
