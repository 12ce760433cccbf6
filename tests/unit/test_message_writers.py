"""What writers of subscription messages write is what graphql-core would write."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast
from weakref import ref

import pytest
from graphql import Executor as CoreExecutor
from graphql import execute_subscription_event, parse
from hypothesis import example, given
from hypothesis import strategies as st

from api.access.callers import UNRESTRICTED
from api.encoding import encode
from api.graphql.execution.core_executor import OperationExecutor
from api.graphql.execution.message_writers import MessageWriter, SubscriptionSelection
from api.graphql.execution.request_context import ExecutionContext, RequestContext
from api.graphql.execution.row_selections import RowSelections
from api.graphql.execution.selection_tree import SelectionTree
from api.graphql.execution.shared_leaves import SharedObject
from api.graphql.execution.subscription_execution import SubscriptionExecution
from api.graphql.execution.value_writers import FieldWriters
from api.limits.byte_budget import ByteBudget
from api.runtime import Runtime
from tests.helpers.own_contexts import own_schema

SCHEMA = own_schema()
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
QUERY = """subscription ($no: Boolean = false) { alias: tasks { __typename
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
    """Return the result as graphql-core makes it."""
    return cast(Any, execute_subscription_event(bound.build_per_event_executor(source)))


def select(query: str = QUERY, **variables: Any) -> SubscriptionSelection:
    tree, bound = SelectionTree(SCHEMA, parse(query)), bind(query, **variables)
    variables = bound.variable_values.coerced
    return SubscriptionSelection(SCHEMA, tree, tree.operations[None], variables, ByteBudget(), None)


def writer(typename: str, query: str = QUERY, **variables: Any) -> MessageWriter:
    return select(query, **variables).compile_writer(typename)


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
def test_a_writer_writes_what_graphql_core_does_or_nothing(
    typename: str, odd: dict[str, Any], row: dict[str, Any], no: bool
) -> None:
    """graphql-core is the oracle, whatever a source holds: wrong types, missing values, nulls."""
    task = {**TASK, **row}
    source = {"__typename": typename, **SOURCES[typename], "task": task, "tasks": [task, TASK], **odd}
    written, result = writer(typename, no=no)(source), core(bind(no=no), source)
    if written is not None:
        assert result.errors is None
        assert repr(written) == repr(result.data)


@pytest.mark.parametrize("typename", sorted(SOURCES))
def test_a_message_that_fits_its_types_is_written(typename: str) -> None:
    source = {"__typename": typename, **SOURCES[typename]}
    written = writer(typename)(source)
    assert written is not None
    assert list(written["alias"]) == list(core(bind(), source).data["alias"])


def test_what_follows_a_link_is_left_to_graphql_core() -> None:
    query = "subscription { tasks { ... on TaskChanged { rowId task { id agent { name } } } } }"
    source = {"__typename": "TaskChanged", **SOURCES["TaskChanged"]}
    assert writer("TaskChanged", query)(source) is None
    assert writer("CaughtUp", query)({"__typename": "CaughtUp"}) == {"tasks": {}}


LEAVES = """subscription ($no: Boolean = false) { alias: tasks { type: __typename ... on TaskChanged {
  k: kind changedFields other: changedFields position p: position @include(if: $no) commandId
} } }"""


@given(
    st.dictionaries(st.sampled_from(["kind", "changed_fields", "position", "command_id"]), values),
    st.booleans(),
)
@example({"position": 2**64}, False)
def test_joined_leaves_are_what_graphql_core_writes_or_nothing(odd: dict[str, Any], no: bool) -> None:
    source = SharedObject({"__typename": "TaskChanged", **SOURCES["TaskChanged"], **odd})
    join, result = select(LEAVES, no=no).compile_join("TaskChanged"), core(bind(LEAVES, no=no), source)
    assert join is not None
    assert join.write(source) == (None if result.errors else encoded(result.data))


def encoded(data: Any) -> bytes | None:
    """Return the response with the data; None where JSON has no form of it, such as for large integers."""
    try:
        return encode({"data": data})
    except TypeError:
        return None


def test_a_leaf_is_encoded_once_for_all_documents() -> None:
    source = SharedObject({"__typename": "TaskChanged", **SOURCES["TaskChanged"]})
    joins = [select(LEAVES.replace("alias", name)).compile_join("TaskChanged") for name in ("a", "b")]
    [first, second] = [join.write(source) for join in joins if join is not None]
    assert first is not None
    assert second == first.replace(b'{"a":', b'{"b":')
    source["position"] = "what is not read again"
    assert joins[0] is not None
    assert joins[0].write(source) == first


def test_a_joined_object_needs_no_cycle_collector_to_be_freed() -> None:
    class Kind(str):
        """A text to which a weak reference is possible."""

    kind = Kind("ADDED")
    freed = ref(kind)
    source = SharedObject({"__typename": "TaskChanged", **SOURCES["TaskChanged"], "kind": kind})
    del kind
    join = select(LEAVES).compile_join("TaskChanged")
    assert join is not None
    gc.disable()
    try:
        assert join.write(source) is not None
        del source
        assert freed() is None
    finally:
        gc.enable()


def test_documents_with_more_than_leaves_and_large_responses_are_not_joined() -> None:
    assert select().compile_join("TaskChanged") is None
    assert select("subscription { tasks { __typename } }").compile_join("CaughtUp") is None
    assert select(LEAVES, no=None).compile_join("TaskChanged") is None
    selection = select(LEAVES)._replace(budget=ByteBudget(800))
    join = selection.compile_join("TaskChanged")
    assert join is not None
    source = SharedObject({"__typename": "TaskChanged", **SOURCES["TaskChanged"]})
    assert join.write(SharedObject({**source, "position": "p" * 100})) is None


def test_a_condition_that_is_null_is_left_to_graphql_core() -> None:
    """It is an error, which graphql-core reports with its path."""
    query = "subscription ($no: Boolean = false) { tasks { __typename @include(if: $no) } }"
    assert writer("CaughtUp", query, no=None)({"__typename": "CaughtUp"}) is None
    assert writer("CaughtUp", query)({"__typename": "CaughtUp"}) == {"tasks": {}}


def test_a_written_result_needs_no_execution_and_any_other_gets_one() -> None:
    executed: list[Any] = []

    class CountingExecutor(OperationExecutor):
        def execute_message(self, message: Mapping[str, Any]) -> Any:
            executed.append(message)
            return super().execute_message(message)

    document, selection = parse(QUERY), select()
    request = RequestContext(cast(Runtime, None), UNRESTRICTED, {})
    context = ExecutionContext.of(request, RowSelections(selection.tree))
    bound = CountingExecutor.bind(
        SCHEMA, document, context, {}, None, FieldWriters(SelectionTree(SCHEMA, document))
    )
    assert isinstance(bound, OperationExecutor)
    execution = SubscriptionExecution(bound, selection, None)
    whole = {"__typename": "CaughtUp", "position": "p"}
    assert execution.result(whole) == {"data": {"alias": whole}}
    assert executed == []
    broken = execution.result({"__typename": "CaughtUp", "position": None})
    assert isinstance(broken, dict)
    assert broken["data"] is None
    assert len(executed) == 1
