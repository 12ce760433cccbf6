"""Topics of events with equal queries: a commit is compared with their query once for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from types import SimpleNamespace
from typing import Any

import pytest

from domain.kernel import Commit, CommitInfo, RecordedEvent
from eventstore.reading.event_query import EventQuery
from subscriptions.live.event_hub import EventHub, EventMessage, EventTopicSource
from tests.helpers.instances import NOW

QUERY = EventQuery(categories=["task"], types=["task.created", "task.completed"], since=NOW)


class RecordingTopic:
    def __init__(self) -> None:
        self.ids: list[str] = []

    def publish(self, messages: Sequence[EventMessage]) -> None:
        self.ids += [message.event.id for message in messages]


def commit(position: int, event_type: str) -> Commit:
    info = CommitInfo(
        position=position, tenant="default", stream="task-1", category="task", command_id="c", command="C",
        correlation="c", causation=None, actor=None, source=None, at=NOW, occurred=None,
    )  # fmt: skip
    event = RecordedEvent(
        commit=info, place=0, id=str(position), type=event_type, revision=1, version=1, data={}, payload=None
    )
    return Commit(position, info, (event,))


def test_equal_queries_have_equal_keys_whatever_their_collections_are() -> None:
    same = replace(QUERY, categories=("task",), types={"task.completed", "task.created"})
    assert QUERY.key == same.key
    assert hash(QUERY.key) == hash(same.key)


@pytest.mark.parametrize(
    "condition", [each.name for each in fields(EventQuery) if each.name != "permissions"]
)
def test_each_condition_is_part_of_the_key(condition: str) -> None:
    another: Any = {condition: "another"}
    assert replace(QUERY, **another).key != QUERY.key


def test_topics_with_equal_queries_share_the_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[EventQuery] = []
    covers = EventQuery.covers

    def counting(query: EventQuery, info: CommitInfo) -> bool:
        compared.append(query)
        return covers(query, info)

    monkeypatch.setattr(EventQuery, "covers", counting)
    log: Any = SimpleNamespace(high_water_mark=None, erasure=0)
    hub, topics = EventHub(log, log), [RecordingTopic() for _ in range(3)]
    queries = (QUERY, replace(QUERY), replace(QUERY, types=["task.created"]))
    sources = [
        EventTopicSource(hub, "default", query, topic)  # type: ignore[arg-type]
        for query, topic in zip(queries, topics, strict=True)
    ]
    hub.publish([commit(1, "task.created"), commit(2, "task.completed")])
    assert [topic.ids for topic in topics] == [["1", "2"], ["1", "2"], ["1"]]
    assert len(compared) == 3
    sources[0].close()
    hub.publish([commit(3, "task.created")])
    for source in sources[1:]:
        source.close()
    hub.publish([commit(4, "task.created")])
    assert [topic.ids for topic in topics] == [["1", "2"], ["1", "2", "3"], ["1", "3"]]
