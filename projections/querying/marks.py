"""Marks of lists: a short hash of the view, order, filter and search, which cursors carry."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any

import orjson
from bson.decimal128 import Decimal128

from domain.kernel.types.text_forms import write_bytes
from projections.querying.filters import AllOf, AnyOf, FieldCondition, Filter, Not

MARK_BYTES = 8


def mark(filter: Filter, *rest: str | None) -> str:
    """Return the mark of a filter and of the other properties of a list.

    Filters that differ only in arrangement, such as in the order of their parts, have the same mark.
    """
    text = _json([*rest, filter_text(filter)])
    return urlsafe_b64encode(blake2b(text.encode(), digest_size=MARK_BYTES).digest()).rstrip(b"=").decode()


def filter_text(filter: Filter) -> str:
    """Return a text that is equal for filters that differ only in arrangement, and for no others."""
    match filter:
        case FieldCondition(field, "in" | "elementIn" as name, values):
            return _json([field, name, *_distinct(map(_json, values))])
        case FieldCondition(field, name, value):
            return _json([field, name, value])
        case Not(part):
            return _json(["not", filter_text(part)])
        case AllOf(parts) | AnyOf(parts):
            texts = _distinct(_part_texts(parts, type(filter)))
            return texts[0] if len(texts) == 1 else _json([type(filter).__name__, *texts])


def _part_texts(parts: Iterable[Filter], kind: type[AllOf | AnyOf]) -> Iterator[str]:
    """Yield the texts of all parts; a nested filter of the same kind is replaced by its parts."""
    for part in parts:
        if isinstance(part, kind) or (isinstance(part, AllOf | AnyOf) and len(part.parts) == 1):
            yield from _part_texts(part.parts, kind)
        else:
            yield filter_text(part)


def _distinct(texts: Iterable[str]) -> list[str]:
    return sorted(set(texts))


def _json(value: Any) -> str:
    return orjson.dumps(value, default=_value_text).decode()


def _value_text(value: Any) -> str:
    """Return the text of a value without a JSON form; equal decimals have the same text despite zeros."""
    if isinstance(value, Decimal128):
        sign, digits, exponent = value.to_decimal().as_tuple()
        text = "".join(map(str, digits))
        significant = text.rstrip("0")
        return f"{sign}|{significant}|{int(exponent) + len(text) - len(significant)}" if significant else "0"
    return write_bytes(value)
