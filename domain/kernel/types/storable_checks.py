"""Checks that values which pydantic has validated can be stored, compiled once for each type. Pure.

Pydantic accepts some values that BSON cannot represent, such as integers beyond 64 bits, and halves of
surrogate pairs in texts. The checks look for these alone, in a fraction of the time that encoding takes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from pydantic import BaseModel

from domain.kernel.errors import UnfitValue
from domain.kernel.types.annotations import (
    FieldType,
    Kind,
    ListOf,
    MapOf,
    OptionalOf,
    RecordOf,
    Scalar,
    TupleOf,
    is_recursive,
    is_text,
    record_type,
)
from domain.kernel.types.refusals import wrong_class
from domain.kernel.types.stored_scalars import encode_text
from domain.kernel.types.stored_values import encoder
from domain.kernel.types.value_structure import convert_items, convert_places, optional

Check = Callable[[Any], object]
"""Raises UnfitValue, with the path of the value that cannot be stored."""


@cache
def model_check(model: type[BaseModel]) -> Check:
    """Return the check of the instances of a model, which is not recursive."""
    fields = record_type(model).fields
    texts = tuple(name for name, field in fields.items() if is_text(field.type))
    checks = {name: storable_check(field.type) for name, field in fields.items() if name not in texts}
    others = tuple((name, check) for name, check in checks.items() if check is not None)

    def check(value: Any) -> None:
        if type(value) is not model:
            raise wrong_class(value, f"a {model.__name__}")
        values = value.__dict__
        name = ""
        try:
            for name in texts:
                text = values.get(name)
                # Nearly all texts are ASCII, which needs no further check.
                if text is not None and (type(text) is not str or not text.isascii()):
                    encode_text(text)
            for name, check_field in others:
                if (field := values.get(name)) is not None:
                    check_field(field)
        except UnfitValue as error:
            raise error.at(name) from None

    return check


@cache
def storable_check(type: FieldType) -> Check | None:
    """Return the check of values of a type; None if pydantic accepts only values that can be stored."""
    match type:
        case Scalar():
            return _scalar_check(type)
        case OptionalOf(inner):
            return optional(storable_check(inner))
        case ListOf(item, container):
            check = storable_check(item)
            if check is None or container in (set, frozenset):
                return None if check is None else encoder(type)
            return lambda value: convert_items(check, value)
        case TupleOf(items):
            checks = [storable_check(item) for item in items]
            return (lambda value: convert_places(checks, value, tuple)) if any(checks) else None
        case MapOf(_, value):
            # The keys need a check in any case.
            return encoder(type, validated=storable_check(value) is None)
        case RecordOf(python) if issubclass(python, BaseModel) and not is_recursive(type):
            return model_check(python)
    # Nothing has validated the inside of a dataclass.
    return encoder(type)


def _scalar_check(scalar: Scalar) -> Check | None:
    """Return the check of a scalar. `Int32` and `Int64` have limits that pydantic checks."""
    if scalar.kind is Kind.TEXT and scalar.choices is None:
        return encode_text
    is_checked = scalar.choices is not None or scalar.bits is not None
    return None if is_checked or encoder(scalar, validated=True) is None else encoder(scalar)
