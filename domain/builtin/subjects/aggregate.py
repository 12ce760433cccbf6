"""The rules of erasing one subject."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from domain.builtin.subjects.commands import EraseSubject
from domain.builtin.subjects.events import SubjectErased
from domain.kernel import Aggregate, Facts


@dataclass(frozen=True, slots=True)
class Subject(Aggregate[EraseSubject, SubjectErased]):
    """A person of whom there may be personal data; its stream is the record of its erasure."""

    category: ClassVar[str] = "subject"

    erased: bool = False

    def decide(self, command: EraseSubject, facts: Facts) -> Sequence[SubjectErased]:
        return [] if self.erased else [SubjectErased(subject=command.subject, reason=command.reason)]

    def evolve(self, event: SubjectErased) -> Subject:
        return Subject(erased=True)
