"""Reads a JSON document of CloudEvents, as an array or alone, with the line in which each begins. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from json import JSONDecodeError, JSONDecoder
from typing import Any, NoReturn

import orjson

from domain.kernel.errors import ValidationFailed

_BETWEEN = re.compile(r"[\s,]*")
_OCEL_KEYS = (frozenset({"objectTypes", "eventTypes"}), frozenset({"ocel:objects", "ocel:events"}))
"""Keys of OCEL 2.0 and 1.0."""

OCEL_REFUSAL = "is OCEL, which nerve does not import; export the log as XES or CSV, for one type of objects"


def read_values(content: bytes) -> Iterator[tuple[int, Any]]:
    """Yield each element of the array, or the only value, with its line.

    Raises ValidationFailed if the document as a whole is no JSON, or of another format.
    """
    try:
        text = content.decode("utf-8-sig")
        document = orjson.loads(text)
    except ValueError as error:
        raise ValidationFailed(f"is not JSON: {error}") from None
    if isinstance(document, dict) and any(document.keys() >= keys for keys in _OCEL_KEYS):
        raise ValidationFailed(OCEL_REFUSAL)
    if not isinstance(document, list):
        yield 1, document
        return
    decoder = JSONDecoder(parse_constant=_refuse_constant)
    offset, line = text.index("[") + 1, 1 + text.count("\n", 0, text.index("["))
    for value in document:
        start = _skip(text, offset)
        line += text.count("\n", offset, start)
        yield line, value
        try:
            _, offset = decoder.raw_decode(text, start)
        except (JSONDecodeError, RecursionError) as error:
            raise ValidationFailed(f"is not JSON: {error}") from None
        line += text.count("\n", start, offset)


def _skip(text: str, offset: int) -> int:
    between = _BETWEEN.match(text, offset)
    return offset if between is None else between.end()


def _refuse_constant(name: str) -> NoReturn:
    raise JSONDecodeError(f"{name} is no JSON value", name, 0)
