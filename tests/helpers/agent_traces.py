"""Traces of agents as the OpenTelemetry SDK makes them, and what their runs come to by another way."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any, NamedTuple

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

AGENTS = ("support", "billing", "research")
MODELS = ("gpt-4.1", "claude-sonnet-4", "openai/o3")
TOOLS = ("search", "refund")
PRICES = {"gpt-4.1": {"input": "2.00", "output": "8.00"}, "openai/o3": {"input": "0.123456", "output": "1"}}
"""Prices of a million tokens; one of the models has none."""

CONTENT = {"gen_ai.input.messages": '[{"role": "user", "content": "I am Jane"}]'}

BEGIN = 1_770_000_000_123_456_789
"""The time of the first span; traces go on into the next day."""

HOURS = 3_600_000_000_000


class _SeededIds(IdGenerator):
    def __init__(self, random: Random) -> None:
        self._random = random

    def generate_trace_id(self) -> int:
        return self._random.randrange(1, 2**128)

    def generate_span_id(self) -> int:
        return self._random.randrange(1, 2**64)


def agent_traces(traces: int, spans: int, seed: int = 7, begin: int = BEGIN) -> list[ReadableSpan]:
    """Return the spans of some runs of agents, each a tree of so many spans."""
    random, finished = Random(seed), InMemorySpanExporter()
    provider = TracerProvider(
        resource=Resource({"service.name": "helpdesk"}),
        id_generator=_SeededIds(random),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(SimpleSpanProcessor(finished))
    tracer = provider.get_tracer("tests")
    for number in range(traces):
        first = begin + random.randrange(24) * HOURS
        root = tracer.start_span(
            "invoke_agent", attributes={**_agent(random), "nerve.task.id": f"task-{number}"}, start_time=first
        )
        parents = [root]
        for place in range(1, spans):
            context = set_span_in_context(random.choice(parents))
            name, attributes = _operation(random)
            if random.random() < 0.05:
                attributes |= CONTENT
            kind = SpanKind.CLIENT if "chat" in name else SpanKind.INTERNAL
            start = first + place * 1_000_003
            span = tracer.start_span(name, context, kind, attributes, start_time=start)
            if random.random() < 0.05:
                span.set_status(Status(StatusCode.ERROR, "it failed for jane@example.org"))
            if "chat" not in name:
                parents.append(span)
            span.end(start + random.randrange(1, 1_000_000_000))
        root.end(first + 2 * HOURS)
    provider.shutdown()
    return list(finished.get_finished_spans())


def _agent(random: Random) -> dict[str, str]:
    return {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": random.choice(AGENTS)}


def _operation(random: Random) -> tuple[str, dict[str, Any]]:
    match random.randrange(10):
        case 0:
            return "invoke_agent", dict(_agent(random))
        case 1 | 2 | 3:
            tool = random.choice(TOOLS)
            attributes = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": tool}
            return f"execute_tool {tool}", attributes
        case 4:
            return "GET", {"http.url": "https://example.org/jane"}
        case _:
            model = random.choice(MODELS)
            return f"chat {model}", {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": model,
                "gen_ai.request.temperature": 0.5,
                "gen_ai.usage.input_tokens": random.randrange(5_000),
                "gen_ai.usage.output_tokens": random.randrange(500),
                "gen_ai.response.finish_reasons": ["stop"],
            }


class ExpectedUsage(NamedTuple):
    """What a day, agent and model, or a whole run, come to."""

    counts: Counter[str]
    cost: Decimal


def expected_usage(spans: Iterable[ReadableSpan]) -> ExpectedUsage:
    """Return the calls, errors, tokens and cost of spans."""
    counts: Counter[str] = Counter()
    cost = Decimal(0)
    names = {"invoke_agent": "agentCalls", "chat": "modelCalls", "execute_tool": "toolCalls"}
    for span in spans:
        counts[names.get(_attribute(span, "operation.name"), "")] += 1
        counts["errors"] += span.status.status_code is StatusCode.ERROR
        read, written = (_attribute(span, f"usage.{side}_tokens") or 0 for side in ("input", "output"))
        counts["inputTokens"] += read
        counts["outputTokens"] += written
        price = PRICES.get(_attribute(span, "request.model"))
        if price is not None:
            cost += (read * Decimal(price["input"]) + written * Decimal(price["output"])) / 1_000_000
    del counts[""]
    return ExpectedUsage(+counts, cost)


def by_trace(spans: Iterable[ReadableSpan]) -> dict[str, list[ReadableSpan]]:
    """Return the spans of each trace, by its id."""
    traces: dict[str, list[ReadableSpan]] = defaultdict(list)
    for span in spans:
        traces[f"{span.context.trace_id:032x}"].append(span)
    return traces


def expected_days(spans: Iterable[ReadableSpan]) -> dict[tuple[str, str, str | None], ExpectedUsage]:
    """Return what each day, agent and model come to."""
    days: dict[tuple[str, str, str | None], list[ReadableSpan]] = defaultdict(list)
    for trace in by_trace(spans).values():
        run_agent = _attribute(root_of(trace), "agent.name")
        for span in trace:
            operation = _attribute(span, "operation.name")
            if operation or span.status.status_code is StatusCode.ERROR:
                day = datetime.fromtimestamp((span.start_time or 0) // 1_000_000_000, UTC).date().isoformat()
                model = _attribute(span, "request.model") if operation == "chat" else None
                days[day, _attribute(span, "agent.name") or run_agent, model].append(span)
    return {key: expected_usage(group) for key, group in days.items()}


def root_of(trace: Sequence[ReadableSpan]) -> ReadableSpan:
    """Return the span without a parent."""
    [root] = [span for span in trace if span.parent is None]
    return root


def _attribute(span: ReadableSpan, name: str) -> Any:
    return (span.attributes or {}).get(f"gen_ai.{name}")
