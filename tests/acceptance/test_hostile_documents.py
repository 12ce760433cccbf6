"""Hostile documents: what one response may hold, over all of its root fields together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from api.graphql.execution.core_executor import CheckedExecutor
from tests.helpers.served_api import Served, serve

MAX_BYTES = 200_000
MAX_ROWS = 30
MAX_PAST_EVENTS = 60


@pytest.fixture(scope="module")
def bounded(mongo_url: str, redis_url: str) -> Iterator[Served]:
    own: dict[str, Any] = {
        "mongo_url": mongo_url,
        "redis_url": redis_url,
        "database": f"test_{uuid4().hex}",
        "max_response_bytes": MAX_BYTES,
        "max_rows": MAX_ROWS,
        "max_past_events": MAX_PAST_EVENTS,
    }
    with serve(**own) as running:
        yield running


@pytest.fixture(scope="module")
def document(bounded: Served) -> str:
    content = {"text": "x" * 30_000}
    stream: str = bounded.do("createDocument", title="Large", content=content)["stream"]
    return stream


@pytest.fixture(scope="module")
def task(bounded: Served) -> str:
    """A task with several changes."""
    stream: str = bounded.do("createTask", title="x")["stream"]
    for agent in ("agent-1", "agent-2"):
        bounded.do("registerAgent", id=agent, name="x")
        bounded.do("assignTask", id=stream, agentId=agent)
    bounded.do("startTask", id=stream)
    return stream


def aliases(number: int, field: str) -> str:
    return " ".join(f"a{n}: {field}" for n in range(number))


def assert_refused(result: dict[str, Any], word: str) -> None:
    assert result["data"] is None
    [error] = result["errors"]
    assert error["extensions"]["code"] == "TOO_COMPLEX"
    assert word in error["message"]


def test_e2_a_large_field_under_many_names_is_too_complex(bounded: Served, document: str) -> None:
    few = bounded.ask(f'{{ document(id: "{document}") {{ {aliases(5, "content")} }} }}')
    assert len(few["document"]) == 5
    many = f'{{ document(id: "{document}") {{ {aliases(300, "content")} }} }}'
    assert_refused(bounded.run(many), f"{MAX_BYTES} bytes")


def test_e2_all_root_fields_share_one_budget(bounded: Served, document: str) -> None:
    field = f'document(id: "{document}") {{ content }}'
    assert_refused(bounded.run(f"{{ {aliases(8, field)} }}"), f"{MAX_BYTES} bytes")


def test_e2_nothing_is_written_once_the_budget_is_spent(
    bounded: Served, document: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The work ends there, and not at the end of the document."""
    written = 0
    spend = CheckedExecutor.complete_leaf_value

    def count(*parts: Any) -> Any:
        nonlocal written
        written += 1
        return spend(*parts)

    monkeypatch.setattr(CheckedExecutor, "complete_leaf_value", staticmethod(count))
    query = f'{{ document(id: "{document}") {{ {aliases(300, "content")} }} }}'
    assert_refused(bounded.run(query), f"{MAX_BYTES} bytes")
    assert written < 20


def test_e2_data_of_events_counts_too(bounded: Served, document: str) -> None:
    stream = f'filter: {{ streams: ["{document}"] }}'
    assert_refused(bounded.run(f"{{ {aliases(9, f'events({stream}) {{ nodes {{ data }} }}')} }}"), "bytes")


def test_e2_a_mutation_keeps_the_receipts_of_what_it_stored(bounded: Served) -> None:
    selection = f"document {{ {aliases(9, 'content')} }} receipt {{ version }}"
    call = f"createDocument(input: $input, await: PROJECTED) {{ {selection} }}"
    query = f"mutation ($input: CreateDocumentInput!) {{ {call} }}"
    result = bounded.run(query, input={"title": "Large", "content": {"text": "x" * 30_000}})
    assert {error["extensions"]["code"] for error in result["errors"]} == {"TOO_COMPLEX"}
    assert result["data"]["createDocument"]["receipt"] == {"version": 1}


async def test_e2_each_message_of_a_subscription_has_a_budget(bounded: Served, document: str) -> None:
    message = f"... on DocumentChanged {{ document {{ {aliases(9, 'content')} }} }}"
    async with bounded.client() as client:
        await client.subscribe("1", f'subscription {{ document(id: "{document}") {{ {message} }} }}')
        result = await client.receive()
        while not result["payload"].get("errors"):
            bounded.do("renameDocument", id=document, title=uuid4().hex)
            result = await client.receive()
    assert result["payload"]["errors"][0]["extensions"]["code"] == "TOO_COMPLEX"


@pytest.mark.parametrize(
    "field",
    ["events(first: 20) { nodes { id } }", 'taskHistory(id: "TASK", first: 20) { nodes { position } }'],
)
def test_rows_of_events_and_histories_count_as_others_do(bounded: Served, task: str, field: str) -> None:
    field = field.replace("TASK", task)
    assert "errors" not in bounded.run(f"{{ {field} }}")
    assert_refused(bounded.run(f"{{ {aliases(12, field)} }}"), f"{MAX_ROWS} rows")


def test_e5_past_events_are_counted_for_the_whole_request(bounded: Served, task: str) -> None:
    field = f'taskWhy(id: "{task}", field: STATUS) {{ value }}'
    assert "errors" not in bounded.run(f"{{ {aliases(3, field)} }}")
    result = bounded.run(f"{{ {aliases(40, field)} }}")
    assert {error["extensions"]["code"] for error in result["errors"]} == {"TOO_COMPLEX"}
    read = [value for value in result["data"].values() if value is not None]
    assert 0 < len(read) <= MAX_PAST_EVENTS // 4
