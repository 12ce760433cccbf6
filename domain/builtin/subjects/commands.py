"""Commands about subjects."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from domain.kernel import PutCommand
from domain.kernel.conditions import Condition
from domain.kernel.fields import Identifier, Text

SUBJECT_HAS_KEY: Condition[EraseSubject] = Condition("personal data of the subject was stored")
KEY_IS_DESTROYED: Condition[EraseSubject] = Condition("the key of the subject is destroyed")


class EraseSubject(PutCommand):
    """Erases a person: destroys the key of all personal data about it, so that nobody can read it ever again.

    This is final. What is not personal stays, and to erase again changes nothing. NOT_FOUND says that no
    personal data of it was ever stored. With `await: PROJECTED` it ends when no view shows any of the data.
    """

    precondition: ClassVar = SUBJECT_HAS_KEY
    postcondition: ClassVar = KEY_IS_DESTROYED

    subject: Identifier = Field(description="Whose data: the id of the entity that it is about.")
    reason: Text | None = Field(None, description="Why, for the record; it is kept.")

    @property
    def target(self) -> str:
        """The stream with the record of the subject."""
        return f"subject-{self.subject}"
