"""Reads that MongoDB ends at the deadline of the request that they are part of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import iscoroutine
from typing import Any, cast

from eventstore.mongo.cancellation import CancellationSafe
from eventstore.mongo.deadline import milliseconds_left
from eventstore.mongo.driver import Collection, Cursor, Document

LARGEST_BATCH = 1_000_000
"""Documents in one batch of a cursor; a batch ends anyway with what fits into one message."""


def find(
    collection: Collection, filter: Mapping[str, Any], projection: Mapping[str, Any] | None = None
) -> Cursor:
    """Return a query of the documents that match the filter."""
    return collection.find(filter, projection, max_time_ms=milliseconds_left())


async def count(collection: Collection, filter: Mapping[str, Any], **options: Any) -> int:
    """Return the number of documents that match the filter."""
    return await collection.count_documents(filter, **options, **_time_limit())


async def aggregate(collection: Collection, stages: Sequence[Mapping[str, Any]]) -> list[Document]:
    """Return all documents that the stages of an aggregation produce."""
    aggregating: Any = cast(Any, collection).aggregate(stages, batchSize=LARGEST_BATCH, **_time_limit())
    cursor = await aggregating if iscoroutine(aggregating) else aggregating
    documents: list[Document] = await (
        CancellationSafe(cursor) if isinstance(collection, CancellationSafe) else cursor
    ).to_list(None)
    return documents


def _time_limit() -> dict[str, int]:
    milliseconds = milliseconds_left()
    return {} if milliseconds is None else {"maxTimeMS": milliseconds}
