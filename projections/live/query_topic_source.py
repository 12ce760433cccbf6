"""The source of a live query's topic: the present result for new subscribers, then each other result."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Generic

from eventstore.place import Place
from projections.live.query_executions import QueryExecutions
from projections.live.query_messages import C, QueryResult
from subscriptions.live.ports import BacklogPage, BacklogRead


class QueryTopicSource(Generic[C]):
    """Serves one topic. It calls `on_close` when the topic has no subscriber any more."""

    def __init__(self, executions: QueryExecutions[C], on_close: Callable[[], None]) -> None:
        self._executions = executions
        self._on_close = on_close

    def backlog(self) -> QueryBacklog[C]:
        return QueryBacklog(self._executions)

    def close(self) -> None:
        self._executions.close()
        self._on_close()


class QueryBacklog(Generic[C]):
    """The backlog of one subscriber: the present result, unless it has that already."""

    def __init__(self, executions: QueryExecutions[C]) -> None:
        self._executions = executions

    async def prepare(self, after: Place | None, *, caught_up: bool) -> None:
        executions = self._executions
        await executions.reach_present()
        if after is None and executions.has_lasting_result:
            return
        while after is not None and executions.is_unchanged_since(after):
            await executions.next_execution()
        await executions.cover_changes()

    def read(self, after: Place | None, upto: int, *, caught_up: bool) -> BacklogRead[QueryResult[C]]:
        return BacklogRead(self._pages())

    async def _pages(self) -> AsyncGenerator[BacklogPage[QueryResult[C]], None]:
        result = self._executions.result
        assert result is not None
        yield BacklogPage([result], last=True)
