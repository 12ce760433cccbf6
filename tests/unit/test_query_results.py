"""When the result of a query is cached, when it is served, and to whom."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from api.access.callers import UNRESTRICTED, Caller
from api.graphql.execution.result_cache import ResultCache
from api.graphql.schema import build_schema
from api.result_cache_metrics import Miss
from domain.dispatch.trace_context import TraceContext, current_trace_context
from domain.kernel import Scope
from tests.helpers.query_results_rig import (
    CATALOG,
    QUERY,
    READ_ROW,
    VIEWS,
    CountingExecutor,
    QueryResultsRig,
    until,
)


@pytest.fixture
def rig() -> QueryResultsRig:
    return QueryResultsRig()


async def test_the_result_of_a_repeated_query_is_served_until_a_row_may_have_changed(
    rig: QueryResultsRig,
) -> None:
    """The first execution reads no state, so a query that is sent once costs nothing more."""
    assert await rig.answers(1) == [1]
    assert rig.states.reads == 0
    assert await rig.answers(3) == [2, 2, 2]
    rig.states.last_commit = rig.states.reached = 6
    assert await rig.answers(2) == [3, 3]
    assert rig.states.reads == 5
    assert (rig.metrics.hits, rig.metrics.misses) == (3, [Miss.FIRST, Miss.ABSENT, Miss.CHANGED])


async def test_no_result_is_cached_while_the_view_lacks_a_commit(rig: QueryResultsRig) -> None:
    """It would still be served once the view has the commit."""
    rig.states.last_commit = 6
    assert await rig.answers(3) == [1, 2, 3]
    rig.states.reached = 6
    assert await rig.answers(2) == [4, 4]


async def test_a_result_is_served_while_no_changed_row_concerns_it(rig: QueryResultsRig) -> None:
    """Even if commits come so often that the view always lacks one."""
    rig.changes.are_followed = True
    rig.states.last_commit = 6
    assert await rig.answers(3) == [1, 2, 2]
    rig.states.last_commit = 7
    rig.changes.changed.append("memo-2")
    assert await rig.answers(2) == [2, 2]
    rig.changes.changed.append(READ_ROW)
    assert await rig.answers(3) == [3, 3, 3]
    assert rig.metrics.misses == [Miss.FIRST, Miss.ABSENT, Miss.CHANGED]


async def test_changed_rows_are_read_only_where_the_states_say_too_little(rig: QueryResultsRig) -> None:
    """A query of rows that seldom change costs one read."""
    rig.changes.are_followed = True
    await rig.answers(5)
    assert rig.changes.reads == 0
    rig.states.last_commit = rig.states.reached = 6
    assert await rig.answers(3) == [3, 3, 3]
    assert rig.changes.reads == 1


async def test_no_result_is_cached_where_the_generation_changes_during_the_execution(
    rig: QueryResultsRig,
) -> None:
    """Some of its rows may be of the former generation."""

    def switch() -> None:
        rig.states.generation += rig.executor.executions == 2

    rig.executor.during = switch
    assert await rig.answers(4) == [1, 2, 3, 3]


async def test_a_result_of_the_former_generation_is_not_served(rig: QueryResultsRig) -> None:
    await rig.answers(3)
    rig.states.generation = 2
    assert await rig.answers(2) == [3, 3]


async def test_a_commit_during_the_execution_makes_the_result_outdated(rig: QueryResultsRig) -> None:
    """Whether the execution read its rows before or after the commit."""

    def commit() -> None:
        rig.states.last_commit = rig.states.reached = 5 + rig.executor.executions

    rig.executor.during = commit
    assert await rig.answers(4) == [1, 2, 3, 4]


async def test_a_result_with_errors_is_not_cached(rig: QueryResultsRig) -> None:
    rig.executor.errors = [{"message": "one of two fields failed"}]
    assert await rig.answers(3) == [1, 2, 3]


async def test_a_query_is_executed_where_mongodb_does_not_say_whether_rows_have_changed(
    rig: QueryResultsRig,
) -> None:
    """Its errors are those of the execution."""
    await rig.answers(3)
    rig.states.is_down = True
    assert await rig.answers(2) == [3, 4]
    assert rig.metrics.misses[-1] is Miss.UNCHECKED
    rig.states.is_down = False
    assert await rig.answers(1) == [2]


async def test_mongodb_that_goes_away_during_the_execution_ends_no_request(rig: QueryResultsRig) -> None:
    await rig.answers(1)
    rig.executor.during = lambda: setattr(rig.states, "is_down", True)
    assert await rig.answers(1) == [2]


async def test_equal_queries_share_an_execution_that_begins_after_they_have_arrived(
    rig: QueryResultsRig,
) -> None:
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


async def test_an_execution_has_the_context_variables_of_its_request(rig: QueryResultsRig) -> None:
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


async def test_queries_share_a_result_only_if_everything_about_them_is_equal(rig: QueryResultsRig) -> None:
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


async def test_callers_share_results_only_in_one_tenant_with_equal_rights(rig: QueryResultsRig) -> None:
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


async def test_schemas_have_results_of_their_own(rig: QueryResultsRig) -> None:
    """Other callers have another schema, which may lack what this one has."""
    await rig.answers(3)
    rig.executor = CountingExecutor(build_schema(CATALOG, VIEWS))
    assert await rig.answers(2) == [1, 1]
    assert rig.metrics.misses[-1] is Miss.ABSENT


async def test_what_depends_on_more_than_rows_is_executed_each_time(rig: QueryResultsRig) -> None:
    for query in ("{ __typename }", "{ memos { totalCount } viewer { tenant } }"):
        assert len({await rig.answer(query) for _ in range(3)}) == 3
    assert len({await rig.answer(shows_cost=True) for _ in range(3)}) == 3
    assert set(rig.metrics.misses) == {Miss.OTHER}


async def test_within_the_maximum_age_a_result_is_served_without_a_check() -> None:
    """It counts from the last check that began while the rows were the same."""
    rig = QueryResultsRig(max_age=0.5)
    await rig.answers(2)
    rig.states.last_commit = rig.states.reached = 6
    rig.now += 0.4
    assert await rig.answers(2) == [2, 2]
    assert rig.states.reads == 1
    rig.now += 0.1
    assert await rig.answers(1) == [3]


async def test_without_bytes_for_it_nothing_is_cached() -> None:
    rig = QueryResultsRig(max_bytes=0)
    assert await rig.answers(3) == [1, 2, 3]
    assert (rig.states.reads, rig.metrics.misses) == (0, [])


async def test_different_texts_and_variables_stay_within_the_bound() -> None:
    rig = QueryResultsRig(max_bytes=20_000)
    for number in range(2_000):
        for query in (QUERY, f"query Q{number % 50} {{ memos {{ totalCount }} }}"):
            await rig.answer(query, first=number)
    assert rig.results.cache.bytes <= 20_000


async def test_a_cached_result_is_served_by_its_key_as_it_is_by_its_query(rig: QueryResultsRig) -> None:
    """After one read of the states; and not if a changed row concerns it, or nothing is known of the rows."""
    rig.changes.are_followed = True
    rig.states.last_commit = 6
    assert await rig.answers(2) == [1, 2]
    reads, hits = rig.states.reads, rig.metrics.hits
    assert await rig.serve() == 2
    rig.states.last_commit = 7
    rig.changes.changed.append("memo-2")
    assert await rig.serve() == 2
    assert (rig.states.reads, rig.metrics.hits) == (reads + 2, hits + 2)
    rig.states.is_down = True
    assert await rig.serve() is None
    rig.states.is_down = False
    rig.states.last_commit = 8
    rig.changes.changed.append(READ_ROW)
    assert await rig.serve() is None
    rig.changes.are_followed = False
    assert await rig.serve() is None
    assert rig.metrics.hits == hits + 2


async def test_a_result_that_may_be_old_is_served_by_its_key_at_once() -> None:
    rig = QueryResultsRig(max_age=5)
    assert await rig.answers(2) == [1, 2]
    reads = rig.states.reads
    rig.now += 4
    assert await rig.serve() == 2
    assert rig.states.reads == reads
    rig.now += 2
    assert await rig.serve() == 2
    assert rig.states.reads == reads + 1


async def test_a_result_that_was_evicted_is_not_served_by_its_key(rig: QueryResultsRig) -> None:
    await rig.answers(2)
    rig.results.cache = ResultCache(1_000)
    assert await rig.serve() is None
