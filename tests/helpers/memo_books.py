"""Books that memos belong to; only librarians know them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from domain.kernel import Aggregate, Context, CreateCommand, Event, Facts, RecordedEvent
from domain.kernel.access import role
from domain.kernel.fields import Name
from projections.kernel import ToMany, View


class BookOpened(Event, type="book.opened"):
    """A book was opened."""

    access = role("librarian")

    title: str


class OpenBook(CreateCommand):
    """Opens a book."""

    access = role("librarian")

    title: Name


@dataclass(frozen=True, slots=True)
class Book(Aggregate[OpenBook, BookOpened]):
    """A book for memos."""

    category = "book"

    def decide(self, command: OpenBook, facts: Facts) -> Sequence[BookOpened]:
        return [BookOpened(title=command.title)]

    def evolve(self, event: BookOpened) -> Book:
        return self


class BookRow(TypedDict):
    """A book."""

    id: str
    title: str


def _apply(id: str, row: BookRow | None, event: RecordedEvent) -> BookRow | None:
    payload = event.payload
    return BookRow(id=id, title=payload.title) if isinstance(payload, BookOpened) else row


context = Context("books", Book)
view = View(
    context=context,
    row=BookRow,
    apply=_apply,
    filters=("title",),
    links=(ToMany("memos", "memos", by="book_id"),),
    description="A book for memos.",
    access=role("librarian"),
)
