"""The states of aggregates as JSON, by their declared types. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

import orjson

from domain.kernel.types.annotations import (
    FieldType,
    ListOf,
    MapOf,
    OneOf,
    OptionalOf,
    RecordOf,
    Scalar,
    TupleOf,
    record_type,
)
from domain.kernel.types.json_values import Rename, json_writer
from domain.kernel.types.stored_values import encoder


def state_json(state: Any, rename: Rename = str) -> dict[str, Any]:
    """Return a state as JSON: the same for equal states, so sets are sorted.

    `rename` maps the names of its fields, and of fields of records in it; keys of a dict and of JSON stay as
    they are. Private fields, which begin with an underscore, are left out.
    """
    kind: Any = type(state)
    return _record(record_type(kind), state, rename)


def _record(record: RecordOf, value: Any, rename: Rename) -> dict[str, Any]:
    parts = value if isinstance(value, Mapping) else None
    return {
        rename(name): _json(field.type, getattr(value, name) if parts is None else parts[name], rename)
        for name, field in record.fields.items()
        if not name.startswith("_") and (parts is None or name in parts)
    }


def _json(declared: FieldType, value: Any, rename: Rename) -> Any:
    if value is None:
        return None
    match declared:
        case OptionalOf(inner):
            return _json(inner, value, rename)
        case RecordOf():
            return _record(declared, value, rename)
        case OneOf(discriminator, _):
            return _record(declared.by_value[_stored_text(_part(value, discriminator))], value, rename)
        case ListOf(item, container):
            items = [_json(item, each, rename) for each in value]
            return sorted(items, key=_in_bytes) if container in (set, frozenset) else items
        case TupleOf(types):
            return [_json(item, each, rename) for item, each in zip(types, value, strict=True)]
        case MapOf(_, inner):
            return {_stored_text(key): _json(inner, each, rename) for key, each in value.items()}
        case Scalar():
            encode, write = encoder(declared), json_writer(declared)
            stored = value if encode is None else encode(value)
            return stored if write is None else write(stored)


def _part(value: Any, name: str) -> Any:
    return value[name] if isinstance(value, Mapping) else getattr(value, name)


def _stored_text(key: Any) -> Any:
    return key.value if isinstance(key, Enum) else key


def _in_bytes(item: Any) -> bytes:
    return orjson.dumps(item, option=orjson.OPT_SORT_KEYS)
