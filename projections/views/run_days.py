"""The view `run_days`: what runs of agents used on each day, by agent and model."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TypedDict
from urllib.parse import quote

from domain.agent_runs import context
from domain.agent_runs.description import value_of
from domain.agent_runs.events import RunDescribed, SpanRecorded
from domain.agent_runs.usage import Usage, usage_of
from domain.kernel import RecordedEvent
from domain.kernel.access import role
from domain.kernel.fields import Int64
from projections.kernel import View


class RunDayRow(TypedDict):
    """What one agent used on a day, with one model.

    `day` is the date in UTC, as in 2026-01-31, on which the spans began. A span counts for the agent that it
    names, else for the agent of its run; `agent_name` is null for runs without one. `model` is null for what
    is no call of a model: calls of agents and tools, and other spans that failed.
    """

    id: str
    day: str
    agent_name: str | None
    model: str | None
    agent_calls: Int64
    model_calls: Int64
    tool_calls: Int64
    errors: Int64
    input_tokens: Int64
    output_tokens: Int64
    cost: Decimal


def _changes(event: RecordedEvent) -> Iterator[tuple[str, str | None, Usage, int]]:
    """Yield the id and the agent of each row that changes, with the usage to add, or -1 to subtract it."""
    match event.payload:
        case SpanRecorded(span=span) as recorded:
            if (used := usage_of(span)) is not None:
                yield _row_id(recorded.agent, used), recorded.agent, used, 1
        case RunDescribed(description=description, previous_agent=previous, moved=moved):
            agent = value_of(description.agent_name)
            for used in moved:
                yield _row_id(previous, used), previous, used, -1
                yield _row_id(agent, used), agent, used, 1


def _row_id(agent: str | None, used: Usage) -> str:
    return f"{used.day}/{quote(agent or '', safe='')}/{quote(used.model or '', safe='')}"


def _key(event: RecordedEvent) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row_id for row_id, *_ in _changes(event)))


def _apply(id: str, row: RunDayRow | None, event: RecordedEvent) -> RunDayRow | None:
    for row_id, agent, used, sign in _changes(event):
        if row_id == id:
            before = Usage(used.day, used.model) if row is None else _usage(row)
            after = before.plus(used, sign)
            row = None if after.is_zero else _row(id, agent, after)
    return row


def _usage(row: RunDayRow) -> Usage:
    return Usage(
        day=row["day"],
        model=row["model"],
        agent_calls=row["agent_calls"],
        model_calls=row["model_calls"],
        tool_calls=row["tool_calls"],
        errors=row["errors"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        cost=row["cost"],
    )


def _row(id: str, agent: str | None, used: Usage) -> RunDayRow:
    return RunDayRow(
        id=id,
        day=used.day,
        agent_name=agent,
        model=used.model,
        agent_calls=used.agent_calls,
        model_calls=used.model_calls,
        tool_calls=used.tool_calls,
        errors=used.errors,
        input_tokens=used.input_tokens,
        output_tokens=used.output_tokens,
        cost=used.cost,
    )


view = View(
    name="run_days",
    singular="run_day",
    context=context,
    row=RunDayRow,
    key=_key,
    apply=_apply,
    access=role("run_viewer"),
    filters=("day", "agent_name", "model"),
    orders=("day", "cost", "input_tokens", "output_tokens"),
    indexes=(("agent_name", "-day"), ("model", "-day")),
    personal=(),
    description="What one agent used on a day, with one model.",
)
