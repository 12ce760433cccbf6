"""Topics of live queries: each subscriber ends with the present result, wherever it joins and resumes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.kernel.errors import NotIndexed
from domain.kernel.limit_errors import OperationTimedOut
from subscriptions.live.ring import RingLimits
from tests.helpers.query_topic_rig import OUTAGE, MemoryView, QueryServer, QuerySink

STEPS = st.lists(
    st.tuples(st.just("change"), st.integers(0, 2))
    | st.tuples(st.just("advance"), st.integers(0, 3))
    | st.tuples(st.just("wait"), st.integers(1, 12))
    | st.tuples(st.just("follow"), st.integers(1, 3))
    | st.tuples(st.sampled_from(["join", "move", "pause", "resume", "erase"]), st.integers(0, 5)),
    max_size=30,
)


async def until(holds: Callable[[], object]) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0)


async def play(servers: Sequence[QueryServer], steps: Sequence[tuple[str, int]]) -> list[QuerySink]:
    """Run the steps, then let everything be published and delivered; return the subscribers."""
    view, latest_only = servers[0].view, servers[0].latest_only
    sinks = [servers[0].join(QuerySink(latest_only=latest_only))]
    for step, number in steps:
        server, sink = servers[number % 2], sinks[number % len(sinks)]
        match step:
            case "change":
                view.change(number)
            case "advance":
                server.advance(server.published + number // 2 + 1)
            case "follow":
                view.other_position = min(view.other_position + number, view.head)
            case "join":
                sinks.append(server.join(QuerySink(latest_only=latest_only)))
            case "move":
                sink.subscription.close()
                server.join(sink, sink.place)
            case "pause":
                sink.subscription.pause()
            case "resume":
                sink.subscription.resume()
            case "erase":
                server.erasure = server.published
            case "wait":
                for _ in range(number):
                    await asyncio.sleep(0)
    for sink in sinks:
        sink.subscription.resume()
    view.other_position = view.head
    for server in servers:
        server.advance(view.head)
    await until(lambda: all(sink.content == view.value for sink in sinks))
    return sinks


@settings(max_examples=300)
@given(
    st.booleans(),
    st.builds(RingLimits, st.integers(0, 3), st.just(1_000), st.just(1_000), st.just(1_000)),
    STEPS,
)
def test_every_subscriber_ends_with_the_present_result(
    latest_only: bool, limits: RingLimits, steps: list[tuple[str, int]]
) -> None:
    """They join, pause and move between two servers; each change from a result fits what they have."""

    async def run() -> None:
        view = MemoryView()
        servers = [QueryServer(view, latest_only, limits) for _ in range(2)]
        sinks = await play(servers, steps)
        assert not [sink.wrong for sink in sinks if sink.wrong]
        for sink in sinks:
            sink.subscription.close()
        assert [server.topic for server in servers] == [None, None]
        assert limits.used == 0

    asyncio.run(run())


def new_sink() -> QuerySink:
    return QuerySink(latest_only=False)


async def joined(server: QueryServer, sink: QuerySink) -> QuerySink:
    """Return the subscriber once it has the present result."""
    server.join(sink)
    await until(lambda: sink.received)
    return sink


async def settled() -> None:
    """Run all tasks until they wait for something else."""
    for _ in range(30):
        await asyncio.sleep(0)


async def test_a_subscriber_gets_what_one_view_published_before_the_topic_was_opened() -> None:
    """Its place is that of the other view, which is behind; the change between is not known to the topic."""
    view = MemoryView()
    server = QueryServer(view)
    sink = await joined(server, new_sink())
    sink.subscription.close()
    view.change(2)
    server.advance(view.head)
    server.join(sink, sink.place)
    await until(lambda: sink.content == 2)


async def test_a_result_that_changed_twice_back_to_what_it_was_is_sent_to_a_subscriber_that_missed_it() -> (
    None
):
    """The subscriber got the state between from another server; the position stood still for another view."""
    view = MemoryView()
    first, second = QueryServer(view), QueryServer(view)
    await joined(first, new_sink())
    moving = await joined(second, new_sink())
    view.change(1)
    second.advance(view.head)
    await until(lambda: moving.content == 1)
    view.change(0)
    first.advance(view.head)
    await settled()
    moving.subscription.close()
    first.join(moving, moving.place)
    await until(lambda: moving.content == 0)


async def test_a_subscriber_that_missed_nothing_receives_nothing_until_something_changes() -> None:
    view = MemoryView()
    server = QueryServer(view)
    other, sink = await joined(server, new_sink()), await joined(server, new_sink())
    sink.subscription.close()
    server.join(sink, sink.place)
    await settled()
    assert (sink.received, server.stats.executions) == (1, 1)
    view.other_position = 2
    view.change(7)
    server.advance(view.head)
    await until(lambda: sink.content == other.content == 7)
    assert server.stats.executions == 2


async def test_executions_do_not_grow_with_subscribers_nor_with_changes_within_the_interval() -> None:
    view = MemoryView()
    server = QueryServer(view, interval=0.03)
    sinks = [server.join(new_sink()) for _ in range(500)]
    await until(lambda: all(sink.received for sink in sinks))
    for value in range(1, 100):
        view.change(value)
        server.advance(view.head)
    await until(lambda: all(sink.content == 99 for sink in sinks))
    assert server.stats.executions == 2
    assert {sink.received for sink in sinks} == {2}


@pytest.mark.parametrize("error", [NotIndexed("tasks", "sort by title"), OperationTimedOut(1), OUTAGE])
async def test_a_query_that_cannot_be_executed_ends_at_once(error: Exception) -> None:
    server = QueryServer(MemoryView(), error=error)
    sink = server.join(new_sink())
    await until(lambda: sink.errors)
    assert sink.errors == [{"message": str(error)}]
    assert server.topic is None


async def test_an_outage_delays_a_result_and_another_error_ends_the_stream() -> None:
    view = MemoryView()
    server = QueryServer(view)
    sink = await joined(server, new_sink())
    server.error = OUTAGE
    view.change(1)
    server.advance(view.head)
    await until(lambda: server.stats.executions == 2)
    server.error = None
    await until(lambda: sink.content == 1)
    server.error = OperationTimedOut(1)
    view.change(2)
    server.advance(view.head)
    await until(lambda: sink.errors)


async def test_a_subscriber_that_joins_during_a_long_interval_gets_the_last_result_at_once() -> None:
    """Soon after an execution the next one would be an hour away."""
    view = MemoryView()
    server = QueryServer(view, interval=3_600.0)
    await joined(server, new_sink())
    view.change(1)
    server.advance(view.head)
    second = await joined(server, new_sink())
    assert (second.content, server.stats.executions) == (0, 1)
    server.erasure = view.head
    third = server.join(new_sink())
    await settled()
    assert third.received == 0
