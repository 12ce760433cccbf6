"""Papers: read by their owners, readers and teams, and by every signed-in caller while they are public."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypedDict

from domain.kernel import Aggregate, ChangeCommand, Context, CreateCommand, Event, Facts, RecordedEvent
from domain.kernel.access import claim, owner, signed_in, where
from domain.kernel.fields import Identifier, Name
from projections.kernel import ToOne, View

EVERYBODY = "everybody"
"""The owner of papers that are public."""


class PaperWritten(Event, type="paper.written"):
    """A paper was written."""

    access = signed_in

    owner: str
    title: str
    readers: tuple[str, ...] = ()
    team: str | None = None
    folder_id: str | None = None


class PaperGiven(Event, type="paper.given"):
    """A paper got another owner."""

    access = signed_in

    owner: str


class PaperRenamed(Event, type="paper.renamed"):
    """A paper got another title."""

    access = signed_in

    title: str


class PaperRemoved(Event, type="paper.removed"):
    """A paper was thrown away."""

    access = signed_in


class WritePaper(CreateCommand):
    """Writes a paper."""

    access = signed_in

    owner: Name
    title: Name
    readers: tuple[Name, ...] = ()
    team: Name | None = None
    folder_id: Identifier | None = None


class GivePaper(ChangeCommand):
    """Gives the paper to another owner."""

    access = signed_in

    owner: Name


class RenamePaper(ChangeCommand):
    """Gives the paper another title."""

    access = signed_in

    title: Name


class RemovePaper(ChangeCommand):
    """Throws the paper away."""

    access = signed_in


PaperCommand = WritePaper | GivePaper | RenamePaper | RemovePaper
PaperEvent = PaperWritten | PaperGiven | PaperRenamed | PaperRemoved


@dataclass(frozen=True, slots=True)
class Paper(Aggregate[PaperCommand, PaperEvent]):
    """A paper and its owner."""

    category = "paper"

    owner: str = ""

    def decide(self, command: PaperCommand, facts: Facts) -> Sequence[PaperEvent]:
        match command:
            case WritePaper():
                return [PaperWritten(**command.model_dump(exclude={"id"}))]
            case GivePaper(owner=owner):
                return [PaperGiven(owner=owner)]
            case RenamePaper(title=title):
                return [PaperRenamed(title=title)]
            case RemovePaper():
                return [PaperRemoved()]

    def evolve(self, event: PaperEvent) -> Paper:
        match event:
            case PaperWritten(owner=owner) | PaperGiven(owner=owner):
                return replace(self, owner=owner)
            case PaperRenamed() | PaperRemoved():
                return self


class PaperRow(TypedDict):
    """A paper."""

    id: str
    owner: str
    title: str
    readers: list[str]
    team: str | None
    public: bool
    folder_id: str | None


def _apply(id: str, row: PaperRow | None, event: RecordedEvent) -> PaperRow | None:
    match event.payload:
        case PaperWritten() as paper:
            return PaperRow(
                id=id,
                owner=paper.owner,
                title=paper.title,
                readers=list(paper.readers),
                team=paper.team,
                public=paper.owner == EVERYBODY,
                folder_id=paper.folder_id,
            )
        case PaperGiven(owner=owner) if row is not None:
            return {**row, "owner": owner, "public": owner == EVERYBODY}
        case PaperRenamed(title=title) if row is not None:
            return {**row, "title": title}
        case PaperRemoved():
            return None
    return row


context = Context("papers", Paper)
view = View(
    context=context,
    row=PaperRow,
    apply=_apply,
    filters=("title", "folder_id"),
    orders=("title",),
    search=("title",),
    links=(ToOne("folder", "folders", by="folder_id"),),
    access=owner("owner") | owner("readers") | claim("team", "team") | signed_in & where("public", True),
)
