"""What subscriptions are told without graphql-core is what graphql-core would tell."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from graphql import Executor as CoreExecutor
from graphql import execute_subscription_event, parse
from hypothesis import given
from hypothesis import strategies as st

from api.contexts import load_contexts
from api.graphql.execution import executor
from api.graphql.execution.message_writers import compile_writer
from api.graphql.schema import build_schema
from api.settings import Settings

SCHEMA = build_schema(*load_contexts(Settings()))
MOMENT = datetime(2026, 1, 31, 12, 0, 0, 5000, tzinfo=UTC)
TASK = {
    "id": "task-1",
    "title": "x",
    "status": "CREATED",
    "tags": ["a"],
    "created_at": MOMENT,
    "duration_seconds": 1.5,
    "result": {"a": [1]},
}
SOURCES: dict[str, dict[str, Any]] = {
    "TaskChanged": {
        "kind": "ADDED",
        "row_id": "task-1",
        "task": TASK,
        "changed_fields": ["title"],
        "position": "p",
    },
    "TasksSnapshot": {"tasks": [TASK, TASK], "position": "p"},
    "CaughtUp": {"position": "p"},
}
QUERY = """subscription ($no: Boolean = false) { told: tasks { __typename
  ... on Message { position }
  ... on TaskChanged { kind rowId changedFields task { ...T } }
  ... on TasksSnapshot { tasks { ...T hidden: id @include(if: $no) } }
} }
fragment T on Task { id title status tags createdAt at: createdAt durationSeconds result __typename ...U }
fragment U on Task { title priority @skip(if: true) }"""


def bind(query: str = QUERY, **variables: Any) -> CoreExecutor[Any]:
    bound = CoreExecutor.build(SCHEMA, parse(query), raw_variable_values=variables)
    assert isinstance(bound, CoreExecutor)
    return bound


def core(bound: CoreExecutor[Any], source: Mapping[str, Any]) -> Any:
    """What graphql-core tells."""
    return cast(Any, execute_subscription_event(bound.build_per_event_executor(source)))


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.datetimes(timezones=st.just(UTC)),
    st.lists(st.none() | st.text(max_size=2) | st.integers(), max_size=2),
    st.sampled_from(["CREATED", "ADDED", TASK]),
)


@given(
    typename=st.sampled_from(sorted(SOURCES)),
    odd=st.dictionaries(
        st.sampled_from(["kind", "row_id", "task", "tasks", "changed_fields", "position"]), values
    ),
    row=st.dictionaries(st.sampled_from(sorted(TASK)), values, max_size=2),
    no=st.booleans(),
)
def test_a_plan_writes_what_graphql_core_does_or_leaves_it_to_it(
    typename: str, odd: dict[str, Any], row: dict[str, Any], no: bool
) -> None:
    """graphql-core is the oracle, whatever a source holds: wrong types, missing values, nulls."""
    task = {**TASK, **row}
    source = {"__typename": typename, **SOURCES[typename], "task": task, "tasks": [task, TASK], **odd}
    bound = bind(no=no)
    planned, told = compile_writer(bound, typename)(source), core(bound, source)
    if planned is not None:
        assert told.errors is None
        assert repr(planned) == repr(told.data)


@pytest.mark.parametrize("typename", sorted(SOURCES))
def test_what_is_as_it_should_be_is_planned(typename: str) -> None:
    source = {"__typename": typename, **SOURCES[typename]}
    planned = compile_writer(bind(), typename)(source)
    assert planned is not None
    assert list(planned["told"]) == list(core(bind(), source).data["told"])


def test_what_follows_a_link_is_left_to_graphql_core() -> None:
    query = "subscription { tasks { ... on TaskChanged { rowId task { id agent { name } } } } }"
    source = {"__typename": "TaskChanged", **SOURCES["TaskChanged"]}
    assert compile_writer(bind(query), "TaskChanged")(source) is None
    assert compile_writer(bind(query), "CaughtUp")({"__typename": "CaughtUp"}) == {"tasks": {}}


async def test_a_planned_result_needs_no_execution(monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that cannot be planned gets one."""
    told: list[Any] = []

    def note(bound: CoreExecutor[Any]) -> Any:
        told.append(bound.root_value)
        return execute_subscription_event(bound)

    monkeypatch.setattr(executor, "execute_subscription_event", note)
    stream = executor.SubscriptionExecution(bind(), None)
    whole = {"__typename": "CaughtUp", "position": "p"}
    assert stream.result(whole) == {"data": {"told": {"__typename": "CaughtUp", "position": "p"}}}
    assert told == []
    broken = stream.result({"__typename": "CaughtUp", "position": None})
    assert isinstance(broken, dict)
    assert broken["data"] is None
    assert len(told) == 1
