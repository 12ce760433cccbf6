"""Executes queries, or serves their results from the cache, never older than a read of MongoDB would be.

Before a result is served, the states of its views are read, by one read that begins after the request has
arrived and serves all requests that wait for it. If the states are those from which the result was read,
nothing that the query reads has changed. `projections.querying.view_states` has why. Otherwise the rows that
have changed are read in the same way, and compared with those that the result was read from. If one of them
concerns it, the query is executed, once for all requests with its key that arrive until the execution begins.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextvars import Context, copy_context
from functools import partial
from hashlib import blake2b
from time import monotonic
from typing import NamedTuple, Self

import orjson

from api.encoding import encode_to_keep
from api.graphql.execution.executor import Executor, PreparedOperation, Result
from api.graphql.execution.request_context import RequestContext
from api.graphql.execution.result_cache import CachedResult, ResultCache, ResultKey
from api.result_cache_metrics import Miss, ResultCacheMetrics
from api.runtime import Runtime
from domain.kernel.errors import Unavailable
from eventstore.mongo.direct_connection import DirectConnection
from eventstore.mongo.group_reads import GroupReads
from eventstore.reading.last_commits import LastCommits
from projections.querying.row_changes import ChangeTracker
from projections.querying.row_reads import QueryReads, RowMark
from projections.querying.view_states import ViewState, ViewStates

DIGEST_BYTES = 32


class _CacheableQuery(NamedTuple):
    """A query whose result may be cached, with the names of the views that it reads."""

    executor: Executor
    prepared: PreparedOperation
    context: RequestContext
    key: ResultKey
    views: Sequence[str]

    async def execute(self) -> Result:
        return await self.executor.execute(self.prepared, self.context)

    async def execute_in(self, variables: Context) -> Result:
        """Execute it with these context variables, such as the trace of its request."""
        return await asyncio.create_task(self.execute(), context=variables)


class _Basis(NamedTuple):
    """What was known of the views before a query is executed.

    `marks` are None if the changes of rows are not followed. `is_complete`: the views have the commits of
    their states.
    """

    states: Sequence[ViewState]
    marks: Mapping[str, RowMark] | None
    is_complete: bool
    read_at: float


class QueryResults:
    """Returns the results of queries.

    `max_age` is in seconds: see `ResultCacheSettings`. MongoDB ends a shared read after `timeout` seconds.
    The `direct` connection is closed with the results.
    """

    def __init__(
        self,
        cache: ResultCache,
        states: ViewStates,
        changes: ChangeTracker,
        metrics: ResultCacheMetrics,
        max_age: float = 0,
        timeout: float = 30,
        clock: Callable[[], float] = monotonic,
        direct: DirectConnection | None = None,
    ) -> None:
        self.cache = cache
        self._states = states
        self._changes = changes
        self._metrics = metrics
        self._max_age = max_age
        self._clock = clock
        self._direct = direct
        self._executions = GroupReads(timeout)
        self._comparisons: set[asyncio.Task[None]] = set()
        metrics.measure(lambda: cache.bytes)

    @classmethod
    def of(cls, runtime: Runtime) -> Self:
        """Return the results of a process, as its settings say."""
        settings = runtime.settings
        locators = {name: parts.locator for name, parts in runtime.view_parts.items()}
        direct, timeout = DirectConnection(runtime.database), settings.operation_timeout
        commits = LastCommits(runtime.database, direct)
        states, changes = ViewStates(locators, commits, timeout), ChangeTracker(locators, commits, timeout)
        own, metrics = settings.result_cache, runtime.metrics.result_cache
        return cls(ResultCache(own.max_bytes), states, changes, metrics, own.max_age, timeout, direct=direct)

    async def close(self) -> None:
        """Close the connection for the reads of states."""
        if self._direct is not None:
            await self._direct.close()

    async def execute(
        self, executor: Executor, prepared: PreparedOperation, context: RequestContext
    ) -> Result | CachedResult:
        """Return the result of a query: from the cache, or as `Executor.execute` does."""
        if not self.cache.max_bytes:
            return await executor.execute(prepared, context)
        query = _cacheable(executor, prepared, context)
        if query is None:
            self._metrics.miss(Miss.OTHER)
            return await executor.execute(prepared, context)
        cached = self.cache.find(query.key)
        if cached is None and not self.cache.is_repeated(query.key):
            self._metrics.miss(Miss.FIRST)
            return await query.execute()
        if cached is not None and self._clock() - cached.confirmed_at < self._max_age:
            return self._hit(query, cached)
        return await self._check(query, cached)

    def serve(self, key: ResultKey, on_checked: Callable[[CachedResult | None], None]) -> None:
        """Call `on_checked` with the cached result of a query, as soon as its rows are known to be unchanged.

        It is called with None, at once or later, where the query has to be executed. This does for a query
        with a cached result what `execute` does, without a task. Nothing is recorded with its executor.
        """
        cached, began = self.cache.find(key), self._clock()
        if cached is None:
            on_checked(None)
        elif began - cached.confirmed_at < self._max_age:
            self._metrics.hit()
            on_checked(cached)
        else:
            reading = self._states.start(key.tenant, cached.views)
            reading.add_done_callback(partial(self._compare, cached, began, on_checked))

    def _compare(
        self,
        cached: CachedResult,
        began: float,
        on_checked: Callable[[CachedResult | None], None],
        reading: asyncio.Future[Sequence[ViewState]],
    ) -> None:
        if reading.cancelled() or reading.exception() is not None:
            on_checked(None)
        elif cached.states == (states := reading.result()):
            self._confirm(cached, began)
            on_checked(cached)
        else:
            task = asyncio.create_task(self._compare_rows(cached, began, states, on_checked))
            self._comparisons.add(task)
            task.add_done_callback(self._comparisons.discard)

    async def _compare_rows(
        self,
        cached: CachedResult,
        began: float,
        states: Sequence[ViewState],
        on_checked: Callable[[CachedResult | None], None],
    ) -> None:
        try:
            marks = await self._changes.marks(cached.key.tenant, cached.views)
        except Unavailable:
            marks = None
        if marks is None or not self._is_unchanged(cached, states, marks):
            on_checked(None)
            return
        self._confirm(cached, began)
        on_checked(cached)

    def _confirm(self, cached: CachedResult, began: float) -> None:
        cached.confirm(began)
        self._metrics.hit()

    async def _check(self, query: _CacheableQuery, cached: CachedResult | None) -> Result | CachedResult:
        """Return the cached result if its rows have not changed, or else execute the query."""
        try:
            basis = await self._look(query, cached)
        except Unavailable:
            self._metrics.miss(Miss.UNCHECKED)
            return await query.execute()
        if basis is None:
            assert cached is not None
            return self._hit(query, cached)
        self._metrics.miss(Miss.ABSENT if cached is None else Miss.CHANGED)
        load = partial(self._execute_and_keep, query, basis, copy_context())
        executed: _CacheableQuery
        executed, result = await self._executions.read(query.key, None, load)
        if executed is not query:
            query.executor.record_without_execution(query.prepared)
        return result  # type: ignore[no-any-return]

    async def _look(self, query: _CacheableQuery, cached: CachedResult | None) -> _Basis | None:
        """Return what an execution is based on; None if the cached result is still the present one.

        The changes of rows are followed only where commits come too often for the states alone. Raises
        Unavailable.
        """
        began, tenant = self._clock(), query.key.tenant
        states = await self._states.read(tenant, query.views)
        marks = None
        if cached is not None:
            is_unchanged = cached.states == states
            if not is_unchanged:
                marks = await self._changes.marks(tenant, query.views)
                is_unchanged = marks is not None and self._is_unchanged(cached, states, marks)
            if is_unchanged:
                cached.confirm(began)
                return None
        is_complete = await self._states.are_complete(query.views, states)
        if marks is None and not is_complete:
            marks = await self._changes.marks(tenant, query.views)
        return _Basis(states, marks, is_complete, began)

    def _is_unchanged(
        self,
        cached: CachedResult,
        states: Sequence[ViewState],
        marks: Mapping[str, RowMark],
    ) -> bool:
        """Return whether no row that changed up to the marks concerns the result."""
        reads = cached.reads
        if reads is None or self._changes.concern(cached.key.tenant, reads, marks):
            return False
        reads.advance(marks)
        views = zip(cached.views, states, strict=True)
        if all(marks[view].complete >= state.last_commit for view, state in views):
            cached.states = states
        return True

    async def _execute_and_keep(
        self, query: _CacheableQuery, basis: _Basis, variables: Context, _items: Collection[None]
    ) -> Mapping[None, tuple[_CacheableQuery, Result | CachedResult]]:
        """Execute the query, and cache its result if later changes of it will be noticed."""
        reads = None
        if basis.marks is not None:
            reads = QueryReads(basis.marks)
            reads.record_in(variables)
        result = await query.execute_in(variables)
        if not (basis.is_complete or reads is not None) or "data" not in result or "errors" in result:
            return {None: (query, result)}
        if not await _is_certain(self._states.are_current(query.views, basis.states)):
            return {None: (query, result)}
        states = basis.states if basis.is_complete else None
        body = encode_to_keep(result)
        cached = CachedResult(query.key, query.views, body, states, basis.read_at, reads)
        self.cache.keep(cached)
        return {None: (query, cached)}

    def _hit(self, query: _CacheableQuery, cached: CachedResult) -> CachedResult:
        self._metrics.hit()
        query.executor.record_without_execution(query.prepared)
        return cached


async def _is_certain(answer: Awaitable[bool]) -> bool:
    """Return the answer; False if MongoDB gives none."""
    try:
        return await answer
    except Unavailable:
        return False


def _cacheable(
    executor: Executor, prepared: PreparedOperation, context: RequestContext
) -> _CacheableQuery | None:
    """Return the query with its key in the cache; None if its result depends on more than rows of views."""
    request, dependencies = prepared.request, prepared.document.dependencies(prepared.operation_name)
    if dependencies is None or request.shows_cost or not dependencies.are_present(request.variables):
        return None
    try:
        variables = orjson.dumps(request.variables or {}, option=orjson.OPT_SORT_KEYS).decode()
    except orjson.JSONEncodeError:
        # They are nested too deeply to be executed.
        return None
    scopes = [context.rows(view).key for view in dependencies.views]
    digest = _digest(prepared.text, prepared.operation_name or "", variables, *scopes)
    key = ResultKey(executor.schema, context.scope.tenant, digest)
    return _CacheableQuery(executor, prepared, context, key, [view.name for view in dependencies.views])


def _digest(*texts: str) -> bytes:
    """Return a digest that no other texts have."""
    digest = blake2b(digest_size=DIGEST_BYTES)
    for text in texts:
        encoded = text.encode(errors="surrogatepass")
        digest.update(b"%d:%b" % (len(encoded), encoded))
    return digest.digest()
