"""The rules of retrying and dropping the dead letters of one stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from domain.builtin.deadletters.commands import DropDeadLetter, RetryDeadLetter
from domain.builtin.deadletters.events import DeadLetterDropped, DeadLetterRetried
from domain.kernel import Aggregate, Facts, InvariantViolated

LetterEvent = DeadLetterRetried | DeadLetterDropped


@dataclass(frozen=True, slots=True)
class DeadLetter(Aggregate[RetryDeadLetter | DropDeadLetter, LetterEvent]):
    """The dead letters of one stream; `dropped` are those that were, by view, row and version."""

    category: ClassVar[str] = "deadletter"

    dropped: frozenset[tuple[str, str | None, int]] = frozenset()

    def decide(self, command: RetryDeadLetter | DropDeadLetter, facts: Facts) -> Sequence[LetterEvent]:
        gone = (command.view, command.row, command.version) in self.dropped
        match command:
            case RetryDeadLetter():
                if gone:
                    raise InvariantViolated(
                        f"version {command.version} of {command.stream} was dropped from {command.view}"
                    )
                return [DeadLetterRetried(**command.model_dump())]
            case DropDeadLetter():
                return [] if gone else [DeadLetterDropped(**command.model_dump())]

    def evolve(self, event: LetterEvent) -> DeadLetter:
        if isinstance(event, DeadLetterRetried):
            return self
        return DeadLetter(self.dropped | {(event.view, event.row, event.version)})
