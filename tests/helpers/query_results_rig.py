"""Results of queries over states of views that a test sets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from typing import Any, cast

import orjson
from graphql import GraphQLSchema
from prometheus_client import CollectorRegistry

from api.access.callers import UNRESTRICTED, Caller
from api.graphql.execution.executor import Executor, PreparedOperation, Result
from api.graphql.execution.operation_request import OperationRequest
from api.graphql.execution.query_results import QueryResults
from api.graphql.execution.request_context import RequestContext
from api.graphql.execution.result_cache import CachedResult, ResultCache, ResultKey
from api.graphql.schema import build_schema
from api.result_cache_metrics import Miss, ResultCacheMetrics
from api.runtime import Runtime
from domain.kernel import Catalog
from domain.kernel.errors import Unavailable
from projections.kernel import View
from projections.querying.row_changes import ChangeTracker
from projections.querying.row_reads import QueryReads, RowMark, record_rows
from projections.querying.view_states import ViewState, ViewStates
from tests.helpers import memo_books, memos

CATALOG = Catalog([memos.context, memo_books.context])
VIEWS: Sequence[View[Any]] = [memos.view, memo_books.view]
READ_ROW = "memo-1"
"""The row that each execution reads."""

QUERY = "query ($first: Int) { memos(first: $first) { totalCount } }"


@cache
def schema() -> GraphQLSchema:
    """Return the schema of these views, built once."""
    return build_schema(CATALOG, VIEWS)


class CountingExecutor(Executor):
    """Returns the number of the execution as the result; `during` runs in each, which lasts until `let`."""

    executions = 0
    unexecuted = 0
    let: asyncio.Event | None = None
    errors: Sequence[dict[str, Any]] = ()
    during: Callable[[], None] = staticmethod(lambda: None)

    async def execute(self, prepared: PreparedOperation, context: RequestContext) -> Result:
        self.executions += 1
        number = self.executions
        self.during()
        record_rows("memos", (READ_ROW,))
        if self.let is not None:
            await self.let.wait()
        result: Result = {"data": number}
        return {**result, "errors": list(self.errors)} if self.errors else result

    def record_without_execution(self, prepared: PreparedOperation) -> None:
        self.unexecuted += 1


class ScriptedStates:
    """States of views that a test sets; the view contains the commits up to `reached`."""

    def __init__(self) -> None:
        self.generation, self.last_commit, self.reached = 1, 5, 5
        self.reads = 0
        self.is_down = False

    async def read(self, _tenant: str, views: Sequence[str]) -> Sequence[ViewState]:
        self.reads += 1
        self._check()
        return [ViewState(self.generation, self.last_commit) for _ in views]

    def start(self, tenant: str, views: Sequence[str]) -> asyncio.Future[Sequence[ViewState]]:
        return asyncio.ensure_future(self.read(tenant, views))

    async def are_complete(self, _views: Sequence[str], states: Sequence[ViewState]) -> bool:
        self._check()
        return all(state.last_commit <= self.reached for state in states)

    async def are_current(self, _views: Sequence[str], states: Sequence[ViewState]) -> bool:
        self._check()
        return all(state.generation == self.generation for state in states)

    def _check(self) -> None:
        if self.is_down:
            raise Unavailable("MongoDB did not answer in time")


class ScriptedChanges:
    """Changes of rows that a test sets. While `are_followed` is false, they cannot be followed."""

    def __init__(self) -> None:
        self.changed: list[str] = []
        self.are_followed = False
        self.reads = 0

    async def marks(self, _tenant: str, views: Collection[str]) -> Mapping[str, RowMark] | None:
        self.reads += 1
        if not self.are_followed:
            return None
        return {view: RowMark(1, len(self.changed), 0, 1, 0) for view in views}

    def concern(self, _tenant: str, reads: QueryReads, _marks: Mapping[str, RowMark]) -> bool:
        changes = self.changed[reads.marks["memos"].number :]
        return any(reads.may_change("memos", {"id": row_id}) for row_id in changes)


class RecordedMetrics(ResultCacheMetrics):
    """Keeps what is counted."""

    def __init__(self) -> None:
        super().__init__(CollectorRegistry())
        self.misses: list[Miss] = []
        self.hits = 0

    def hit(self) -> None:
        self.hits += 1

    def miss(self, reason: Miss) -> None:
        self.misses.append(reason)


class QueryResultsRig:
    """Results of queries over scripted states; `answer` returns the number of the execution it is from."""

    def __init__(self, *, max_bytes: int = 1_000_000, max_age: float = 0) -> None:
        self.executor, self.states, self.now = CountingExecutor(schema()), ScriptedStates(), 100.0
        self.changes, self.metrics = ScriptedChanges(), RecordedMetrics()
        self.key: ResultKey | None = None
        self.results = QueryResults(
            ResultCache(max_bytes),
            cast(ViewStates, self.states),
            cast(ChangeTracker, self.changes),
            self.metrics,
            max_age,
            clock=lambda: self.now,
        )

    async def answer(
        self,
        query: str = QUERY,
        caller: Caller = UNRESTRICTED,
        *,
        name: str | None = None,
        shows_cost: bool = False,
        **variables: Any,
    ) -> int:
        request = OperationRequest(query, name, variables, shows_cost=shows_cost)
        context = RequestContext(cast(Runtime, None), caller, {})
        prepared = self.executor.prepare(request)
        result = await self.results.execute(self.executor, prepared, context)
        if isinstance(result, CachedResult):
            self.key = result.key
        answer = orjson.loads(result.body) if isinstance(result, CachedResult) else result
        number: int = answer["data"]
        return number

    async def serve(self) -> int | None:
        """Return the number of the execution of the last cached result, as `QueryResults.serve` serves it."""
        served: asyncio.Future[CachedResult | None] = asyncio.get_running_loop().create_future()
        assert self.key is not None
        self.results.serve(self.key, served.set_result)
        cached = await served
        return None if cached is None else orjson.loads(cached.body)["data"]

    async def answers(self, times: int) -> list[int]:
        return [await self.answer() for _ in range(times)]


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0)
