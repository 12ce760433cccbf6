"""A context whose events are all readable by one author each: another author's entry closes the diary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from domain.kernel import Aggregate, Context, Event, Facts, PutCommand
from domain.kernel.access import owner, signed_in
from domain.kernel.fields import Name


class DiaryEntryWritten(Event, type="diary.written"):
    """An entry was written."""

    access = owner("author")

    author: str
    text: str


class WriteDiaryEntry(PutCommand):
    """Writes an entry into the diary of a name."""

    access = signed_in

    name: Name
    author: Name
    text: Name

    @property
    def target(self) -> str:
        return f"diary-{self.name}"


@dataclass(frozen=True, slots=True)
class Diary(Aggregate[WriteDiaryEntry, DiaryEntryWritten]):
    """The entries of a diary."""

    category = "diary"

    texts: tuple[str, ...] = ()

    def decide(self, command: WriteDiaryEntry, facts: Facts) -> Sequence[DiaryEntryWritten]:
        return [DiaryEntryWritten(author=command.author, text=command.text)]

    def evolve(self, event: DiaryEntryWritten) -> Diary:
        return Diary((*self.texts, event.text))


context = Context("diaries", Diary)
