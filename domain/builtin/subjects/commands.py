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
    """Erases the personal data of a subject by destroying its key, so that nobody can read the data any more.

    This is final. Other data stays, and erasing again changes nothing. NOT_FOUND means that no personal data
    of the subject was ever stored. With `await: PROJECTED` the response is sent when no view shows the data.
    """

    precondition: ClassVar = SUBJECT_HAS_KEY
    postcondition: ClassVar = KEY_IS_DESTROYED

    subject: Identifier = Field(description="The id of the person whose data is erased.")
    reason: Text | None = Field(None, description="Why, for the record; it is kept.")

    @property
    def target(self) -> str:
        """The stream with the record of the subject."""
        return f"subject-{self.subject}"
