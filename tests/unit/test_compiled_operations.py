"""Whatever an operation selects and its resolvers return, compiled code gives what graphql-core does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from itertools import product
from typing import Any, NamedTuple

import pytest
from graphql import get_operation_ast, parse
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from api.execution_metrics import ExecutionMetrics
from api.graphql.execution.compiled_operations import CompiledOperation, root_cache
from api.graphql.execution.executor import Executor
from api.graphql.execution.operation_request import read_operation
from api.graphql.execution.selection_tree import SelectionTree
from api.graphql.execution.value_writers import max_fields
from api.limits.operation_limits import OperationLimits
from domain.kernel.errors import NotFound
from tests.helpers.execution_oracle import (
    WITHOUT_RUNTIME,
    execute_by_core,
    execute_by_nerve,
    resolving,
)
from tests.helpers.own_contexts import own_schema
from tests.helpers.page_documents import FRAGMENT, ROW, no_rows, page, rows, selections

VARIABLES = (
    "$yes: Boolean!, $id: ID!, $n: Int, $m: Int = 3, $after: String, "
    "$filter: TaskFilter, $order: [TaskOrder!]"
)
USES = """fragment Uses on Query {
  all: tasks(filter: $filter, orderBy: $order, first: $n, last: $m, after: $after) @skip(if: true) {
    __typename
  }
  task(id: $id) @skip(if: $yes) { status ...T }
}"""
"""A valid document uses each of its variables."""

TASKS = [
    "",
    "(first: $n)",
    "(first: $m, after: $after)",
    "(last: 2, before: null)",
    '(filter: {title: {eq: "x"}, and: [{priority: {eq: HIGH}}]}, first: 5)',
    "(filter: $filter, orderBy: $order)",
    "(filter: {title: {eq: $after}}, orderBy: {field: TITLE, direction: DESC})",
]
inputs = st.fixed_dictionaries(
    {"yes": st.booleans(), "id": st.sampled_from(["task-1", 7])},
    optional={
        "n": st.sampled_from([None, 1, 10**12, "1"]),
        "m": st.sampled_from([None, 0, 2.0]),
        "after": st.sampled_from([None, "x"]),
        "filter": st.sampled_from([None, {}, {"title": {"eq": "x"}}, {"title": {"in": "x"}}, {"nope": 1}]),
        "order": st.sampled_from([None, [], {"field": "TITLE", "direction": "DESC"}, [None]]),
    },
)
tasks = st.builds("ALIAS tasks{} {{ {} }}".format, st.sampled_from(TASKS), selections)
others = st.sampled_from(
    [
        "task(id: $id) { id title }",
        'ALIAS task(id: "task-1") { id title ...T }',
        "ALIAS node(id: $id) { __typename id ... on Task { title tags } ... on Agent { name } ...T }",
        "ALIAS __typename",
        "... @include(if: $yes) { ALIAS __typename }",
    ]
)
roots = st.lists(tasks | others, min_size=1, max_size=3).map(
    lambda texts: " ".join(text.replace("ALIAS", f"f{place}:") for place, text in enumerate(texts))
)
"""Root fields whose names in the response do not clash."""

RECEIPT = {"command_id": "c", "stream": "task-1", "version": 1, "position": "p", "correlation_id": "c"}
payloads = st.one_of(
    no_rows, (rows | no_rows).map(lambda row: {"receipt": RECEIPT, "task": row}), st.just({"receipt": None})
)
commands = st.lists(
    st.sampled_from(
        [
            'ALIAS createTask(input: {title: "x"}) { receipt { stream version } task { id title } }',
            "ALIAS createTask(input: $input, await: PROJECTED) { task { ...T } receipt { commandId } }",
            "ALIAS createTask(input: $input, commandId: $id, expectedVersion: 1) { receipt { changed } }",
        ]
    ),
    min_size=1,
    max_size=3,
).map(lambda texts: " ".join(text.replace("ALIAS", f"f{place}:") for place, text in enumerate(texts)))


class Resolved(NamedTuple):
    """A call of a resolver: the field's name in the response, and its arguments."""

    name: str
    arguments: Mapping[str, Any]


class Resolvers:
    """Resolvers that note their calls, and return or raise what a test says."""

    def __init__(self, **values: Any) -> None:
        self.values = values
        self.calls: list[Resolved] = []

    def by_place(self, root: str) -> dict[tuple[str, str], Callable[..., Any]]:
        """Return the resolvers of the fields of this type."""
        return {(root, field): self.of(field) for field in self.values}

    def of(self, field: str) -> Callable[..., Awaitable[Any]]:
        """Return the resolver of a field."""

        async def resolve(_source: object, info: Any, **arguments: Any) -> Any:
            self.calls.append(Resolved(info.path.key, arguments))
            await asyncio.sleep(0)
            value = self.values[field]
            if isinstance(value, NotFound):
                raise value
            return value

        return resolve


class Outcome(NamedTuple):
    """A result, and how the resolvers were called for it."""

    result: Any
    calls: list[Resolved]


def by_core(root: str, query: str, variables: dict[str, Any], **values: Any) -> Outcome:
    """Return what graphql-core makes of an operation, with these values of the root's fields."""
    resolvers = Resolvers(**values)
    with resolving(resolvers.by_place(root)):
        result = asyncio.run(execute_by_core(query, variables, keep_data=root == "Mutation"))
    return Outcome(result, resolvers.calls)


def by_nerve(root: str, query: str, variables: dict[str, Any], **values: Any) -> Outcome:
    """Return what nerve's executor makes of an operation, with these values of the root's fields."""
    resolvers = Resolvers(**values)
    with resolving(resolvers.by_place(root)):
        result = asyncio.run(execute_by_nerve(query, variables))
    return Outcome(result, resolvers.calls)


@given(
    selected=roots,
    variables=inputs,
    found=st.lists(rows | no_rows, max_size=2),
    row=rows | no_rows,
    is_lost=st.booleans(),
)
def test_queries_give_what_graphql_core_gives(
    selected: str, variables: dict[str, Any], found: list[Any], row: Any, is_lost: bool
) -> None:
    """graphql-core is the oracle: arguments, data, nulls, errors and their paths."""
    query = f"query ({VARIABLES}) {{ {selected} ...Uses }} {FRAGMENT} {USES}"
    values = {
        "tasks": NotFound("it is gone") if is_lost else page(found, reads_later=False),
        "task": row,
        "node": {**row, "__typename": "Task"} if isinstance(row, dict) else row,
    }
    plain, compiled = (run("Query", query, variables, **values) for run in (by_core, by_nerve))
    if "data" not in compiled.result:
        # `test_wrong_arguments` is about the errors of variables, which also have a path.
        assert plain.result["data"] is None
        assert not plain.calls
        assert len(compiled.result["errors"]) == len(plain.result["errors"])
        return
    assert repr(compiled.result) == repr(plain.result)
    assert _arguments(compiled.calls) == _arguments(plain.calls)


@given(selected=commands, payload=payloads, title=st.sampled_from(["x", None, 7]))
def test_mutations_give_what_graphql_core_gives(selected: str, payload: Any, title: Any) -> None:
    """Each command is sent once, after the one before it."""
    uses = (
        "all: createTask(input: $input, commandId: $id) @skip(if: $yes) { receipt { stream } task { ...T } }"
    )
    query = f"mutation ($input: CreateTaskInput!, $id: ID, $yes: Boolean = true) {{ {selected} {uses} }}"
    variables = {"input": {"title": title, "tags": "a"}}
    plain, compiled = (
        run("Mutation", f"{query} {FRAGMENT}", variables, createTask=payload) for run in (by_core, by_nerve)
    )
    if "data" not in compiled.result:
        assert not plain.calls
        return
    assert repr(compiled.result) == repr(plain.result)
    assert _arguments(compiled.calls) == _arguments(plain.calls)
    assert [call.name for call in compiled.calls] == [call.name for call in plain.calls]


def _arguments(calls: list[Resolved]) -> dict[str, list[str]]:
    """Return the arguments of each call by the name of its field."""
    return {call.name: sorted(map(repr, call.arguments.items())) for call in calls}


def executions(metrics: CollectorRegistry) -> dict[str, float]:
    """Return the numbers of all executions, and of those by graphql-core by their reason."""
    samples = [sample for metric in metrics.collect() for sample in metric.samples]
    return {
        sample.labels.get("reason", "all"): sample.value
        for sample in samples
        if sample.name.endswith("_total") and sample.value
    }


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        (
            "{ tasks { edges { cursor node { id createdAt _meta { version } } } pageInfo { hasNextPage } } }",
            "",
        ),
        ('{ task(id: "task-1") { id title } __typename }', ""),
        ('{ node(id: "task-1") { id ... on Task { title } } }', ""),
        ('mutation { createTask(input: {title: "x"}) { receipt { stream } } }', ""),
        ("{ __schema { queryType { name } } }", "introspection"),
        ("{ tasks { totalCount } }", ""),
        ('query ($on: Boolean = true) { task(id: "task-1") { id @skip(if: $on) } }', "condition"),
        ('{ tasks { nodes { id finishedAt } } task(id: "task-1") { agentId tags } }', "value"),
    ],
)
def test_what_graphql_core_executes_is_counted(query: str, reason: str) -> None:
    """Operators see why an operation takes longer than it could."""
    row = {**ROW, "tags": None}
    tasks = page([ROW], reads_later=False)
    queries = Resolvers(tasks=tasks, task=row, node={**ROW, "__typename": "Task"})
    mutations = Resolvers(createTask={"receipt": RECEIPT})
    registry = CollectorRegistry()
    variables = {"on": None} if "$on" in query else {}
    with resolving({**queries.by_place("Query"), **mutations.by_place("Mutation")}):
        asyncio.run(execute_by_nerve(query, variables, ExecutionMetrics(registry)))
    assert executions(registry) == ({"all": 1, reason: 1} if reason else {"all": 1})


def test_graphql_core_continues_with_what_was_resolved() -> None:
    """A value that cannot be written costs no second read, and no second command."""
    query = '{ tasks { nodes { id } } task(id: "task-1") { tags } }'
    values = {"tasks": page([ROW], reads_later=False), "task": {**ROW, "tags": 7}}
    outcome = by_nerve("Query", query, {}, **values)
    assert outcome.result["data"]["tasks"] == {"nodes": [{"id": "task-1"}]}
    assert [error["path"][0] for error in outcome.result["errors"]] == ["task"]
    assert [call.name for call in outcome.calls] == ["tasks", "task"]


async def test_a_response_beyond_its_limit_is_refused_by_graphql_core() -> None:
    """The bytes of compiled fields count together."""
    executor = Executor(own_schema(), limits=OperationLimits(response_bytes=1_000))
    prepared = executor.prepare(
        read_operation({"query": "{ a: tasks { nodes { title } } b: tasks { nodes { title } } }"})
    )
    resolvers = Resolvers(tasks=page([{**ROW, "title": "x" * 600}], reads_later=False))
    with resolving(resolvers.by_place("Query")):
        result = await executor.execute(prepared, WITHOUT_RUNTIME)
    [error] = result["errors"]
    assert result["data"] is None
    assert error["extensions"]["code"] == "TOO_COMPLEX"


def test_a_document_that_expands_to_very_many_fields_is_not_compiled() -> None:
    """To compile one for each combination of its conditions would take the memory, and block the others."""
    leaves = " ".join(f"a{place}: id" for place in range(300))
    roots = " ".join(f'f{place}: task(id: "task-1") {{ ...Leaves }}' for place in range(50))
    query = f"{{ {roots} }} fragment Leaves on Task {{ {leaves} }}"
    registry = CollectorRegistry()
    with resolving(Resolvers(task=ROW).by_place("Query")):
        result = asyncio.run(execute_by_nerve(query, {}, ExecutionMetrics(registry)))
    assert len(result["data"]["f49"]) == 300
    assert executions(registry) == {"all": 1, "size": 1}


def test_compiled_roots_are_kept_up_to_a_number_of_fields() -> None:
    """A document has as many roots as its conditions have combinations of values."""
    names = [f"c{place}" for place in range(5)]
    leaves = " ".join(f"a{place}: id" for place in range(50))
    parts = " ".join(f"{name}: tasks @include(if: ${name}) {{ nodes {{ ...Leaves }} }}" for name in names)
    declared = ", ".join(f"${name}: Boolean!" for name in names)
    document = parse(f"query ({declared}) {{ {parts} }} fragment Leaves on Task {{ {leaves} }}")
    tree, node = SelectionTree(own_schema(), document), get_operation_ast(document)
    assert node is not None
    cache = root_cache(tree)
    operation = CompiledOperation(document, node, tree, cache)
    for values in product([True, False], repeat=len(names)):
        conditions = dict(zip(names, values, strict=True))
        fields = operation.root_fields(conditions)
        assert operation.root_fields(conditions) is fields
        assert len(fields) == sum(values)
    assert 1 < cache.entries < 32
    assert cache.weight <= max_fields(tree)
