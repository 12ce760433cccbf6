"""Data that a schema allows, as the log stores it."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from domain.kernel.fields import to_moment

CHARACTERS = st.characters(codec="utf-8", exclude_characters="\0")
TEXT = st.text(CHARACTERS, max_size=12)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32)
INT64 = (-(2**63), 2**63 - 1)
KEYS = st.text(string.ascii_letters, min_size=1, max_size=4)
JSON: SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(*INT64) | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=4,
)
MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=st.just(UTC)).map(to_moment)
MICROSECONDS = st.integers(1, 10**15)
"""Durations, as the log stores them."""


def stored_data(schema: Mapping[str, Any]) -> SearchStrategy[dict[str, Any]]:
    """Data of an event with this schema; what is None is left out of it."""
    return _of(schema, schema).map(lambda data: {name: data[name] for name in data if data[name] is not None})


def _of(schema: Mapping[str, Any], root: Mapping[str, Any]) -> SearchStrategy[Any]:
    if "$ref" in schema:
        return _of(root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if several := schema.get("anyOf") or schema.get("oneOf"):
        return st.one_of([_of(one, root) for one in several])
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum") or [schema["const"]])
    match schema.get("type"):
        case None:
            return JSON
        case "null":
            return st.none()
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(schema.get("minimum", INT64[0]), schema.get("maximum", INT64[1]))
        case "number":
            return NUMBERS
        case "string":
            return _string(schema)
        case "array":
            items = st.lists(_of(schema.get("items", {}), root), max_size=schema.get("maxItems", 3))
            return items.filter(lambda found: len(found) >= schema.get("minItems", 0))
        case "object":
            return _object(schema, root)
    raise NotImplementedError(f"no data can be made for {schema}")


def _string(schema: Mapping[str, Any]) -> SearchStrategy[Any]:
    if schema.get("format") == "date-time":
        return MOMENTS
    if schema.get("format") == "duration":
        return MICROSECONDS
    longest = min(schema.get("maxLength", 12), 200)
    if "pattern" in schema:
        # Unlike in Python, a `$` in JSON Schema is the end and not a line feed before it.
        texts = st.from_regex(re.sub(r"\$$", r"\\Z", schema["pattern"]))
        return texts.filter(lambda text: len(text) <= longest)
    shortest = schema.get("minLength", 0)
    return st.text(CHARACTERS, min_size=shortest, max_size=longest)


def _object(schema: Mapping[str, Any], root: Mapping[str, Any]) -> SearchStrategy[dict[str, Any]]:
    fields = {name: _of(field, root) for name, field in schema.get("properties", {}).items()}
    must_be = schema.get("required", ())
    named: SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
        {name: fields[name] for name in must_be},
        optional={name: field for name, field in fields.items() if name not in must_be},
    )
    rest = schema.get("additionalProperties", False)
    if not isinstance(rest, dict):
        return named
    others = st.dictionaries(KEYS, _of(rest, root), max_size=2)
    return st.tuples(others, named).map(lambda both: {**both[0], **both[1]})
