"""The inverse of `api.cdc.extended_json`: BSON values from the JSON that the log stores."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import bson
from bson import json_util
from bson.code import Code
from bson.codec_options import DatetimeConversion
from bson.dbref import DBRef
from bson.int64 import Int64
from bson.json_util import RELAXED_JSON_OPTIONS
from pydantic import JsonValue

from api.cdc.extended_json import FOREIGN_CODEC

INT32 = range(-(2**31), 2**31)

_OPTIONS = RELAXED_JSON_OPTIONS.with_options(
    tz_aware=True, tzinfo=UTC, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)


def from_json(value: JsonValue) -> Any:
    """Return the BSON value of a form; a whole number has the shorter type that holds it."""
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if isinstance(value, dict):
        return _read_object(value)
    if isinstance(value, int) and not isinstance(value, bool) and value not in INT32:
        return Int64(value)
    return value


def _read_object(form: Mapping[str, Any]) -> Any:
    match form:
        case {"$bson": str(text)}:
            return bson.decode(b64decode(text), codec_options=FOREIGN_CODEC)[""]
        case {"$dbRef": dict(link)}:
            fields = from_json(link.get("fields"))
            return DBRef(link["ref"], from_json(link["id"]), link.get("db"), fields)
        case {"$code": str(text), "$scope": scope}:
            return Code(text, from_json(scope))
        case {"$date": str(text)}:
            # json_util reads the fraction as a float, and may lose a millisecond.
            return datetime.fromisoformat(text)
        case {"$date": {"$numberLong": str(milliseconds)}}:
            return json_util.object_hook({"$date": int(milliseconds)}, _OPTIONS)
    if any(key.startswith("$") and not key.startswith("$$") for key in form):
        return json_util.object_hook(form, _OPTIONS)
    return {key[1:] if key.startswith("$$") else key: from_json(item) for key, item in form.items()}
