"""A context with rules of every kind: memos belong to their authors, auditors read them, some are public."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypedDict

from domain.kernel import (
    Aggregate,
    ChangeCommand,
    Context,
    CreateCommand,
    Event,
    Facts,
    PutCommand,
    RecordedEvent,
)
from domain.kernel.access import anyone, claim, owner, role, signed_in, where
from domain.kernel.fields import Identifier, Name
from projections.kernel import ToOne, View


class MemoWritten(Event, type="memo.written"):
    """A memo was written."""

    access = owner("author") | role("auditor") | where("public", True)

    author: str
    text: str
    team: str | None = None
    public: bool = False
    score: int = 0
    book_id: Identifier | None = None


class MemoEdited(Event, type="memo.edited"):
    """A memo got another text."""

    access = owner("author") | role("auditor")

    author: str
    text: str


class MemoSealed(Event, type="memo.sealed"):
    """A memo was sealed. Only administrators read it."""


class WriteMemo(CreateCommand):
    """Writes a memo."""

    access = signed_in & claim("team", "team") | role("auditor")

    text: Name
    team: Name | None = None
    public: bool = False
    score: int = 0
    book_id: Identifier | None = None


class EditMemo(ChangeCommand):
    """Gives a memo another text."""

    access = owner("author")

    text: Name


class SealMemo(ChangeCommand):
    """Seals a memo, which nobody but administrators may do."""


class PinMemo(PutCommand):
    """Writes a memo under a name, or another text into it."""

    access = owner("author")

    name: Name
    author: Name
    text: Name

    @property
    def target(self) -> str:
        return f"memo-{self.name}"


MemoCommand = WriteMemo | EditMemo | SealMemo | PinMemo
MemoEvent = MemoWritten | MemoEdited | MemoSealed


@dataclass(frozen=True, slots=True)
class Memo(Aggregate[MemoCommand, MemoEvent]):
    """A memo as it stands."""

    category = "memo"

    author: str = ""
    text: str = ""

    def decide(self, command: MemoCommand, facts: Facts) -> Sequence[MemoEvent]:
        match command:
            case WriteMemo():
                fields = command.model_dump(exclude={"id"})
                return [MemoWritten(author=facts.actor or "nobody", **fields)]
            case PinMemo() if facts.version == 0:
                return [MemoWritten(author=command.author, text=command.text)]
            case EditMemo() | PinMemo():
                return (
                    [] if command.text == self.text else [MemoEdited(author=self.author, text=command.text)]
                )
            case SealMemo():
                return [MemoSealed()]

    def evolve(self, event: MemoEvent) -> Memo:
        match event:
            case MemoWritten() | MemoEdited():
                return replace(self, author=event.author, text=event.text)
            case MemoSealed():
                return self


class MemoRow(TypedDict):
    """A memo."""

    id: str
    author: str
    text: str
    public: bool
    score: int
    book_id: str | None


def _apply(id: str, row: MemoRow | None, event: RecordedEvent) -> MemoRow | None:
    match event.payload:
        case MemoWritten() as memo:
            return MemoRow(
                id=id,
                author=memo.author,
                text=memo.text,
                public=memo.public,
                score=memo.score,
                book_id=memo.book_id,
            )
        case MemoEdited(text=text) if row is not None:
            return {**row, "text": text}
    return row


context = Context("memos", Memo)
view = View(
    context=context,
    row=MemoRow,
    apply=_apply,
    filters=("author", "score", "book_id"),
    orders=("text", "score"),
    indexes=(("author", "-score"),),
    search=("text",),
    links=(ToOne("book", "books", by="book_id"),),
    description="A memo.",
    access=owner("author") | role("auditor") | where("public", True),
    field_access={"score": role("auditor"), "public": anyone},
)
