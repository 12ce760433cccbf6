"""Executes queries, or serves their results from the cache, never older than a read of MongoDB would be.

Before a result is served, the states of its views are read, by one read that begins after the request has
arrived and serves all requests that wait for it. If the states are those from which the result was read,
nothing that the query reads has changed. `projections.querying.view_states` has why. Otherwise the query is
executed, once for all requests with its key that arrive until the execution begins.
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
from eventstore.mongo.group_reads import GroupReads
from eventstore.reading.last_commits import LastCommits
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


class QueryResults:
    """Returns the results of queries.

    `max_age` is in seconds: see `ResultCacheSettings`. MongoDB ends a shared read after `timeout` seconds.
    """

    def __init__(
        self,
        cache: ResultCache,
        states: ViewStates,
        metrics: ResultCacheMetrics,
        max_age: float = 0,
        timeout: float = 30,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._cache = cache
        self._states = states
        self._metrics = metrics
        self._max_age = max_age
        self._clock = clock
        self._executions = GroupReads(timeout)
        metrics.measure(lambda: cache.bytes)

    @classmethod
    def of(cls, runtime: Runtime) -> Self:
        """Return the results of a process, as its settings say."""
        settings = runtime.settings
        locators = {name: parts.locator for name, parts in runtime.view_parts.items()}
        states = ViewStates(locators, LastCommits(runtime.database), settings.operation_timeout)
        own, metrics = settings.result_cache, runtime.metrics.result_cache
        return cls(ResultCache(own.max_bytes), states, metrics, own.max_age, settings.operation_timeout)

    async def execute(
        self, executor: Executor, prepared: PreparedOperation, context: RequestContext
    ) -> Result | CachedResult:
        """Return the result of a query: from the cache, or as `Executor.execute` does."""
        if not self._cache.max_bytes:
            return await executor.execute(prepared, context)
        query = _cacheable(executor, prepared, context)
        if query is None:
            self._metrics.miss(Miss.OTHER)
            return await executor.execute(prepared, context)
        cached = self._cache.find(query.key)
        if cached is None and not self._cache.is_repeated(query.key):
            self._metrics.miss(Miss.FIRST)
            return await query.execute()
        if cached is not None and self._clock() - cached.confirmed_at < self._max_age:
            return self._hit(query, cached)
        return await self._check(query, cached)

    async def _check(self, query: _CacheableQuery, cached: CachedResult | None) -> Result | CachedResult:
        """Return the cached result if its rows have not changed, or else execute the query."""
        began = self._clock()
        try:
            states = await self._states.read(query.key.tenant, query.views)
        except Unavailable:
            self._metrics.miss(Miss.UNCHECKED)
            return await query.execute()
        if cached is not None and cached.states == states:
            cached.confirm(began)
            return self._hit(query, cached)
        self._metrics.miss(Miss.ABSENT if cached is None else Miss.CHANGED)
        load = partial(self._execute_and_keep, query, states, began, copy_context())
        executed: _CacheableQuery
        executed, result = await self._executions.read(query.key, None, load)
        if executed is not query:
            query.executor.record_without_execution(query.prepared)
        return result  # type: ignore[no-any-return]

    async def _execute_and_keep(
        self,
        query: _CacheableQuery,
        states: Sequence[ViewState],
        began: float,
        variables: Context,
        _items: Collection[None],
    ) -> Mapping[None, tuple[_CacheableQuery, Result | CachedResult]]:
        """Execute the query, and cache its result if it contains all commits of these states."""
        is_complete = await _is_certain(self._states.are_complete(query.views, states))
        result = await query.execute_in(variables)
        if not is_complete or "data" not in result or "errors" in result:
            return {None: (query, result)}
        if not await _is_certain(self._states.are_current(query.views, states)):
            return {None: (query, result)}
        cached = CachedResult(encode_to_keep(result), states, began)
        self._cache.keep(query.key, cached)
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
