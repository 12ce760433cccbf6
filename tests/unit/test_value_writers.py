"""Whatever a page of rows holds and a document selects of it, writers give what graphql-core gives."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from itertools import product
from typing import Any, cast

import pytest
from graphql import ExecutionResult, GraphQLObjectType, execute, parse
from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.graphql.execution.core_executor import CheckedExecutor, OperationExecutor, is_coroutine
from api.graphql.execution.object_writers import MAX_MEMBERS
from api.graphql.execution.selection_tree import SelectionTree
from api.graphql.execution.value_writers import FieldWriters
from tests.helpers.own_contexts import own_schema
from tests.helpers.page_documents import FRAGMENT, ROW, no_rows, page, rows, selections, values

SCHEMA = own_schema()


STEP = {
    "name": "Check",
    "task_id": "task-1",
    "agent_id": None,
    "completed_at": datetime(2026, 1, 31, 12, 0, 0, 5000, tzinfo=UTC),
}
steps = st.just(STEP) | st.builds(
    lambda field, value: {**STEP, field: value}, st.sampled_from(["agent_id", "completed_at"]), values
)


async def run(executor: type[CheckedExecutor], document: Any, source: Any, yes: bool, **parts: Any) -> Any:
    """Return the result of the document, whose first field resolves to the source."""
    field = document.definitions[0].selection_set.selections[0].name.value
    declared = cast(GraphQLObjectType, SCHEMA.type_map["Query"]).fields[field]
    resolver = declared.resolve
    declared.resolve = lambda *_, **__: source
    try:
        outcome: Any = execute(
            SCHEMA,
            document,
            variable_values={"yes": yes},
            executor_class=executor,
            is_awaitable=is_coroutine,
            **parts,
        )
        result = await outcome if is_coroutine(outcome) else outcome
    finally:
        declared.resolve = resolver
    return cast(ExecutionResult, result).formatted


async def compiled(query: str, source: Any, yes: bool) -> Any:
    document = parse(query)
    writers = FieldWriters(SelectionTree(SCHEMA, document))
    return await run(OperationExecutor, document, source, yes, writers=writers)


@given(
    selection=selections,
    found=st.lists(rows | no_rows, max_size=3),
    yes=st.booleans(),
    reads_later=st.booleans(),
)
def test_pages_are_written_as_graphql_core_writes_them(
    selection: str, found: list[Any], yes: bool, reads_later: bool
) -> None:
    """graphql-core is the oracle for data, nulls, errors and their paths."""
    query = f"query ($yes: Boolean!) {{ tasks {{ {selection} }} }} {FRAGMENT}"
    source = page(found, reads_later=reads_later)
    plain = asyncio.run(run(CheckedExecutor, parse(query), source, yes))
    assert repr(asyncio.run(compiled(query, source, yes))) == repr(plain)


MOMENT = datetime(2026, 1, 31, 12)


@settings(max_examples=30)
@given(
    lists=st.lists(st.lists(steps, max_size=3), max_size=3),
    moment=st.sampled_from([MOMENT, MOMENT.replace(tzinfo=UTC)]),
)
@example(lists=[[STEP, {**STEP, "completed_at": MOMENT}], [STEP]], moment=MOMENT)
@example(lists=[[STEP, None]], moment=MOMENT)
@example(lists=[[STEP], (STEP,), None], moment=None)
def test_lists_inside_of_rows_are_written_as_graphql_core_writes_them(lists: list[Any], moment: Any) -> None:
    """The same code writes the rows and what is in them, at whatever level a value does not fit."""
    node = "startedAt steps { name completedAt id: agentId } a: steps { name }"
    query = f"query ($yes: Boolean!) {{ workflows {{ edges {{ node {{ {node} }} }} }} }}"
    source = page([{"id": "w", "started_at": moment, "steps": each} for each in lists], reads_later=False)
    plain = asyncio.run(run(CheckedExecutor, parse(query), source, True))
    assert repr(asyncio.run(compiled(query, source, True))) == repr(plain)


async def test_objects_with_many_fields_are_written_without_an_execution(executed: list[str]) -> None:
    """They have code of their own, between fields of objects that have none."""
    many = " ".join(f"a{place}: title" for place in range(MAX_MEMBERS + 1))
    edges = f"edges {{ node {{ {many} }} cursor }}"
    query = f"query ($yes: Boolean!) {{ tasks {{ {edges} nodes {{ id }} }} }}"
    source = page([ROW, ROW], reads_later=False)
    written = await compiled(query, source, True)
    assert executed == ["tasks"]
    assert repr(written) == repr(await run(CheckedExecutor, parse(query), source, True))


@pytest.mark.parametrize("yes", [True, False])
async def test_one_document_serves_all_values_of_its_conditions(yes: bool) -> None:
    """What was compiled for one value is not used for the other."""
    query = "query ($yes: Boolean!) { tasks { nodes { id title @include(if: $yes) } } }"
    document = parse(query)
    writers = FieldWriters(SelectionTree(SCHEMA, document))
    for value in (yes, not yes):
        source = page([ROW], reads_later=False)
        result = await run(OperationExecutor, document, source, value, writers=writers)
        [row] = result["data"]["tasks"]["nodes"]
        assert row == ({"id": "task-1", "title": "Ä"} if value else {"id": "task-1"})


def test_writers_are_kept_up_to_a_number_of_fields() -> None:
    """A field has as many writers as its conditions have combinations of values."""
    names = [f"c{place}" for place in range(5)]
    conditions = " ".join(f"{name}: title @include(if: ${name})" for name in names)
    leaves = " ".join(f"a{place}: id" for place in range(50))
    declared = ", ".join(f"${name}: Boolean!" for name in names)
    tree = SelectionTree(
        SCHEMA, parse(f"query ({declared}) {{ tasks {{ nodes {{ {conditions} {leaves} }} }} }}")
    )
    query, connection = (
        cast(GraphQLObjectType, SCHEMA.type_map[name]) for name in ("Query", "TaskConnection")
    )
    [tasks] = tree.collect([tree.operations[None]], query, {})
    [nodes] = tree.collect(tasks.selections, connection, {})
    writers = FieldWriters(tree)
    first, *others = (dict(zip(names, values, strict=True)) for values in product([True, False], repeat=5))
    write = writers.find(connection, nodes.nodes, first)
    assert write is not None
    assert writers.find(connection, nodes.nodes, first) is write
    for variables in others:
        assert writers.find(connection, nodes.nodes, variables) is not None
    assert writers.find(connection, nodes.nodes, first) is not write


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the fields that graphql-core executes."""
    names: list[str] = []
    execute_field = CheckedExecutor.execute_field

    def note(self: Any, parent_type: Any, source: Any, details: Any, *rest: Any) -> Any:
        names.append(details[0].node.name.value)
        return execute_field(self, parent_type, source, details, *rest)

    monkeypatch.setattr(CheckedExecutor, "execute_field", note)
    return names


async def test_a_page_that_fits_its_types_needs_no_execution(executed: list[str]) -> None:
    """graphql-core executes the root field alone."""
    query = "{ tasks { edges { cursor node { id createdAt _meta { version } } } pageInfo { hasNextPage } } }"
    result = await compiled(query, page([ROW, ROW], reads_later=False), yes=True)
    assert executed == ["tasks"]
    assert len(result["data"]["tasks"]["edges"]) == 2
