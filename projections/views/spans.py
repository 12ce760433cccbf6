"""The view `spans`: each span of a run; those of one run are a tree by their parents."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TypedDict

from domain.agent_runs import context
from domain.agent_runs.events import SpanRecorded
from domain.agent_runs.spans import SpanKind, SpanStatus, elapsed_seconds, moment
from domain.kernel import RecordedEvent
from domain.kernel.access import role
from domain.kernel.fields import Int64, Json
from projections.kernel import ToMany, ToOne, View


class SpanRow(TypedDict):
    """A span of a run.

    `parent_id` is the row of the span that caused it, which need not have been received. `content` has the
    messages and the arguments of tools, if the settings ask for them; it is null after the erasure of the
    person whose data it is. `has_content` is whether it was recorded, and stays so.
    """

    id: str
    run_id: str
    span_id: str
    parent_id: str | None
    name: str
    kind: SpanKind
    operation: str | None
    status: SpanStatus
    error_type: str | None
    service: str | None
    agent_name: str | None
    provider: str | None
    request_model: str | None
    model: str | None
    input_tokens: Int64 | None
    output_tokens: Int64 | None
    cost: Decimal | None
    finish_reasons: list[str]
    tool_name: str | None
    tool_call_id: str | None
    started_at: datetime
    ended_at: datetime
    duration_seconds: float
    start_nano: Int64
    attributes: dict[str, Json]
    has_content: bool
    content: dict[str, Json] | None


def _key(event: RecordedEvent) -> tuple[str, ...]:
    match event.payload:
        case SpanRecorded(span=span):
            return (_row_id(event.stream, span.span_id),)
    return ()


def _row_id(run: str, span_id: str) -> str:
    """Return the id of a span's row: spans of different traces may have the same id."""
    return f"{run}/{span_id}"


def _apply(id: str, row: SpanRow | None, event: RecordedEvent) -> SpanRow | None:
    recorded = event.payload
    if not isinstance(recorded, SpanRecorded):
        return row
    span = recorded.span
    return SpanRow(
        id=id,
        run_id=event.stream,
        span_id=span.span_id,
        parent_id=None if span.parent_id is None else _row_id(event.stream, span.parent_id),
        name=span.name,
        kind=span.kind,
        operation=span.operation,
        status=span.status,
        error_type=span.error_type,
        service=span.service,
        agent_name=span.agent_name,
        provider=span.provider,
        request_model=span.request_model,
        model=span.model,
        input_tokens=span.input_tokens,
        output_tokens=span.output_tokens,
        cost=span.cost,
        finish_reasons=list(span.finish_reasons),
        tool_name=span.tool_name,
        tool_call_id=span.tool_call_id,
        started_at=moment(span.start_nano),
        ended_at=moment(span.end_nano),
        duration_seconds=elapsed_seconds(span.start_nano, span.end_nano),
        start_nano=span.start_nano,
        attributes=span.attributes,
        # Content has a subject also after the erasure.
        has_content=recorded.subject is not None,
        content=recorded.content,
    )


view = View(
    name="spans",
    singular="span",
    context=context,
    row=SpanRow,
    key=_key,
    apply=_apply,
    access=role("run_viewer"),
    field_access={"content": role("run_content_viewer")},
    filters=("run_id", "parent_id", "operation", "status", "model", "tool_name", "started_at"),
    orders=("start_nano", "started_at", "duration_seconds"),
    indexes=(("run_id", "start_nano"), ("parent_id", "start_nano")),
    links=(
        ToOne("run", "runs", by="run_id"),
        ToOne("parent", "spans", by="parent_id"),
        ToMany("children", "spans", by="parent_id"),
    ),
    personal=("content",),
    description="A span of a run: one operation of an agent, a model, a tool or a service.",
)
