"""Traces from the exporter of OpenTelemetry, and from a public framework for agents, on a running nerve."""

from __future__ import annotations

import asyncio
import os
import re
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any
from uuid import uuid4

import pytest
import yaml
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace import StatusCode
from pymongo import MongoClient

from api.lifecycle import open_runtime
from api.settings import Settings
from domain.kernel.errors import ConfigurationError
from tests.helpers.agent_traces import (
    CONTENT,
    PRICES,
    ExpectedUsage,
    agent_traces,
    by_trace,
    expected_days,
    expected_usage,
    root_of,
)
from tests.helpers.documentation import ROOT, code_blocks, operation
from tests.helpers.served_api import Served, serve
from tests.helpers.servers import eventually

CONTEXTS = (
    "projections.views.agents",
    "projections.views.tasks",
    "projections.views.task_days",
    "projections.views.workflows",
    "projections.views.subjects",
    "projections.views.runs",
    "projections.views.spans",
    "projections.views.run_days",
)
PAGE = ROOT / "docs" / "agent-runs.md"
TRACE_OF_PAGE = "5b8efff798038103d269b633813fc60c"
TRACES, SPANS = 12, 100
USAGE = "agentCalls modelCalls toolCalls errors inputTokens outputTokens cost"
RUN = f"""query ($id: ID!) {{ agentRun(id: $id) {{
  traceId name state agentName taskId correlationId services models startNano endNano spans {USAGE}
  spanTree(first: 200, orderBy: [{{ field: START_NANO }}]) {{
    nodes {{ spanId parentId name kind operation status startNano content }} }} }} }}"""
DAYS = f"{{ runDays(first: 200) {{ nodes {{ day agentName model {USAGE} }} }} }}"


@pytest.fixture(scope="module")
def nerve(mongo_url: str, redis_url: str) -> Iterator[Served]:
    database = f"test_{uuid4().hex}"
    with serve(
        mongo_url=mongo_url,
        redis_url=redis_url,
        database=database,
        contexts=CONTEXTS,
        master_key=b64encode(os.urandom(32)).decode(),
        agent_runs={"prices": PRICES, "record_content": True},
    ) as served:
        yield served
    with MongoClient[dict[str, Any]](mongo_url) as client:
        client.drop_database(database)


@pytest.fixture
def exporter(nerve: Served) -> Iterator[OTLPSpanExporter]:
    exporter = OTLPSpanExporter(f"http://127.0.0.1:{nerve.port}/v1/traces", compression=Compression.Gzip)
    yield exporter
    exporter.shutdown()


def usage(row: dict[str, Any]) -> ExpectedUsage:
    """Return what a row of the API says was used."""
    counts = Counter({name: int(row[name]) for name in USAGE.split() if name != "cost"})
    return ExpectedUsage(+counts, Decimal(row["cost"]))


def test_runs_and_spans_of_shuffled_and_doubled_batches_equal_the_input(
    nerve: Served, exporter: OTLPSpanExporter
) -> None:
    """Each span is counted once, and the totals by day, agent and model are those of the spans."""
    spans = agent_traces(TRACES, SPANS)
    random = Random(3)
    sent = [*spans, *random.sample(spans, len(spans) // 2)]
    random.shuffle(sent)
    while sent:
        size = random.randrange(100, 400)
        assert exporter.export(sent[:size]) is SpanExportResult.SUCCESS
        sent = sent[size:]
    traces = by_trace(spans)
    assert len(traces) == TRACES
    eventually(lambda: nerve.ask("{ spans(first: 1) { totalCount } }")["spans"]["totalCount"] == len(spans))
    for trace_id, trace in traces.items():
        run = f"agentrun-{trace_id}"
        eventually(partial(is_complete, nerve, run))
        check_run(nerve.ask(RUN, id=run)["agentRun"], trace_id, trace)
    expected = expected_days(spans)
    own = {day for day, *_ in expected}
    eventually(lambda: {key: used for key, used in days(nerve).items() if key[0] in own} == expected)


def is_complete(nerve: Served, run: str) -> bool:
    return spans_of_run(nerve, run) == SPANS


def spans_of_run(nerve: Served, run: str) -> int:
    row = nerve.ask("query ($id: ID!) { agentRun(id: $id) { spans } }", id=run)["agentRun"]
    return 0 if row is None else row["spans"]


def check_run(run: dict[str, Any], trace_id: str, trace: list[ReadableSpan]) -> None:
    """Compare the row of a run, and those of its spans, with the spans that were sent."""
    root = root_of(trace)
    assert root.attributes is not None
    failed = root.status.status_code is StatusCode.ERROR
    assert (run["traceId"], run["correlationId"]) == (trace_id, trace_id)
    assert (run["name"], run["state"]) == ("invoke_agent", "FAILED" if failed else "COMPLETED")
    assert run["agentName"] == root.attributes["gen_ai.agent.name"]
    assert run["taskId"] == root.attributes["nerve.task.id"]
    assert run["services"] == ["helpdesk"]
    assert usage(run) == expected_usage(trace)
    assert int(run["startNano"]) == min(span.start_time or 0 for span in trace)
    assert int(run["endNano"]) == max(span.end_time or 0 for span in trace)
    shown = {node["spanId"]: node for node in run["spanTree"]["nodes"]}
    assert len(shown) == len(trace)
    for span in trace:
        node = shown[f"{span.context.span_id:016x}"]
        parent = None if span.parent is None else f"agentrun-{trace_id}/{span.parent.span_id:016x}"
        assert (node["parentId"], node["name"]) == (parent, span.name)
        assert (node["kind"], node["status"]) == (span.kind.name, span.status.status_code.name)
        assert int(node["startNano"]) == span.start_time
        assert ("I am Jane" in str(node["content"])) == (CONTENT.items() <= (span.attributes or {}).items())


def days(nerve: Served, query: str = DAYS) -> dict[tuple[str, str, str | None], ExpectedUsage]:
    rows = nerve.ask(query)["runDays"]["nodes"]
    return {(row["day"], row["agentName"], row["model"]): usage(row) for row in rows}


class EndedSpans(SpanProcessor):
    """Counts spans."""

    def __init__(self) -> None:
        self.ended = 0

    def on_end(self, span: ReadableSpan) -> None:
        self.ended += 1


def test_a_run_of_a_public_framework_is_shown(nerve: Served, exporter: OTLPSpanExporter) -> None:
    """Pydantic AI with its own instrumentation and its model for tests, which needs no network."""
    from pydantic_ai import Agent
    from pydantic_ai.models.instrumented import InstrumentationSettings
    from pydantic_ai.models.test import TestModel

    provider = TracerProvider(shutdown_on_exit=False)
    run_spans = EndedSpans()
    provider.add_span_processor(run_spans)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    agent = Agent(TestModel(), name="helpdesk")
    agent.instrument = InstrumentationSettings(tracer_provider=provider)

    @agent.tool_plain
    def weather(city: str) -> str:
        return f"rain in {city}"

    # `run_sync` would leave an event loop open.
    asyncio.run(agent.run("What is the weather?"))
    provider.shutdown()

    def helpdesk_runs() -> list[dict[str, Any]]:
        return [run for run in all_runs(nerve) if run["agentName"] == "helpdesk"]

    # Its spans and its row are in two views, which fold the spans one after the other.
    eventually(lambda: [len(run["spanTree"]["nodes"]) for run in helpdesk_runs()] == [run_spans.ended])
    eventually(lambda: [run["spans"] for run in helpdesk_runs()] == [run_spans.ended])
    [run] = helpdesk_runs()
    assert (run["state"], run["agentCalls"], run["modelCalls"], run["toolCalls"]) == ("COMPLETED", 1, 2, 1)
    assert run["models"] == ["test"]
    assert int(run["inputTokens"]) > 0
    tree = run["spanTree"]["nodes"]
    [tool] = [span for span in tree if span["operation"] == "execute_tool"]
    assert (tool["toolName"], tool["run"]["id"]) == ("weather", run["id"])
    assert "city" in str(tool["content"])
    [root] = [span for span in tree if span["parentId"] is None]
    assert {span["parent"]["id"] for span in tree if span["operation"] == "chat"} == {root["id"]}


def all_runs(nerve: Served) -> list[dict[str, Any]]:
    nodes = "id parentId operation toolName content parent { id } run { id }"
    fields = f"id agentName state models spans {USAGE} spanTree(first: 20) {{ nodes {{ {nodes} }} }}"
    runs = nerve.ask(f"{{ runs(first: 100) {{ nodes {{ {fields} }} }} }}")["runs"]
    rows: list[dict[str, Any]] = runs["nodes"]
    return rows


def test_the_examples_of_the_page_work(nerve: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trace in JSON is shown by the page's queries, and the exporter is configured by its variables."""
    [example] = code_blocks(PAGE, "json")
    sent = nerve.http.post("/v1/traces", content=example, headers={"content-type": "application/json"})
    assert (sent.status_code, sent.json()) == (200, {})
    run = f"agentrun-{TRACE_OF_PAGE}"
    eventually(lambda: spans_of_run(nerve, run) == 2)
    shown = nerve.ask(operation("AgentRuns"))["runs"]["nodes"]
    [row] = [each for each in shown if each["id"] == run]
    assert (row["state"], row["agentName"], row["models"]) == ("COMPLETED", "support", ["gpt-4.1"])
    assert (row["inputTokens"], Decimal(row["cost"])) == ("1200", Decimal("0.00304"))
    eventually(lambda: len(tree_of(nerve, run)) == 2)
    assert [span["name"] for span in tree_of(nerve, run)] == ["invoke_agent support", "chat gpt-4.1"]
    eventually(lambda: ("2026-05-28", "support", "gpt-4.1") in days(nerve, operation("AgentRunDays")))
    assert traced_spans(nerve, TRACE_OF_PAGE) == 2
    [variables] = code_blocks(PAGE, "sh")
    for name, value in re.findall(r'^export (\w+)="?([^"\n]+)"?$', variables, re.M):
        monkeypatch.setenv(name, value.replace("8321", str(nerve.port)))
    exporter = OTLPSpanExporter()
    assert exporter.export(agent_traces(1, 2, seed=99, begin=1)) is SpanExportResult.SUCCESS
    exporter.shutdown()


def tree_of(nerve: Served, run: str) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = nerve.ask(operation("AgentRunTree"), id=run)["agentRun"]["spanTree"][
        "nodes"
    ]
    return nodes


def traced_spans(nerve: Served, correlation: str) -> int:
    """Return the number of spans that the trace of a correlation shows."""
    trace = nerve.ask("query ($id: ID!) { trace(correlationId: $id) { nodes { name } } }", id=correlation)
    return [node["name"] for node in trace["trace"]["nodes"]].count("agentrun.span_recorded")


def test_the_content_of_an_erased_person_is_null_and_later_spans_have_none(nerve: Served) -> None:
    trace = uuid4().hex
    send_content(nerve, trace, "00000000000000a1")
    eventually(lambda: content_of(nerve, trace) == {"00000000000000a1": True})
    nerve.do("eraseSubject", "STORED", subject="user-jane", reason="she asked for it")
    eventually(lambda: content_of(nerve, trace) == {"00000000000000a1": False})
    send_content(nerve, trace, "00000000000000a2")
    erased = {"00000000000000a1": False, "00000000000000a2": False}
    eventually(lambda: content_of(nerve, trace) == erased)


def send_content(nerve: Served, trace: str, span_id: str) -> None:
    attributes = {"user.id": "user-jane", **CONTENT}
    span = {
        "traceId": trace,
        "spanId": span_id,
        "name": "chat",
        "startTimeUnixNano": 1,
        "endTimeUnixNano": 2,
        "attributes": [{"key": key, "value": {"stringValue": text}} for key, text in attributes.items()],
    }
    sent = nerve.http.post("/v1/traces", json={"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
    assert (sent.status_code, sent.json()) == (200, {})


def content_of(nerve: Served, trace: str) -> dict[str, bool]:
    """Return the ids of the spans of a trace, and whether their content is shown."""
    query = "query ($id: ID!) { spans(filter: { runId: { eq: $id } }) { nodes { spanId content } } }"
    nodes = nerve.ask(query, id=f"agentrun-{trace}")["spans"]["nodes"]
    return {node["spanId"]: node["content"] is not None for node in nodes}


@pytest.mark.parametrize("example", code_blocks(PAGE, "yaml"))
def test_the_settings_of_the_page_are_valid(example: str) -> None:
    settings = Settings(**yaml.safe_load(example), master_key=b64encode(bytes(32)).decode())
    assert {*settings.contexts} == {*CONTEXTS} or settings.agent_runs is not None


async def test_content_is_not_recorded_without_a_master_key() -> None:
    """No process opens the log so; `nerve dev` makes a key of its own before."""
    settings = Settings(agent_runs={"record_content": True})
    with pytest.raises(ConfigurationError, match="record_content needs master_key"):
        async with open_runtime(settings):
            pass
