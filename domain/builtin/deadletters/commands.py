"""Commands about dead letters."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from domain.kernel import Identifier, Name, PutCommand, Text


class _OnLetter(PutCommand):
    """Names an event that waits in a view, as `deadLetters` lists it."""

    view: Name = Field(description="The view that could not fold the event.")
    row: Annotated[str, Field(max_length=1_000)] | None = Field(
        None, description="The id of the row in which it waits; none where that is not known."
    )
    stream: Identifier = Field(description="The stream of the event.")
    version: int = Field(ge=1, description="Its version in the stream.")

    @property
    def target(self) -> str:
        """The stream with the record of the dead letters of the event's stream."""
        return f"deadletter-{self.stream}"


class RetryDeadLetter(_OnLetter):
    """Folds an event that waits again, and after it what waits behind it; where it fails, it waits on."""


class DropDeadLetter(_OnLetter):
    """Leaves an event that waits out of its row, and folds what waits behind it. This is final."""

    reason: Text | None = Field(None, description="Why, for the record; it is kept.")
