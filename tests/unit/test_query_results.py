"""When the result of a query is cached, when it is served, and to whom."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, cast

import orjson
import pytest
from prometheus_client import CollectorRegistry

from api.access.callers import UNRESTRICTED, Caller
from api.graphql.execution.executor import Executor, PreparedOperation, Result
from api.graphql.execution.operation_request import OperationRequest
from api.graphql.execution.query_results import QueryResults
from api.graphql.execution.request_context import RequestContext
from api.graphql.execution.result_cache import CachedResult, ResultCache
from api.graphql.schema import build_schema
from api.result_cache_metrics import Miss, ResultCacheMetrics
from api.runtime import Runtime
from domain.dispatch.trace_context import TraceContext, current_trace_context
from domain.kernel import Catalog, Scope
from domain.kernel.errors import Unavailable
from projections.kernel import View
from projections.querying.view_states import ViewState, ViewStates
from tests.helpers import memo_books, memos

CATALOG = Catalog([memos.context, memo_books.context])
VIEWS: Sequence[View[Any]] = [memos.view, memo_books.view]
SCHEMA = build_schema(CATALOG, VIEWS)
QUERY = "query ($first: Int) { memos(first: $first) { totalCount } }"


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

    async def are_complete(self, _views: Sequence[str], states: Sequence[ViewState]) -> bool:
        self._check()
        return all(state.last_commit <= self.reached for state in states)

    async def are_current(self, _views: Sequence[str], states: Sequence[ViewState]) -> bool:
        self._check()
        return all(state.generation == self.generation for state in states)

    def _check(self) -> None:
        if self.is_down:
            raise Unavailable("MongoDB did not answer in time")


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


class Rig:
    """Results of queries over scripted states; `answer` returns the number of the execution it is from."""

    def __init__(self, *, max_bytes: int = 1_000_000, max_age: float = 0) -> None:
        self.executor, self.states, self.now = CountingExecutor(SCHEMA), ScriptedStates(), 100.0
        self.metrics = RecordedMetrics()
        states = cast(ViewStates, self.states)
        self.results = QueryResults(
            ResultCache(max_bytes), states, self.metrics, max_age, clock=lambda: self.now
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
        answer = orjson.loads(result.body) if isinstance(result, CachedResult) else result
        number: int = answer["data"]
        return number

    async def answers(self, times: int) -> list[int]:
        return [await self.answer() for _ in range(times)]


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0)


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def test_the_result_of_a_repeated_query_is_served_until_a_row_may_have_changed(rig: Rig) -> None:
    """The first execution reads no state, so a query that is sent once costs nothing more."""
    assert await rig.answers(1) == [1]
    assert rig.states.reads == 0
    assert await rig.answers(3) == [2, 2, 2]
    rig.states.last_commit = rig.states.reached = 6
    assert await rig.answers(2) == [3, 3]
    assert rig.states.reads == 5
    assert (rig.metrics.hits, rig.metrics.misses) == (3, [Miss.FIRST, Miss.ABSENT, Miss.CHANGED])


async def test_no_result_is_cached_while_the_view_lacks_a_commit(rig: Rig) -> None:
    """It would still be served once the view has the commit."""
    rig.states.last_commit = 6
    assert await rig.answers(3) == [1, 2, 3]
    rig.states.reached = 6
    assert await rig.answers(2) == [4, 4]


async def test_no_result_is_cached_where_the_generation_changes_during_the_execution(rig: Rig) -> None:
    """Some of its rows may be of the former generation."""

    def switch() -> None:
        rig.states.generation += rig.executor.executions == 2

    rig.executor.during = switch
    assert await rig.answers(4) == [1, 2, 3, 3]


async def test_a_result_of_the_former_generation_is_not_served(rig: Rig) -> None:
    await rig.answers(3)
    rig.states.generation = 2
    assert await rig.answers(2) == [3, 3]


async def test_a_commit_during_the_execution_makes_the_result_outdated(rig: Rig) -> None:
    """Whether the execution read its rows before or after the commit."""

    def commit() -> None:
        rig.states.last_commit = rig.states.reached = 5 + rig.executor.executions

    rig.executor.during = commit
    assert await rig.answers(4) == [1, 2, 3, 4]


async def test_a_result_with_errors_is_not_cached(rig: Rig) -> None:
    rig.executor.errors = [{"message": "one of two fields failed"}]
    assert await rig.answers(3) == [1, 2, 3]


async def test_a_query_is_executed_where_mongodb_does_not_say_whether_rows_have_changed(rig: Rig) -> None:
    """Its errors are those of the execution."""
    await rig.answers(3)
    rig.states.is_down = True
    assert await rig.answers(2) == [3, 4]
    assert rig.metrics.misses[-1] is Miss.UNCHECKED
    rig.states.is_down = False
    assert await rig.answers(1) == [2]


async def test_mongodb_that_goes_away_during_the_execution_ends_no_request(rig: Rig) -> None:
    await rig.answers(1)
    rig.executor.during = lambda: setattr(rig.states, "is_down", True)
    assert await rig.answers(1) == [2]


async def test_equal_queries_share_an_execution_that_begins_after_they_have_arrived(rig: Rig) -> None:
    """A query that arrives during an execution gets the next one, and each is recorded once."""
    await rig.answers(1)
    rig.executor.let = asyncio.Event()
    early = [asyncio.create_task(rig.answer()) for _ in range(3)]
    await until(lambda: rig.executor.executions == 2)
    rig.states.last_commit = rig.states.reached = 6
    late = [asyncio.create_task(rig.answer()) for _ in range(2)]
    await until(lambda: rig.states.reads == 5)
    rig.executor.let.set()
    assert await asyncio.gather(*early) == [2, 2, 2]
    assert await asyncio.gather(*late) == [3, 3]
    assert rig.executor.unexecuted == 3
    assert await rig.answers(1) == [3]


async def test_an_execution_has_the_context_variables_of_its_request(rig: Rig) -> None:
    """Such as the trace that the client sent."""
    await rig.answers(1)
    traces: list[TraceContext | None] = []
    rig.executor.during = lambda: traces.append(current_trace_context.get())
    trace = TraceContext.parse(f"00-{'a' * 32}-{'b' * 16}-01")
    token = current_trace_context.set(trace)
    await rig.answers(1)
    current_trace_context.reset(token)
    assert traces == [trace]
    assert trace is not None


async def test_queries_share_a_result_only_if_everything_about_them_is_equal(rig: Rig) -> None:
    """The text, the operation, the values of variables and their types; not the order of the variables."""
    document = """query A($a: Int, $b: Int) { memos(first: $a, last: $b) { totalCount } }
      query B { memos { totalCount } }"""
    queries: list[dict[str, Any]] = [
        {"query": QUERY},
        {"query": QUERY, "first": None},
        {"query": QUERY, "first": 1},
        {"query": QUERY, "first": 1.0},
        {"query": QUERY + " ", "first": 1},
        {"query": document, "name": "A", "a": 1},
        {"query": document, "name": "A", "b": 1},
        {"query": document, "name": "B", "a": 1},
    ]
    for _ in range(2):
        numbers = [await rig.answer(**query) for query in queries]
    assert len(set(numbers)) == len(queries)
    assert [await rig.answer(**query) for query in queries] == numbers
    both = [await rig.answer(document, name="A", a=1, b=2) for _ in range(2)]
    assert await rig.answer(document, name="A", b=2, a=1) == both[1]


async def test_callers_share_results_only_in_one_tenant_with_equal_rights(rig: Rig) -> None:
    """Rules about owners bind the subject; roles that change nothing about the rows change nothing here."""
    ada, ben = Caller(subject="ada"), Caller(subject="ben")
    everybody = [
        ada,
        ben,
        Caller(Scope("other"), "ada"),
        UNRESTRICTED,
        Caller(subject="x", roles=frozenset({"auditor"})),
    ]
    for _ in range(2):
        numbers = [await rig.answer(caller=caller) for caller in everybody]
    # An auditor sees every row of its tenant, as an administrator does.
    assert len(set(numbers)) == len(everybody) - 1
    assert numbers[3] == numbers[4]
    editor = Caller(subject="ada", roles=frozenset({"editor"}), credential="another")
    assert await rig.answer(caller=editor) == numbers[0]


async def test_schemas_have_results_of_their_own(rig: Rig) -> None:
    """Other callers have another schema, which may lack what this one has."""
    await rig.answers(3)
    rig.executor = CountingExecutor(build_schema(CATALOG, VIEWS))
    assert await rig.answers(1) == [1]
    assert rig.metrics.misses[-1] is Miss.FIRST


async def test_what_depends_on_more_than_rows_is_executed_each_time(rig: Rig) -> None:
    for query in ("{ __typename }", "{ memos { totalCount } viewer { tenant } }"):
        assert len({await rig.answer(query) for _ in range(3)}) == 3
    assert len({await rig.answer(shows_cost=True) for _ in range(3)}) == 3
    assert set(rig.metrics.misses) == {Miss.OTHER}


async def test_within_the_maximum_age_a_result_is_served_without_a_check() -> None:
    """It counts from the last check that began while the rows were the same."""
    rig = Rig(max_age=0.5)
    await rig.answers(2)
    rig.states.last_commit = rig.states.reached = 6
    rig.now += 0.4
    assert await rig.answers(2) == [2, 2]
    assert rig.states.reads == 1
    rig.now += 0.1
    assert await rig.answers(1) == [3]


async def test_without_bytes_for_it_nothing_is_cached() -> None:
    rig = Rig(max_bytes=0)
    assert await rig.answers(3) == [1, 2, 3]
    assert (rig.states.reads, rig.metrics.misses) == (0, [])


async def test_different_texts_and_variables_stay_within_the_bound() -> None:
    rig = Rig(max_bytes=20_000)
    for number in range(2_000):
        for query in (QUERY, f"query Q{number % 50} {{ memos {{ totalCount }} }}"):
            await rig.answer(query, first=number)
    assert vars(rig.results)["_cache"].bytes <= 20_000
