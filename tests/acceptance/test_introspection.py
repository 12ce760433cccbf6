"""An API that shows its schema to nobody."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.helpers.served_api import Served
from tests.helpers.token_access import serve_with


@pytest.fixture(scope="module")
def served(mongo_url: str, redis_url: str) -> Iterator[Served]:
    with serve_with(None, mongo_url, redis_url, introspection=False) as served:
        yield served


@pytest.mark.parametrize(
    "document",
    [
        "{ __schema { types { name } } }",
        '{ hidden: __type(name: "Task") { fields { name } } }',
        "{ ...Schema } fragment Schema on Query { __schema { description } }",
    ],
    ids=["schema", "type", "fragment"],
)
def test_queries_for_the_schema_are_refused(served: Served, document: str) -> None:
    """Also for callers that may do everything."""
    response = served.run(document)
    assert "data" not in response
    for error in response["errors"]:
        assert error["extensions"]["code"] == "VALIDATION_FAILED"
        assert error["message"].startswith("GraphQL introspection has been disabled")


def test_unknown_names_get_no_suggestions(served: Served) -> None:
    assert (
        served.refused("{ taks { nodes { id } } }")["message"] == "Cannot query field 'taks' on type 'Query'."
    )


def test_clients_get_the_names_of_types(served: Served) -> None:
    """They need them to tell the members of a union apart."""
    assert served.ask("{ __typename }") == {"__typename": "Query"}
