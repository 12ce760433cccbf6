"""Folders, which their owners may read, and callers with the title as a claim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from domain.kernel import Aggregate, Context, CreateCommand, Event, Facts, RecordedEvent
from domain.kernel.access import claim, owner, signed_in
from domain.kernel.fields import Name
from projections.kernel import ToMany, View


class FolderOpened(Event, type="folder.opened"):
    """A folder was opened."""

    access = signed_in

    owner: str
    title: str


class OpenFolder(CreateCommand):
    """Opens a folder."""

    access = signed_in

    owner: Name
    title: Name


@dataclass(frozen=True, slots=True)
class Folder(Aggregate[OpenFolder, FolderOpened]):
    """A folder, of which nothing is decided."""

    category = "folder"

    def decide(self, command: OpenFolder, facts: Facts) -> Sequence[FolderOpened]:
        return [FolderOpened(owner=command.owner, title=command.title)]

    def evolve(self, event: FolderOpened) -> Folder:
        return self


class FolderRow(TypedDict):
    """A folder."""

    id: str
    owner: str
    title: str


def _apply(id: str, row: FolderRow | None, event: RecordedEvent) -> FolderRow | None:
    payload = event.payload
    return (
        FolderRow(id=id, owner=payload.owner, title=payload.title) if type(payload) is FolderOpened else row
    )


context = Context("folders", Folder)
view = View(
    context=context,
    row=FolderRow,
    apply=_apply,
    links=(ToMany("papers", "papers", by="folder_id"),),
    access=owner("owner") | claim("shelf", "title"),
)
