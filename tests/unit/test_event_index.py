"""The index of event queries finds every query that a commit meets, each once, and forgets removed ones."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from domain.kernel import Commit, CommitInfo, RecordedEvent
from eventstore.reading.event_query import EventQuery
from subscriptions.live.event_index import EventIndex
from tests.helpers.instances import NOW

names = st.sampled_from(["a", "b", "c"])
some_names = st.none() | st.lists(names, max_size=3)
queries = st.builds(
    EventQuery,
    streams=some_names,
    categories=some_names,
    types=some_names,
    correlation=st.none() | names,
)


@st.composite
def commits(draw: st.DrawFn) -> Commit:
    info = CommitInfo(
        position=1, tenant=draw(names), stream=draw(names), category=draw(names), command_id="c", command="C",
        correlation=draw(names), causation=None, actor=None, source=None, at=NOW, occurred=None,
    )  # fmt: skip
    types = draw(st.lists(names, min_size=1, max_size=3))
    events = tuple(RecordedEvent(info, place, "id", name, 1, 1, {}, None) for place, name in enumerate(types))
    return Commit(1, info, events)


def is_met(query: EventQuery, commit: Commit) -> bool:
    return (
        commit.info is not None and query.covers(commit.info) and any(query.wants(e) for e in commit.events)
    )


@given(st.lists(st.tuples(names, queries), max_size=6), commits())
def test_every_query_that_a_commit_meets_is_found_once(
    declared: list[tuple[str, EventQuery]], commit: Commit
) -> None:
    index: EventIndex[int] = EventIndex()
    for key, (tenant, query) in enumerate(declared):
        index.add(key, tenant, query)
    assert commit.info is not None
    met = [
        key
        for key, (tenant, query) in enumerate(declared)
        if tenant == commit.info.tenant and is_met(query, commit)
    ]
    found = list(index.find(commit))
    assert len(found) == len(set(found))
    assert set(met) <= set(found)
    for key, (tenant, query) in enumerate(declared):
        index.remove(key, tenant, query)
    assert list(index.find(commit)) == []


def test_a_query_for_other_streams_or_types_is_not_found() -> None:
    index: EventIndex[str] = EventIndex()
    index.add("stream", "t", EventQuery(streams=["a"]))
    index.add("type", "t", EventQuery(types=["a"]))
    index.add("all", "t", EventQuery())
    info = CommitInfo(
        position=1, tenant="t", stream="b", category="b", command_id="c", command="C",
        correlation="b", causation=None, actor=None, source=None, at=NOW, occurred=None,
    )  # fmt: skip
    commit = Commit(1, info, (RecordedEvent(info, 0, "id", "b", 1, 1, {}, None),))
    assert list(index.find(commit)) == ["all"]
    assert list(index.find(Commit(2, None, ()))) == []
