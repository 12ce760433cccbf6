"""The queries of one API process on real servers, with their cached results."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson

from api.access.callers import UNRESTRICTED, Caller
from api.access.visibility import Visibility
from api.encoding import encode
from api.graphql.execution.executor import Executor, PreparedOperation
from api.graphql.execution.operation_request import OperationRequest
from api.graphql.execution.parsed_documents import document_cache
from api.graphql.execution.query_results import QueryResults
from api.graphql.execution.request_context import RequestContext
from api.graphql.execution.result_cache import CachedResult
from api.graphql.schema import build_schema
from api.lifecycle import open_runtime
from api.runtime import Runtime
from api.settings import Settings


class CachedApi:
    """Runs queries as the endpoint of HTTP does, each for a caller with the schema that it sees."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.results = QueryResults.of(runtime)
        self.documents = document_cache()
        self._executors: dict[Visibility, Executor] = {}

    async def ask(self, query: str, caller: Caller = UNRESTRICTED, /, **variables: Any) -> Any:
        """Return the data of an operation that has no errors."""
        executor, prepared, context = self._prepare(query, caller, variables)
        result = await self.results.execute(executor, prepared, context)
        return _data(result.body if isinstance(result, CachedResult) else encode(result))

    async def execute(self, query: str, caller: Caller = UNRESTRICTED, /, **variables: Any) -> Any:
        """Return what `ask` does, from an execution."""
        executor, prepared, context = self._prepare(query, caller, variables)
        return _data(encode(await executor.execute(prepared, context)))

    def _prepare(
        self, query: str, caller: Caller, variables: dict[str, Any]
    ) -> tuple[Executor, PreparedOperation, RequestContext]:
        executor = self._executor(caller)
        prepared = executor.prepare(OperationRequest(query, variables=variables), caller.scope.tenant)
        return executor, prepared, RequestContext(self.runtime, caller, {})

    @property
    def hits(self) -> int:
        """The number of queries that were served from the cache."""
        metrics = self.runtime.metrics.scrape({}, {}).decode()
        [line] = [line for line in metrics.splitlines() if line.startswith("nerve_result_cache_hits_total")]
        return int(float(line.split()[1]))

    def _executor(self, caller: Caller) -> Executor:
        visibility = self.runtime.visibilities.of(caller)
        if visibility not in self._executors:
            schema = build_schema(self.runtime.catalog, self.runtime.views, visibility)
            self._executors[visibility] = Executor(schema, cache=self.documents)
        return self._executors[visibility]


def _data(body: bytes) -> Any:
    answer: dict[str, Any] = orjson.loads(body)
    assert "errors" not in answer, answer
    return answer["data"]


@asynccontextmanager
async def cached_api(settings: Settings, *, worker: bool = False) -> AsyncIterator[CachedApi]:
    """Open an API process, with a worker in it or not."""
    async with open_runtime(settings, worker=worker) as runtime:
        api = CachedApi(runtime)
        try:
            yield api
        finally:
            await api.results.close()
