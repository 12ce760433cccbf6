"""What tells one list from another: its view, order, filter and search, in a few characters."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any

import orjson
from bson.decimal128 import Decimal128

from domain.kernel.types.text_forms import write_bytes
from projections.querying.filters import AllOf, AnyOf, Condition, Filter, Not

MARK_BYTES = 8


def mark(filter: Filter, *rest: str | None) -> str:
    """The mark of a filter and of what else makes the list.

    Filters that say the same in another arrangement, such as their parts in another order, have one mark.
    """
    text = _json([*rest, _text(filter)])
    return urlsafe_b64encode(blake2b(text.encode(), digest_size=MARK_BYTES).digest()).rstrip(b"=").decode()


def _text(filter: Filter) -> str:
    match filter:
        case Condition(field, "in", values):
            return _json([field, "in", *_distinct(map(_json, values))])
        case Condition(field, name, value):
            return _json([field, name, value])
        case Not(part):
            return _json(["not", _text(part)])
        case AllOf(parts) | AnyOf(parts):
            several = _distinct(_members(parts, type(filter)))
            return several[0] if len(several) == 1 else _json([type(filter).__name__, *several])


def _members(parts: Iterable[Filter], kind: type[AllOf | AnyOf]) -> Iterator[str]:
    """The texts of all parts; what is joined in the same way inside is no part of its own."""
    for part in parts:
        if isinstance(part, kind) or (isinstance(part, AllOf | AnyOf) and len(part.parts) == 1):
            yield from _members(part.parts, kind)
        else:
            yield _text(part)


def _distinct(texts: Iterable[str]) -> list[str]:
    return sorted(set(texts))


def _json(value: Any) -> str:
    return orjson.dumps(value, default=_text_of).decode()


def _text_of(value: Any) -> str:
    """Equal decimal numbers have one text, whatever their zeros."""
    if isinstance(value, Decimal128):
        sign, digits, exponent = value.to_decimal().as_tuple()
        text = "".join(map(str, digits))
        significant = text.rstrip("0")
        return f"{sign}|{significant}|{int(exponent) + len(text) - len(significant)}" if significant else "0"
    return write_bytes(value)
