"""The execution seam: what graphql-core would answer, from documents that are prepared once."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from graphql import DocumentNode, ExecutionResult, GraphQLObjectType, build_schema, execute, parse
from graphql.execution.collect_fields import CollectedFields
from hypothesis import given
from hypothesis import strategies as st

from api.access.callers import UNRESTRICTED
from api.graphql.execution import executor as executor_module
from api.graphql.execution.core_executor import CheckedExecutor, OperationExecutor
from api.graphql.execution.execution_results import OperationRefused
from api.graphql.execution.executor import Executor
from api.graphql.execution.operation_request import OperationRequest, read_operation
from api.graphql.execution.parsed_documents import BASE_WEIGHT, document_cache
from api.graphql.execution.request_context import RequestContext
from api.graphql.execution.selection_tree import SelectionTree
from api.graphql.execution.value_writers import FieldWriters
from api.limits.document_limits import parse_within
from api.limits.operation_limits import OperationLimits
from api.runtime import Runtime
from domain.kernel.errors import NotFound
from tests.helpers.own_contexts import own_schema

SCHEMA = own_schema()
NOTHING = RequestContext(cast(Runtime, None), UNRESTRICTED, {})

MOMENT = datetime(2026, 1, 31, 12, 0, 0, 5000, tzinfo=UTC)
ROW = {
    "id": "task-1",
    "title": "x",
    "status": "CREATED",
    "tags": ["a"],
    "created_at": MOMENT,
    "duration_seconds": 1.5,
    "result": {"a": [1]},
}


@contextmanager
def resolving(root: str, field: str, resolver: Callable[..., Any], kind: str = "resolve") -> Iterator[None]:
    """While this lasts, a root field of the schema answers otherwise."""
    declared = cast(GraphQLObjectType, SCHEMA.type_map[root]).fields[field]
    before = getattr(declared, kind)
    setattr(declared, kind, resolver)
    try:
        yield
    finally:
        setattr(declared, kind, before)


def both(query: str, row: Mapping[str, Any], **variables: Any) -> tuple[Any, Any]:
    """What nerve's executor and what graphql-core's own makes of a row behind the query `node`."""
    document, node = parse(query), {**row, "__typename": "Task"}
    writers = FieldWriters(SelectionTree(SCHEMA, document))
    with resolving("Query", "node", lambda *_, **__: node):
        short = execute(
            SCHEMA,
            document,
            variable_values=variables,
            executor_class=OperationExecutor,
            writers=writers,
        )
        plain = execute(SCHEMA, document, variable_values=variables, executor_class=CheckedExecutor)
    return cast(ExecutionResult, short).formatted, cast(ExecutionResult, plain).formatted


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.datetimes(timezones=st.just(UTC)),
    st.lists(st.integers(), max_size=2),
    st.sampled_from(["CREATED", "HIGH"]),
)


@given(row=st.dictionaries(st.sampled_from(sorted(ROW)), values), full=st.booleans())
def test_leaves_are_written_as_graphql_core_writes_them(row: dict[str, Any], full: bool) -> None:
    """graphql-core is the oracle, whatever a row holds: wrong types, missing values, nulls."""
    fields = "id title status tags createdAt durationSeconds result __typename also: title"
    query = f'query {{ node(id: "x") {{ ... on Task {{ {fields} }} }} }}'
    short, plain = both(query, {**ROW, **row} if full else row)
    assert repr(short) == repr(plain)


def test_directives_fragments_and_aliases_reach_leaves() -> None:
    query = """query ($yes: Boolean!) { node(id: "x") { ...T ... on Task { b: id @skip(if: $yes) } } }
      fragment T on Task { a: id title @include(if: $yes) ...U } fragment U on Task { status }"""
    short, plain = both(query, ROW, yes=True)
    assert short == plain == {"data": {"node": {"a": "task-1", "title": "x", "status": "CREATED"}}}


def test_introspection_is_answered() -> None:
    short, plain = both('{ __schema { queryType { name } } __type(name: "Task") { fields { name } } }', ROW)
    assert short == plain
    assert "errors" not in short


def operation(query: str, **parts: Any) -> OperationRequest:
    return read_operation({"query": query, **parts})


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that were parsed, in order."""
    texts: list[str] = []

    def note(text: str, limits: OperationLimits) -> DocumentNode:
        texts.append(text)
        return parse_within(text, limits)

    monkeypatch.setattr(executor_module, "parse_within", note)
    return texts


def test_a_text_is_parsed_and_validated_once(parsed: list[str]) -> None:
    executor, text = Executor(SCHEMA), "{ __typename }"
    first, second = (executor.prepare(operation(text, variables={"n": n})) for n in range(2))
    assert first.document is second.document
    assert parsed == [text]


def test_the_texts_used_last_are_kept(parsed: list[str]) -> None:
    executor = Executor(SCHEMA, cache=document_cache(2 * BASE_WEIGHT + 30))
    texts = [f"{{ a{n}: __typename }}" for n in range(3)]
    for n in (0, 1, 0, 2, 0, 1):
        executor.prepare(operation(texts[n]))
    assert parsed == [texts[0], texts[1], texts[2], texts[1]]


def test_an_invalid_text_is_not_kept(parsed: list[str]) -> None:
    executor = Executor(SCHEMA)
    for _ in range(2):
        with pytest.raises(OperationRefused):
            executor.prepare(operation("{ nope }"))
    assert len(parsed) == 2


def test_a_document_weighs_its_tokens_and_its_text(parsed: list[str]) -> None:
    """E7: many or long documents take no more memory than the cache may have."""
    executor = Executor(SCHEMA, cache=document_cache(BASE_WEIGHT + 300))
    for text in ("{ " + "a: __typename " * 120 + "}", "{ __typename #" + "x" * 30_000 + "\n}"):
        parsed.clear()
        for _ in range(2):
            executor.prepare(operation(text))
        assert len(parsed) == 2
    small = "{ __typename }"
    executor.prepare(operation(small))
    executor.prepare(operation(small))
    assert parsed[-1:] == [small]


def test_executors_share_one_cache_and_no_document(parsed: list[str]) -> None:
    cache = document_cache()
    executors = [Executor(schema, cache=cache) for schema in (SCHEMA, build_schema("type Query { a: Int }"))]
    documents = [executor.prepare(operation("{ __typename }")).document for executor in executors]
    assert documents[0] is not documents[1]
    assert len(parsed) == 2


async def test_what_nerve_did_not_raise_on_purpose_is_masked(caplog: pytest.LogCaptureFixture) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the password is hunter2")

    executor = Executor(SCHEMA)
    with resolving("Query", "node", fail):
        result = await executor.execute(executor.prepare(operation('{ node(id: "x") { id } }')), NOTHING)
    [error] = result["errors"]
    assert "hunter2" not in str(result)
    assert error["extensions"]["code"] == "INTERNAL"
    assert error["extensions"]["traceId"] in caplog.text
    assert "hunter2" in caplog.text


async def test_a_subscription_that_fails_on_its_way_ends_with_the_error() -> None:
    async def messages() -> AsyncIterator[dict[str, str]]:
        yield {"__typename": "CaughtUp", "position": "p"}
        raise NotFound("it is gone")

    executor = Executor(SCHEMA)
    prepared = executor.prepare(operation("subscription { events { __typename } }"))
    with resolving("Subscription", "events", lambda *_, **__: messages(), "subscribe"):
        results = executor.subscribe(prepared, NOTHING).results()
        assert await anext(results) == {"data": {"events": {"__typename": "CaughtUp"}}}
        with pytest.raises(OperationRefused) as refused:
            await anext(results)
    assert refused.value.result == {
        "errors": [{"message": "it is gone", "extensions": {"code": "NOT_FOUND"}}]
    }


async def test_what_a_subscription_keeps_does_not_grow_with_what_it_has_told() -> None:
    async def messages() -> AsyncIterator[dict[str, Any]]:
        while True:
            yield {"__typename": "TaskChanged", "row_id": "task-1", "task": ROW}

    executor = Executor(SCHEMA)
    text = "subscription { tasks { ... on TaskChanged { rowId task { id result } } } }"
    prepared = executor.prepare(operation(text))
    with resolving("Subscription", "tasks", lambda *_, **__: messages(), "subscribe"):
        results = executor.subscribe(prepared, NOTHING).results()
        kept = []
        for _ in range(2):
            for _ in range(3):
                assert "errors" not in await anext(results)
            kept.append(_selections_kept())
    assert kept[0] == kept[1]


def _selections_kept() -> int:
    gc.collect()
    return sum(type(one) is CollectedFields for one in gc.get_objects())
