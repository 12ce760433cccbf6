"""Updates that go to MongoDB together: one message and one answer for many writers of a collection."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextvars import Context
from typing import Any, NamedTuple

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError, OperationFailure

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
            if len(requests) > 1 and await self._update_all(requests):
                for request in _unanswered(requests):
                    request.is_matched.set_result(True)
            for request in _unanswered(requests):
                await self._answer_alone(request)
        except Exception as error:
            for request in _unanswered(requests):
                request.is_matched.set_exception(error)
        except asyncio.CancelledError:
            for request in _unanswered([*requests, *self._waiting]):
                request.is_matched.cancel()
            raise

    async def _update_all(self, requests: Sequence[_Request]) -> bool:
        """Carry out the updates together. Return whether each of them matched a document.

        Otherwise the result does not say which ones did: each request then needs an answer of its own.
        """
        updates = [UpdateOne(request.filter, list(request.update)) for request in requests]
        try:
            result = await self._collection.bulk_write(updates, ordered=False)
        except BulkWriteError:
            return False
        return result.matched_count == len(requests)

    async def _answer_alone(self, request: _Request) -> None:
        """Carry out one update. One that MongoDB refuses does not concern the other requests."""
        try:
            result = await self._collection.update_one(request.filter, request.update)
        except OperationFailure as error:
            if not request.is_matched.done():
                request.is_matched.set_exception(error)
        else:
            if not request.is_matched.done():
                request.is_matched.set_result(result.matched_count == 1)


class _Request(NamedTuple):
    filter: Mapping[str, Any]
    update: Sequence[Mapping[str, Any]]
    is_matched: asyncio.Future[bool]


def _unanswered(requests: Sequence[_Request]) -> list[_Request]:
    return [request for request in requests if not request.is_matched.done()]
