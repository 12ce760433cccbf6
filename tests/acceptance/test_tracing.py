"""The spans of one request, from the API through the worker to the subscriber, as a collector gets them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from tests.helpers.command_line import CLI
from tests.helpers.documentation import ROOT, code_blocks
from tests.helpers.served_api import Served, serve
from tests.helpers.servers import eventually
from tests.helpers.span_collector import CollectedSpan, SpanCollector, collecting
from tests.helpers.worker_processes import worker_on_new_database

CLIENT_SPAN = "b7ad6b7169203331"
TASKS = "subscription { tasks { __typename ... on TaskChanged { task { id } } } }"


@pytest.fixture(scope="module")
def collector() -> Iterator[SpanCollector]:
    """The collector of both processes."""
    with collecting() as collector, pytest.MonkeyPatch.context() as patch:
        patch.setenv("NERVE_TRACING__ENDPOINT", collector.url)
        patch.setenv("NERVE_TRACING__HEADERS", "x-key=sesame")
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        yield collector


@pytest.fixture(scope="module")
def settings(mongo_url: str, redis_url: str, collector: SpanCollector) -> Iterator[dict[str, str]]:
    """The settings of a worker in a process of its own."""
    with worker_on_new_database(mongo_url, redis_url) as settings:
        yield settings


@pytest.fixture(scope="module")
def served(settings: dict[str, str]) -> Iterator[Served]:
    """The API beside that worker."""
    own = {name.removeprefix("NERVE_").lower(): value for name, value in settings.items()}
    with serve(worker=False, **own) as served:
        yield served


def waited(collector: SpanCollector, trace: str, *names: str) -> dict[str, CollectedSpan]:
    """Wait for spans of these names in a trace; return the first of each name in the trace."""

    def first() -> dict[str, CollectedSpan]:
        return {span.name: span for span in reversed(collector.trace(trace))}

    eventually(lambda: first().keys() >= set(names), seconds=60)
    return first()


def appended(collector: SpanCollector, trace: str) -> set[str]:
    """The commands of the appends of a trace."""
    return {span.attributes["nerve.command"] for span in collector.trace(trace) if span.name == "append"}


def curl(served: Served) -> tuple[str, str]:
    """The command of the page that sends a mutation, for this server, and the id of its trace."""
    (script,) = code_blocks(ROOT / "docs" / "tracing.md", "sh")
    command, _, trace_command = script.strip().partition("\n\n")
    trace = uuid4().hex
    shown = trace_command.removeprefix("nerve trace ")
    assert re.fullmatch("[0-9a-f]{32}", shown)
    return command.replace(":8321", f":{served.port}").replace(shown, trace), trace


def send_curl(served: Served) -> str:
    """Send the mutation of the page; return the id of its trace."""
    command, trace = curl(served)
    answer = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout
    assert f'"correlationId":"{trace}"' in answer
    return trace


async def test_one_mutation_is_one_trace_from_the_request_to_the_delivery(
    served: Served, collector: SpanCollector, settings: dict[str, str]
) -> None:
    """The request is that of the page. The worker is another process."""
    async with served.client() as client:
        await client.subscribe("1", TASKS)
        while (await client.next())["__typename"] != "CaughtUp":
            pass
        trace = send_curl(served)
        changed = await client.next()
    names = (
        "POST /graphql", "mutation", "command CreateTask", "append", "feed", "fold view.tasks",
        "broadcast tasks",
    )  # fmt: skip
    spans = waited(collector, trace, *names)
    assert spans["POST /graphql"].parent == CLIENT_SPAN
    for parent, child in (
        ("POST /graphql", "mutation"),
        ("mutation", "command CreateTask"),
        ("command CreateTask", "append"),
        ("append", "feed"),
        ("append", "fold view.tasks"),
        ("append", "broadcast tasks"),
    ):
        assert spans[child].parent == spans[parent].id, child
    api = spans["append"].process
    assert spans["fold view.tasks"].process != api
    assert {spans[name].process for name in ("POST /graphql", "mutation", "broadcast tasks")} == {api}
    assert spans["POST /graphql"].attributes["http.response.status_code"] == 200
    assert spans["mutation"].attributes == {
        "graphql.operation.type": "mutation", "graphql.operation.name": "Create",
    }  # fmt: skip
    assert not any(span.failed for span in spans.values())
    assert collector.headers[-1]["x-key"] == "sesame"
    exported = b"".join(collector.bodies)
    for text in ("Read the log", "sesame", changed["task"]["id"], settings["NERVE_DATABASE"]):
        assert text.encode() not in exported


def test_the_command_of_the_page_shows_the_commands_of_a_trace(
    served: Served, settings: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their correlation id is the id of the trace."""
    trace = send_curl(served)
    monkeypatch.chdir(tmp_path)
    result = CliRunner(env=settings).invoke(CLI, ["trace", trace], catch_exceptions=False)
    assert "CreateTask: task.created" in result.output


def test_without_a_traceparent_a_command_is_correlated_by_the_trace_that_is_recorded(
    served: Served, collector: SpanCollector
) -> None:
    """Its id leads from nerve to the collector and back."""
    mutation = 'mutation { createTask(input: { title: "x" }) { receipt { correlationId } } }'
    correlation = served.ask(mutation)["createTask"]["receipt"]["correlationId"]
    spans = waited(collector, correlation, "POST /graphql", "append")
    assert spans["POST /graphql"].parent == ""


async def test_what_a_process_does_belongs_to_the_trace_of_the_request(
    served: Served, collector: SpanCollector
) -> None:
    """Its reaction, its effect and the command of the effect run in the worker."""
    agent = served.do("registerAgent", wait="STORED", name="x")["stream"]
    trace = uuid4().hex
    mutation = (
        'mutation ($agent: ID!) { requestTeamTask(input: { title: "x", agentIds: [$agent] }) {'
        " receipt { version } } }"
    )
    body = {"query": mutation, "variables": {"agent": agent}}
    served.post(body, traceparent=f"00-{trace}-{CLIENT_SPAN}-01")
    names = ("command RequestTeamTask", "effect teamwork", "command CreateTask")
    spans = waited(collector, trace, *names)
    eventually(lambda: appended(collector, trace) >= {"RequestTeamTask", "ReactToEvent", "CreateTask"})
    assert spans["command CreateTask"].parent == spans["effect teamwork"].id
    assert spans["effect teamwork"].process != spans["command RequestTeamTask"].process
    by_id = {span.id: span for span in collector.trace(trace)}
    reaction = by_id[spans["effect teamwork"].parent]
    assert (reaction.name, reaction.attributes["nerve.command"]) == ("append", "ReactToEvent")
    assert by_id[reaction.parent].attributes["nerve.command"] == "RequestTeamTask"


async def test_an_operation_on_a_socket_has_a_span(served: Served, collector: SpanCollector) -> None:
    """One, however many messages a subscription gets; the client's trace is in the payload."""
    trace = uuid4().hex
    async with served.client(traceparent=f"00-{trace}-{CLIENT_SPAN}-01") as client:
        await client.subscribe("1", "query Ask { tasks { totalCount } }")
        await client.next()
        assert (await client.receive())["type"] == "complete"
        await client.subscribe("2", f"subscription Follow {TASKS.removeprefix('subscription')}")
        await client.next("2")
    spans = waited(collector, trace, "query", "subscription")
    assert {spans[name].parent for name in ("query", "subscription")} == {CLIENT_SPAN}
    assert len(collector.trace(trace)) == 2


def test_a_request_that_is_not_to_be_recorded_leaves_no_span(
    served: Served, collector: SpanCollector
) -> None:
    """Neither in the API nor in the worker; a later trace is complete, so nothing is on its way."""
    unrecorded, recorded = uuid4().hex, uuid4().hex
    mutation = 'mutation { createTask(input: { title: "x" }, await: PROJECTED) { receipt { stream } } }'
    body = {"query": mutation}
    served.post(body, traceparent=f"00-{unrecorded}-{CLIENT_SPAN}-00")
    served.post(body, traceparent=f"00-{recorded}-{CLIENT_SPAN}-01")
    waited(collector, recorded, "POST /graphql", "fold view.tasks")
    assert collector.trace(unrecorded) == []
