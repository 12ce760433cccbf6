"""Fields of a declared class from JSON, under the names that clients know or those of Python. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.kernel.errors import ValidationFailed
from domain.kernel.names import client_name
from domain.kernel.types.annotations import record_type
from domain.kernel.types.json_reading import json_reader


def fields_from_json(python: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the input of pydantic for a class.

    Raises UnfitValue for JSON that is not of its types, and ValidationFailed for a field under both names.
    """
    record = record_type(python)
    read = json_reader(record, client_name)
    fields: dict[str, Any] = {}
    for name, value in data.items():
        field = client_name(name) if name in record.fields else name
        if field in fields:
            raise ValidationFailed(f"data has the field {field!a} twice; leave {name!a} out", ("data",))
        fields[field] = value
    return dict(fields if read is None else read(fields))
