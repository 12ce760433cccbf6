"""Which results can be cached: those of queries that read rows as they are now, and nothing else."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from api.graphql.execution.executor import Executor
from api.graphql.execution.operation_request import OperationRequest
from api.graphql.execution.result_dependencies import ResultDependencies
from api.graphql.schema import build_schema
from domain.kernel import Catalog
from tests.helpers import memo_books, memos


@cache
def executor() -> Executor:
    """Return the executor of both views, made once and not by each process that collects tests."""
    catalog = Catalog([memos.context, memo_books.context])
    return Executor(build_schema(catalog, [memos.view, memo_books.view]))


def dependencies(query: str, name: str | None = None) -> ResultDependencies | None:
    prepared = executor().prepare(OperationRequest(query, name))
    return prepared.document.dependencies(prepared.operation_name)


@pytest.mark.parametrize(
    ("query", "views"),
    [
        ('{ memo(id: "memo-1") { id text } }', ["memos"]),
        ("{ memos(first: 2) { edges { cursor node { id _meta { version } } } totalCount } }", ["memos"]),
        ("{ memos { pageInfo { hasNextPage hasPreviousPage endCursor } __typename } }", ["memos"]),
        ('{ memo(id: "memo-1") { book { title } } }', ["memos", "books"]),
        ('{ book(id: "Book:1") { memos { nodes { book { id } } } } }', ["books", "memos"]),
        ("{ memos { nodes { ...M } } } fragment M on Memo { book { title } }", ["memos", "books"]),
        (
            "query ($all: Boolean!) { memos { nodes { id } } books @include(if: $all) { totalCount } }",
            ["memos", "books"],
        ),
    ],
)
def test_a_query_depends_on_every_view_that_it_may_read(query: str, views: list[str]) -> None:
    """In links and fragments too, and where a condition leaves a field out."""
    found = dependencies(query)
    assert found is not None
    assert sorted(view.name for view in found.views) == sorted(views)
    assert found.are_present({"all": True})


@pytest.mark.parametrize(
    "query",
    [
        "{ __typename }",
        "{ __schema { queryType { name } } }",
        "{ memos { totalCount } viewer { tenant } }",
        "{ memos { totalCount } events { nodes { id } } }",
        '{ node(id: "memo-1") { id } }',
        '{ memoHistory(id: "memo-1") { nodes { position } } }',
        '{ memoWhy(id: "memo-1", field: TEXT) { value } }',
        '{ versions(id: "memo-1") { version } }',
        "{ viewStatus { name } }",
        'mutation { sealMemo(input: { id: "memo-1" }) { receipt { position } } }',
    ],
)
def test_what_reads_more_than_rows_is_not_cached(query: str) -> None:
    assert dependencies(query) is None


@pytest.mark.parametrize(
    ("query", "variables", "is_present"),
    [
        ("query ($at: Position) { memos(atLeast: $at) { totalCount } }", {}, True),
        ("query ($at: Position) { memos(atLeast: $at) { totalCount } }", {"at": None}, True),
        ("query ($at: Position) { memos(atLeast: $at) { totalCount } }", {"at": "x"}, False),
        ('query ($at: Position = "x") { memos(atLeast: $at) { totalCount } }', {}, False),
        ('query ($at: Position = "x") { memos(atLeast: $at) { totalCount } }', {"at": None}, True),
        ('{ memos(atLeast: "x") { totalCount } }', {}, False),
        ('{ memos(asOf: { time: "2026-01-31T12:00:00Z" }) { totalCount } }', {}, False),
        ("query ($p: Position) { memos(asOf: { position: $p }) { totalCount } }", {"p": "x"}, False),
        ("{ memos(asOf: null) { totalCount } }", {}, True),
        ('{ memo(id: "memo-1") { text } }', {}, True),
        ('{ memo(id: "memo-1@x") { text } }', {}, False),
        ("query ($id: ID!) { memo(id: $id) { text } }", {"id": "memo-1"}, True),
        ("query ($id: ID!) { memo(id: $id) { text } }", {"id": "memo-1@x"}, False),
        ("query ($id: ID!) { memo(id: $id) { text } }", {"id": 1}, True),
    ],
)
def test_what_asks_for_another_state_than_the_present_one_is_not_cached(
    query: str, variables: dict[str, Any], is_present: bool
) -> None:
    """By an argument, by a variable or its default, and by the id of a past state."""
    found = dependencies(query)
    assert found is not None
    assert found.are_present(variables) is is_present


def test_each_operation_of_a_document_has_its_own_dependencies() -> None:
    document = "query A { memos { totalCount } } query B { books { totalCount } } query C { __typename }"
    each = [dependencies(document, name) for name in "ABC"]
    assert [found and [view.name for view in found.views] for found in each] == [["memos"], ["books"], None]
