"""Digests of commands, which show whether a command id is sent again with the same command. Pure.

Equal commands have equal digests, in every process and after every upgrade that only adds optional fields: a
field that has its default does not count. The order of members in objects and sets does not count either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from hashlib import blake2b
from types import NoneType
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from domain.kernel.command import Command, secret_hashes

DIGEST_BYTES = 16


def command_digest(key: bytes, command: Command) -> bytes:
    """Return the digest of the command's class and content, with a secret `key` of at most 64 bytes.

    Guesses at the content cannot be tested against the digest without the key.
    """
    return blake2b(_model(command), digest_size=DIGEST_BYTES, key=key).digest()


def value_digest(key: bytes, *parts: str) -> bytes:
    """Return the digest of a unique value and of what it is unique in, with a secret `key`.

    Without the key, guesses at the value cannot be tested against it, nor values of two tenants compared.
    """
    return blake2b(_list(parts), digest_size=DIGEST_BYTES, key=key).digest()


def _encode(value: Any) -> bytes:
    """Return the value as bytes that no other value has."""
    encode = _ENCODERS.get(type(value))
    return encode(value) if encode is not None else _encode_subclass(value)


def _encode_subclass(value: Any) -> bytes:
    if isinstance(value, Enum):
        return _encode(value.value)
    if isinstance(value, BaseModel):
        return _model(value)
    if is_dataclass(value):
        members = {field.name: getattr(value, field.name) for field in fields(value)}
        return _part(type(value).__name__.encode(), _object(members))
    for base, encode in _ENCODERS.items():
        if isinstance(value, base):
            return encode(value)
    return _part(type(value).__name__.encode(), repr(value).encode())


def _part(kind: bytes, content: bytes) -> bytes:
    """Return the content with its length, so that it cannot be confused with the next part."""
    return b"%s%d:%s" % (kind, len(content), content)


def _text(value: Any) -> bytes:
    return _part(type(value).__name__.encode(), str(value).encode())


def _string(value: str) -> bytes:
    return _part(b"str", value.encode("utf-8", "surrogatepass"))


def _moment(value: datetime) -> bytes:
    moment = value if value.tzinfo is None else value.astimezone(UTC)
    return _part(b"datetime", moment.isoformat().encode())


def _object(value: Mapping[str, Any]) -> bytes:
    return _part(b"o", b"".join(sorted([_encode(name) + _encode(item) for name, item in value.items()])))


def _set(value: AbstractSet[Any]) -> bytes:
    return _part(b"s", b"".join(sorted(map(_encode, value))))


def _list(value: Sequence[Any]) -> bytes:
    return _part(b"l", b"".join(map(_encode, value)))


def _model(model: BaseModel) -> bytes:
    """Encode only the fields that differ from their default: a field that is added later has its default.

    Hashes of secrets are left out, because the server makes other ones when a command is sent again.
    """
    kind, declared = type(model), type(model).model_fields
    values = {
        name: value
        for name in model.model_fields_set - secret_hashes(kind).keys()
        if not _is_default(value := getattr(model, name), declared[name], model)
    }
    return _part(kind.__name__.encode(), _object(values))


def _is_default(value: Any, field: FieldInfo, model: BaseModel) -> bool:
    default = field.default
    if field.default_factory is not None:
        default = field.get_default(call_default_factory=True, validated_data=model.__dict__)
    # True equals 1 in Python, and is other content.
    return bool(value == default) and _encode(value) == _encode(default)


def _number(value: float | Decimal) -> bytes:
    """Return equal bytes for equal numbers of one type, however they are written."""
    if isinstance(value, Decimal):
        sign, digits, exponent = value.as_tuple()
        text = "".join(map(str, digits))
        bare = text.rstrip("0")
        if not bare or isinstance(exponent, str):
            return str(exponent if isinstance(exponent, str) else 0).encode()
        return f"{'-' * sign}{bare}e{exponent + len(text) - len(bare)}".encode()
    whole = isinstance(value, int) or value.is_integer()
    return (hex(int(value)) if whole else float(value).hex()).encode()


_ENCODERS: dict[type, Callable[[Any], bytes]] = {
    NoneType: lambda value: b"n",
    str: _string,
    bool: lambda value: b"t" if value else b"f",
    int: lambda value: _part(b"d", _number(value)),
    float: lambda value: _part(b"d", _number(value)),
    Decimal: lambda value: _part(b"d", _number(value)),
    datetime: _moment,
    date: _text,
    time: _text,
    timedelta: _text,
    UUID: _text,
    bytes: lambda value: _part(b"bytes", value),
    dict: _object,
    list: _list,
    tuple: _list,
    set: _set,
    frozenset: _set,
}
"""By type; for a subclass the first base counts, so that a datetime is no date and a bool no number."""
