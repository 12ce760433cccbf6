"""Updates that go to MongoDB together: one message and one answer for many writers of a collection."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextvars import Context
from typing import Any, NamedTuple

from pymongo import UpdateOne

from eventstore.mongo.driver import Collection


class GroupedUpdates:
    """Updates one document for each request; all requests that arrive during a write share the next one.

    An update may be carried out twice, and in any order among those of one group. So it must be one that
    changes nothing when it is repeated.
    """

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._waiting: list[_Request] = []
        self._writing: asyncio.Task[None] | None = None

    async def update(self, filter: Mapping[str, Any], update: Sequence[Mapping[str, Any]]) -> bool:
        """Update the document that matches. Return whether there is one. Raises what the driver raises."""
        request = _Request(filter, update, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        if self._writing is None:
            # In a context of its own: it has neither the time limit nor the trace of its first request.
            self._writing = asyncio.create_task(self._write(), context=Context())
        return await request.is_matched

    async def _write(self) -> None:
        try:
            while self._waiting:
                requests = [request for request in self._waiting if not request.is_matched.done()]
                self._waiting = []
                await self._answer(requests)
        finally:
            self._writing = None

    async def _answer(self, requests: Sequence[_Request]) -> None:
        try:
            matched = await self._matched(requests)
        except Exception as error:
            for request in _unanswered(requests):
                request.is_matched.set_exception(error)
        except asyncio.CancelledError:
            for request in _unanswered([*requests, *self._waiting]):
                request.is_matched.cancel()
            raise
        else:
            for request, is_matched in zip(requests, matched, strict=True):
                if not request.is_matched.done():
                    request.is_matched.set_result(is_matched)

    async def _matched(self, requests: Sequence[_Request]) -> list[bool]:
        """Carry out the updates. Return which of them matched a document."""
        if len(requests) > 1:
            updates = [UpdateOne(request.filter, list(request.update)) for request in requests]
            if (await self._collection.bulk_write(updates, ordered=False)).matched_count == len(requests):
                return [True] * len(requests)
            # The result counts the documents, and does not say which were missing.
        return [await self._update_one(request) for request in requests]

    async def _update_one(self, request: _Request) -> bool:
        return (await self._collection.update_one(request.filter, request.update)).matched_count == 1


class _Request(NamedTuple):
    filter: Mapping[str, Any]
    update: Sequence[Mapping[str, Any]]
    is_matched: asyncio.Future[bool]


def _unanswered(requests: Sequence[_Request]) -> list[_Request]:
    return [request for request in requests if not request.is_matched.done()]
