"""The rows of one generation as its projector reads and writes them: what it wrote last it need not read.

What is remembered of a row is right as of its position, whoever has written the row since: every projector
folds the same. Only what takes something back out of rows, as an erasure does, makes it wrong: then all of
it is to be forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import bson
from bson.raw_bson import RawBSONDocument
from pymongo import InsertOne, ReplaceOne

from eventstore.lru import LruCache
from eventstore.mongo.driver import CODEC, Collection, Document, Write, unavailable_if_down
from projections.folding.folding import Folded, Touch
from projections.kernel import View, by_stream
from projections.storage.rows import key_filter, write

MEMORY = 8_000_000
"""Bytes of rows that a projector remembers, as they are stored; those that changed last."""

OVERHEAD = 250
"""Bytes that one of them takes beside its own: its key, and its place in the tables."""

Touched = Mapping[str, Sequence[Touch]]


class StoredRows:
    """The rows of a view in `collection`. With `fresh` the generation has none yet."""

    def __init__(self, view: View[Any], collection: Collection, *, fresh: bool, memory: int = MEMORY) -> None:
        self._by_stream = view.key is by_stream
        self._collection = collection
        self._memory = memory
        self._known: LruCache[str, bytes] = self._nothing()
        self._all_known = fresh

    async def load(self, touched: Touched) -> dict[str, Document]:
        """Those of the touched rows that are there, by key. Raises Unavailable."""
        stored: dict[str, Document] = {}
        unknown: list[str] = []
        for key, row in touched.items():
            known = self._known.get(key)
            if known is not None:
                stored[key] = bson.decode(known, CODEC)
            elif not self._absent(row[0]):
                unknown.append(key)
        if unknown:
            with unavailable_if_down():
                found = await self._collection.find({"_id": {"$in": unknown}}).to_list(None)
            stored.update((document["_id"], document) for document in found)
        return stored

    def _absent(self, first: Touch) -> bool:
        """Whether the row is not there, unless another projector was here before: its insert will tell."""
        if self._all_known:
            return True
        event = first.event
        return self._by_stream and first.failure is None and event.version == 1

    async def write(self, folded: Sequence[Folded], stored: Mapping[str, Document]) -> None:
        """Write the rows, where they have not come further; `stored` are those that `load` found.

        Raises Unavailable.
        """
        rows = [(row.document, RawBSONDocument(row.encoded)) for row in folded]
        inserts = [row for row in rows if row[0]["_id"] not in stored]
        replacements = [_replacement(*row) for row in rows if row[0]["_id"] in stored]
        with unavailable_if_down():
            written = await write(self._collection, [*(_insert(raw) for _, raw in inserts), *replacements])
            # Another projector has inserted these since they were read; ours may still be the newer ones.
            await write(self._collection, [_replacement(*inserts[place]) for place in written.refused])
        if written.refused or written.replaced < len(replacements):
            self.forget()
        else:
            self._remember(rows)

    def _remember(self, rows: Sequence[tuple[Document, RawBSONDocument]]) -> None:
        for document, raw in rows:
            if not self._known.put(document["_id"], bytes(raw.raw)):
                self._all_known = False

    def forget(self) -> None:
        """Read all rows again before they are written."""
        self._known = self._nothing()
        self._all_known = False

    def _nothing(self) -> LruCache[str, bytes]:
        return LruCache(self._memory, lambda encoded: len(encoded) + OVERHEAD)


def _insert(raw: RawBSONDocument) -> Write:
    return InsertOne(cast(Document, raw))


def _replacement(document: Document, raw: RawBSONDocument) -> Write:
    """Writes the row, unless it has come further than `document`."""
    return ReplaceOne(key_filter(document), raw)
