"""BSON values as JSON: MongoDB's relaxed extended JSON (version 2), with three additions. Pure.

- A key that begins with ``$`` in a document gets another ``$`` before it, so that data is never taken for the
  form of a type.
- A link (DBRef) is ``{"$dbRef": {"ref": …, "id": …, "db": …}}``, because the log stores no object with both
  ``$ref`` and ``$id``. Further fields of it are in ``fields``.
- An object or a list that is nested deeper than `MAX_DEPTH` is ``{"$bson": "<base64>"}``: the BSON of a
  document that has the value under the empty name. MongoDB nests 100 levels, the log 50.

Numbers of 32 and of 64 bits are both JSON numbers. Two values that differ in more than that have two forms.
"""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC
from typing import Any

import bson
from bson import json_util
from bson.code import Code
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.dbref import DBRef
from bson.json_util import RELAXED_JSON_OPTIONS
from pydantic import JsonValue

MAX_DEPTH = 40
"""Levels that are written as JSON."""

FOREIGN_CODEC: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True, tzinfo=UTC, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)
"""Decodes documents that others have written, whose times may be outside the years of Python."""


def to_json(value: Any) -> JsonValue:
    """Return a BSON value, as `FOREIGN_CODEC` decodes it, as JSON."""
    return _write(value, 0)


def _write(value: Any, depth: int) -> JsonValue:
    if isinstance(value, str | bool | None) and not isinstance(value, Code):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, Mapping | list) and depth >= MAX_DEPTH:
        return {"$bson": b64encode(bson.encode({"": value}, codec_options=FOREIGN_CODEC)).decode()}
    match value:
        case list():
            return [_write(item, depth + 1) for item in value]
        case Mapping():
            return {_escape(key): _write(item, depth + 1) for key, item in value.items()}
        case DBRef():
            return {"$dbRef": _write_link(value, depth + 2)}
        case Code(scope=Mapping() as scope):
            return {"$code": str(value), "$scope": _write(scope, depth + 1)}
        case _:
            form: JsonValue = json_util.default(value, RELAXED_JSON_OPTIONS)
            return form


def _write_link(link: DBRef, depth: int) -> dict[str, JsonValue]:
    form: dict[str, JsonValue] = {"ref": link.collection, "id": _write(link.id, depth)}
    if link.database is not None:
        form["db"] = link.database
    fields = {key: item for key, item in link.as_doc().items() if key not in ("$ref", "$id", "$db")}
    return {**form, "fields": _write(fields, depth)} if fields else form


def _escape(key: str) -> str:
    return f"${key}" if key.startswith("$") else key
