"""The view `runs`: each run of an agent, with what all of its spans come to."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import TypedDict

from domain.agent_runs import context
from domain.agent_runs.description import RunDescription, value_of
from domain.agent_runs.events import RunDescribed, SpanRecorded
from domain.agent_runs.spans import Span, elapsed_seconds, moment
from domain.agent_runs.usage import FREE, Usage, usage_of
from domain.kernel import RecordedEvent
from domain.kernel.access import role
from domain.kernel.fields import Int32, Int64
from projections.kernel import ToMany, ToOne, View
from projections.kernel.merging import united


class RunState(StrEnum):
    """The state of a run: it is running until the span that it begins with has ended and was received."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


class RunRow(TypedDict):
    """A run of an agent: the spans of one trace.

    It begins and ends with the first and the last span that was received. Tokens and cost are those of the
    calls of models. `correlation_id` is the trace id, unless a span names another one.
    """

    id: str
    trace_id: str
    name: str | None
    state: RunState
    error_type: str | None
    agent_name: str | None
    conversation_id: str | None
    correlation_id: str
    agent_id: str | None
    task_id: str | None
    workflow_id: str | None
    services: list[str]
    providers: list[str]
    models: list[str]
    started_at: datetime
    ended_at: datetime
    duration_seconds: float
    start_nano: Int64
    end_nano: Int64
    spans: Int32
    agent_calls: Int32
    model_calls: Int32
    tool_calls: Int32
    errors: Int32
    input_tokens: Int64
    output_tokens: Int64
    cost: Decimal


def _apply(id: str, row: RunRow | None, event: RecordedEvent) -> RunRow | None:
    match event.payload:
        case SpanRecorded(span=span):
            return _with_span(_first_row(id, span) if row is None else row, span)
        case RunDescribed(description=description) if row is not None:
            return _described(row, description)
        case _:
            return row


def _first_row(id: str, span: Span) -> RunRow:
    """Return the row of a run without spans, in whose times those of its first one are."""
    trace_id = id.removeprefix("agentrun-")
    return RunRow(
        id=id,
        trace_id=trace_id,
        name=None,
        state=RunState.RUNNING,
        error_type=None,
        agent_name=None,
        conversation_id=None,
        correlation_id=trace_id,
        agent_id=None,
        task_id=None,
        workflow_id=None,
        services=[],
        providers=[],
        models=[],
        started_at=moment(span.start_nano),
        ended_at=moment(span.end_nano),
        duration_seconds=0.0,
        start_nano=span.start_nano,
        end_nano=span.end_nano,
        spans=0,
        agent_calls=0,
        model_calls=0,
        tool_calls=0,
        errors=0,
        input_tokens=0,
        output_tokens=0,
        cost=FREE,
    )


def _with_span(row: RunRow, span: Span) -> RunRow:
    start, end = min(row["start_nano"], span.start_nano), max(row["end_nano"], span.end_nano)
    used = usage_of(span) or Usage("", None)
    return {
        **row,
        "services": _with_value(row["services"], span.service),
        "providers": _with_value(row["providers"], span.provider),
        "models": _with_value(row["models"], used.model),
        "started_at": moment(start),
        "ended_at": moment(end),
        "duration_seconds": elapsed_seconds(start, end),
        "start_nano": start,
        "end_nano": end,
        "spans": row["spans"] + 1,
        "agent_calls": row["agent_calls"] + used.agent_calls,
        "model_calls": row["model_calls"] + used.model_calls,
        "tool_calls": row["tool_calls"] + used.tool_calls,
        "errors": row["errors"] + used.errors,
        "input_tokens": row["input_tokens"] + used.input_tokens,
        "output_tokens": row["output_tokens"] + used.output_tokens,
        "cost": row["cost"] + used.cost,
    }


def _with_value(values: list[str], value: str | None) -> list[str]:
    return values if value is None or value in values else united(values, [value])


def _described(row: RunRow, description: RunDescription) -> RunRow:
    entry = description.entry
    described: RunRow = {
        **row,
        "agent_name": value_of(description.agent_name),
        "conversation_id": value_of(description.conversation_id),
        "correlation_id": value_of(description.correlation_id) or row["trace_id"],
        "agent_id": value_of(description.agent_id),
        "task_id": value_of(description.task_id),
        "workflow_id": value_of(description.workflow_id),
    }
    if entry is None:
        return described
    state = RunState.FAILED if entry.is_error else RunState.COMPLETED
    return {**described, "name": entry.name, "state": state, "error_type": entry.error_type}


view = View(
    name="runs",
    singular="agent_run",
    context=context,
    row=RunRow,
    apply=_apply,
    access=role("run_viewer"),
    filters=(
        "state", "agent_name", "agent_id", "task_id", "workflow_id", "correlation_id", "models", "started_at",
    ),
    orders=("started_at", "duration_seconds", "cost"),
    indexes=(("agent_name", "-started_at"), ("state", "-started_at"), ("models", "-started_at")),
    links=(
        ToMany("span_tree", "spans", by="run_id"),
        ToOne("agent", "agents", by="agent_id"),
        ToOne("task", "tasks", by="task_id"),
        ToOne("workflow", "workflows", by="workflow_id"),
    ),
    personal=(),
    description="A run of an agent: the spans of one trace.",
)  # fmt: skip
