"""Commands about dead letters."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from domain.kernel import PutCommand
from domain.kernel.access import role
from domain.kernel.conditions import Condition
from domain.kernel.fields import Identifier, Name, Text

EVENT_IS_PARKED: Condition[DeadLetterCommand] = Condition("the event is parked in the view")


class DeadLetterCommand(PutCommand):
    """A command on an event that a view has parked, as `deadLetters` lists it."""

    access = role("operator")
    precondition: ClassVar = EVENT_IS_PARKED

    view: Name = Field(description="The view that could not apply the event.")
    row: Annotated[str, Field(max_length=1_000)] | None = Field(
        None, description="The id of the row that lacks the event; none if that is unknown."
    )
    stream: Identifier = Field(description="The stream of the event.")
    version: int = Field(ge=1, description="Its version in the stream.")

    @property
    def target(self) -> str:
        """The stream with the record of the dead letters of the event's stream."""
        return f"deadletter-{self.stream}"


class RetryDeadLetter(DeadLetterCommand):
    """Retries a parked event and the events queued behind it. If it fails again it stays parked."""


class DropDeadLetter(DeadLetterCommand):
    """Drops a parked event from its row, and applies the events queued behind it. This is final."""

    reason: Text | None = Field(None, description="Why, for the record; it is kept.")
