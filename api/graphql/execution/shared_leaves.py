"""Leaves that are encoded once for all selections, and responses that join them.

A message may go to thousands of topics whose documents differ. Each selects leaves of the same object, so all
that is left to a topic is to join them with the names that its document gives them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from graphql import GraphQLList, GraphQLOutputType, get_nullable_type

from api.encoding import encode, encode_to_keep
from api.graphql.execution.leaf_forms import LeafForm, leaf_form
from api.graphql.execution.object_writers import Write
from api.graphql.execution.write_functions import leaf_writer, list_writer, nullable_writer
from api.limits.byte_budget import SMALL, ByteBudget

CACHED_LEAVES = 10_000


class Leaf:
    """A field of objects of one type: the item `key` of the object, of a type without fields."""

    __slots__ = ("_is_text", "_key", "_write")

    def __init__(self, key: str, declared: GraphQLOutputType) -> None:
        self._key = key
        self._is_text = leaf_form(declared) is LeafForm.TEXT
        self._write = _writer(declared)

    def encode(self, source: Mapping[str, Any]) -> bytes:
        """Return the encoded field of an object; raises any exception where graphql-core has to write it."""
        value = source.get(self._key)
        if not (self._is_text and value.__class__ is str):
            value = self._write(value, ByteBudget(), None)
        return encode_to_keep(value)


def _writer(declared: GraphQLOutputType) -> Write:
    inner: Any = get_nullable_type(declared)
    nullable = inner is declared
    if not isinstance(inner, GraphQLList):
        return leaf_writer(inner.coerce_output_value, nullable=nullable)
    write = list_writer(_writer(inner.of_type))
    return nullable_writer(write) if nullable else write


@lru_cache(CACHED_LEAVES)
def leaf(key: str, declared: GraphQLOutputType) -> Leaf:
    """Return the leaf of this key and type, the same one each time."""
    return Leaf(key, declared)


class SharedObject(dict[str, Any]):
    """An object that many documents select, whose items must not change any more.

    `leaves` are those that were selected so far, encoded. They have no reference to the object: with one,
    each event would occupy memory until the next run of the cycle collector.
    """

    __slots__ = ("leaves",)

    def __init__(self, items: Mapping[str, Any]) -> None:
        super().__init__(items)
        self.leaves: dict[Leaf, bytes] = {}

    def encode(self, leaves: Sequence[Leaf]) -> None:
        """Encode these leaves, unless they are already."""
        encoded = self.leaves
        for leaf in leaves:
            if leaf not in encoded:
                encoded[leaf] = leaf.encode(self)


@lru_cache(CACHED_LEAVES)
def _chooser(*leaves: Leaf) -> Callable[[Mapping[Leaf, bytes]], tuple[bytes, ...] | bytes]:
    """Return the function that chooses these leaves of an object, for all documents that select the same.

    It is written in C. Of one leaf it returns the bytes themselves, which `%` takes as well.
    """
    return itemgetter(*leaves)


class LeafJoin:
    """Joins responses whose one field is an object with nothing but leaves and constants.

    It has no closure and no dictionary: thousands of them are used for one message, from cold memory.
    """

    __slots__ = ("_choose", "_leaves", "_limit", "_template")

    def __init__(self, template: bytes, leaves: Sequence[Leaf], limit: int) -> None:
        self._template = template
        self._leaves = tuple(leaves)
        self._choose = _chooser(*leaves)
        self._limit = limit

    def write(self, source: SharedObject) -> bytes | None:
        """Return the encoded response with the object; None where it has to be written in another way."""
        choose, encoded = self._choose, source.leaves
        try:
            try:
                leaves = choose(encoded)
            except KeyError:
                source.encode(self._leaves)
                leaves = choose(encoded)
            response: bytes = self._template % leaves
        except Exception:
            return None
        return response if len(response) <= self._limit else None


def join_leaves(name: str, fields: Sequence[tuple[str, Leaf | str]], limit: int) -> LeafJoin | None:
    """Return what joins responses of at most `limit` bytes, whose one field `name` is an object.

    `fields` are those of the object, each a leaf or the constant that all objects have. The result is None
    where no field is a leaf. Larger responses are counted exactly by the other ways to write them.
    """
    leaves = [field for _, field in fields if isinstance(field, Leaf)]
    if not leaves:
        return None
    values = ",".join(
        f'"{key}":{"%b" if isinstance(field, Leaf) else encode(field).decode()}' for key, field in fields
    )
    template = f'{{"data":{{"{name}":{{{values}}}}}}}'
    # A byte budget counts a small value, which has one byte at least, as so many.
    return LeafJoin(template.encode(), leaves, limit // SMALL)
