"""Field types that commands, events and rows share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field

ID_PATTERN = r"^[a-z]+-[A-Za-z0-9._:-]{1,120}$"

Identifier = Annotated[str, Field(pattern=ID_PATTERN, max_length=128)]
"""The id of a stream: its category, a dash, and up to 120 letters, digits or ``. _ : -``."""

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]
Text = Annotated[str, Field(max_length=10_000)]


@dataclass(frozen=True, slots=True)
class Refers:
    """Marks an identifier field as naming a stream of `category`: ``Annotated[Identifier, Refers("agent")]``.

    The bus checks the prefix and hands that stream's state to `decide` among the facts.
    """

    category: str


def to_moment(value: datetime) -> datetime:
    """UTC with millisecond precision, which is what the log can store."""
    value = value.astimezone(UTC)
    return value.replace(microsecond=value.microsecond // 1000 * 1000)


Moment = Annotated[AwareDatetime, AfterValidator(to_moment)]
