"""Checks that the values of commands can be stored in events; compiled once for each class of commands."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from domain.kernel.errors import UnfitValue
from domain.kernel.event_data import is_text, without_none
from domain.kernel.types.annotations import FieldType, Scalar, record_type
from domain.kernel.types.stored_scalars import encode_text
from domain.kernel.types.stored_values import Convert, encoder


class _Checks(NamedTuple):
    """The fields that pydantic does not check completely: texts, nearly always ASCII, and other types."""

    texts: tuple[str, ...]
    others: tuple[tuple[str, Convert], ...]


def check_command(command: BaseModel) -> None:
    """Check that every value of a validated command can be stored.

    Raises pydantic's ValidationError with the path of the value.
    """
    texts, others = _checks(type(command))
    values = command.__dict__
    for name in texts:
        text = values[name]
        if text is not None and not text.isascii():
            _check(name, encode_text, text, command)
    for name, encode in others:
        if (value := values[name]) is not None:
            _check(name, encode, value, command)


def _check(name: str, encode: Convert, value: object, command: BaseModel) -> None:
    try:
        encode(value)
    except UnfitValue as error:
        wrong = InitErrorDetails(
            type=PydanticCustomError("unstorable", "{reason}", {"reason": error.reason}),
            loc=(name, *error.path),
            input=None,
        )
        title = type(command).__name__
        raise ValidationError.from_exception_data(title, [wrong], hide_input=True) from None


@cache
def _checks(command: type[BaseModel]) -> _Checks:
    texts, others = [], []
    for name, field in record_type(command).fields.items():
        if is_text(field.type):
            texts.append(name)
        elif not _is_checked(field.type) and (encode := encoder(field.type)) is not None:
            others.append((name, encode))
    return _Checks(tuple(texts), tuple(others))


def _is_checked(type: FieldType) -> bool:
    """Return whether pydantic accepts only values that can be stored."""
    bare = without_none(type)
    return isinstance(bare, Scalar) and (bare.choices is not None or encoder(bare, validated=True) is None)
