"""Field types that commands, events and rows share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Protocol

from pydantic import AfterValidator, AwareDatetime, Field, JsonValue


class Unstorable(ValueError):
    """A value cannot be stored in the log. The message says why, without the value."""


ID_PATTERN = r"^[a-z]+-[A-Za-z0-9._:-]{1,120}$"
MAX_ID_LENGTH = 128

Identifier = Annotated[str, Field(pattern=ID_PATTERN, max_length=MAX_ID_LENGTH)]
"""The id of a stream: its category, a dash, and up to 120 letters, digits or ``. _ : -``."""

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]
Text = Annotated[str, Field(max_length=10_000)]


class _HasCategory(Protocol):
    category: ClassVar[str]


class Refers:
    """Marks a field of a command as the id of another stream: ``Annotated[Identifier, Refers(Agent)]``.

    It names an aggregate, or its category as a text where its module cannot be imported, as within the
    aggregate's own module. The bus refuses ids of other categories and of streams that do not exist, and
    passes the stream's state to `decide`: see `Facts.reference`.
    """

    __slots__ = ("category",)

    def __init__(self, aggregate: type[_HasCategory] | str) -> None:
        self.category = aggregate if isinstance(aggregate, str) else aggregate.category


@dataclass(frozen=True, slots=True)
class Personal:
    """Marks an event's field as data about a person: ``text: Annotated[str | None, Personal()] = None``.

    The log encrypts its value with a key of the subject, the person whom it is about. The subject is the
    event's stream, or the stream whose id is in the field `subject`. After the subject's erasure the field is
    None. An event is refused on append if the field has a value and the field `subject` is None.
    """

    subject: str | None = None


@dataclass(frozen=True, slots=True)
class SecretHash:
    """Marks a text field of a command as the hash of a secret that the server makes for each request.

    Clients cannot send the field. The response has the secret itself, in the field `shown_as`, and nothing
    stores it. When a command is sent again, the field does not count as its content.
    """

    shown_as: str


def to_moment(value: datetime) -> datetime:
    """Return the moment in UTC with millisecond precision, as the log can store it.

    Raises Unstorable if it is outside the years 0001 to 9999 in UTC.
    """
    # Most moments are the time of the clock, or were converted before: each step of a process has several.
    if value.tzinfo is not UTC:
        try:
            value = value.astimezone(UTC)
        except OverflowError:
            raise Unstorable("must be a moment in the years 0001 to 9999, in UTC") from None
    excess = value.microsecond % 1000
    return value.replace(microsecond=value.microsecond - excess) if excess else value


Moment = Annotated[AwareDatetime, AfterValidator(to_moment)]


@dataclass(frozen=True, slots=True)
class Bits:
    """Marks an integer field with its size, which determines its GraphQL type; see `Int32` and `Int64`."""

    count: int


Int32 = Annotated[int, Field(ge=-(2**31), lt=2**31), Bits(32)]
"""An integer of 32 bits: Int in GraphQL, never null. A larger result of a fold is refused."""

Int64 = Annotated[int, Field(ge=-(2**63), lt=2**63), Bits(64)]
"""An integer of 64 bits: the scalar Int64, a text of digits.

A plain `int` has 64 bits too, but is an Int in GraphQL, where a value beyond 32 bits cannot be written.
"""


def elapsed(since: datetime | None, until: datetime) -> float | None:
    """Return the seconds from one event time to another, with millisecond precision.

    Returns None if the first is unknown or after the second: event times come from outside and may be out of
    order, and then the duration is not zero but unknown.
    """
    if since is None or until < since:
        return None
    return round((until - since).total_seconds(), 3)


MAX_JSON_DEPTH = 50


def check_json(value: JsonValue) -> JsonValue:
    """Return the value. Raises Unstorable if it is no JSON value, or one that BSON cannot store.

    BSON cannot store integers beyond 64 bits, NUL in keys, links, and values that are nested too deep.
    """
    _check_json(value, 0)
    return value


def _check_json(value: Any, depth: int) -> None:
    if depth > MAX_JSON_DEPTH:
        raise Unstorable(f"must not be nested more than {MAX_JSON_DEPTH} deep")
    if isinstance(value, dict):
        _check_keys(value)
        for item in value.values():
            _check_json(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check_json(item, depth + 1)
    elif isinstance(value, str):
        value.encode()
    elif isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise Unstorable("must not have an integer beyond 64 bits")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise Unstorable("must not have a number that is not finite")
    elif value is not None:
        raise Unstorable(f"must be a JSON value, and a {type(value).__name__} is none")


def _check_keys(value: dict[Any, Any]) -> None:
    for key in value:
        if not isinstance(key, str):
            raise Unstorable(f"must have texts as keys, not values of class {type(key).__name__}")
        key.encode()
        if "\0" in key:
            raise Unstorable("must not have a NUL character in a key")
    if {"$ref", "$id"} <= value.keys():
        raise Unstorable("must not have both $ref and $id in one object, which MongoDB takes for a link")


Json = Annotated[JsonValue, AfterValidator(check_json)]
"""Any JSON value that the log can store."""
