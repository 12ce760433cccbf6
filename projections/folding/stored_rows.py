"""The rows of one generation for its projector, which keeps the rows that it wrote last in memory.

A row in memory is correct as of its position, even if another projector has written it since, because every
projector folds the same way. Only a change outside the fold makes it wrong, such as an erasure: then all rows
in memory must be forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import bson
from bson.raw_bson import RawBSONDocument
from pymongo import InsertOne, ReplaceOne

from eventstore.lru import LruCache
from eventstore.mongo.driver import CODEC, Collection, Document, Write, unavailable_if_down
from projections.folding.folding import FoldedRow, RowTouch
from projections.kernel import View, by_stream
from projections.storage.rows import key_filter, write

MEMORY = 8_000_000
"""Bytes of stored rows that a projector keeps in memory; those that changed last."""

OVERHEAD = 250
"""Bytes that a row in memory takes in addition to its own: its key, and its place in the tables."""

Touched = Mapping[str, Sequence[RowTouch]]


class StoredRows:
    """The rows of a view in `collection`. A `fresh` generation has no rows yet."""

    def __init__(self, view: View[Any], collection: Collection, *, fresh: bool, memory: int = MEMORY) -> None:
        self._by_stream = view.key is by_stream
        self._collection = collection
        self._memory = memory
        self._cache: LruCache[str, bytes] = self._new_cache()
        self._is_complete = fresh

    async def load(self, touched: Touched) -> dict[str, Document]:
        """Return those of the touched rows that exist, by key. Raises Unavailable."""
        stored: dict[str, Document] = {}
        missed: list[str] = []
        for key, touches in touched.items():
            encoded = self._cache.get(key)
            if encoded is not None:
                stored[key] = bson.decode(encoded, CODEC)
            elif not self._is_absent(touches[0]):
                missed.append(key)
        if missed:
            with unavailable_if_down():
                documents = await self._collection.find({"_id": {"$in": missed}}).to_list(None)
            stored.update((document["_id"], document) for document in documents)
        return stored

    def _is_absent(self, first: RowTouch) -> bool:
        """Return whether no row exists, unless another projector wrote it: then the insert is refused."""
        if self._is_complete:
            return True
        event = first.event
        return self._by_stream and first.failure is None and event.version == 1

    async def write(self, folded: Sequence[FoldedRow], stored: Mapping[str, Document]) -> None:
        """Write the rows, except those that are stored at a later position. `stored` is what `load` returned.

        Raises Unavailable.
        """
        rows = [(row.document, RawBSONDocument(row.encoded)) for row in folded]
        inserts = [row for row in rows if row[0]["_id"] not in stored]
        replacements = [_replacement(*row) for row in rows if row[0]["_id"] in stored]
        with unavailable_if_down():
            written = await write(self._collection, [*(_insert(raw) for _, raw in inserts), *replacements])
            # Another projector has inserted these since they were read; these may still be newer.
            await write(self._collection, [_replacement(*inserts[place]) for place in written.refused])
        if written.refused or written.replaced < len(replacements):
            self.forget()
        else:
            self._remember(rows)

    def _remember(self, rows: Sequence[tuple[Document, RawBSONDocument]]) -> None:
        for document, raw in rows:
            if not self._cache.put(document["_id"], bytes(raw.raw)):
                self._is_complete = False

    def forget(self) -> None:
        """Forget the rows in memory, so that all rows are read again before they are written."""
        self._cache = self._new_cache()
        self._is_complete = False

    def _new_cache(self) -> LruCache[str, bytes]:
        return LruCache(self._memory, lambda encoded: len(encoded) + OVERHEAD)


def _insert(raw: RawBSONDocument) -> Write:
    return InsertOne(cast(Document, raw))


def _replacement(document: Document, raw: RawBSONDocument) -> Write:
    """Return a write of the row that applies unless the stored row is at a later position."""
    return ReplaceOne(key_filter(document), raw)
