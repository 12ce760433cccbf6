"""What spans used: calls, tokens and cost, which add up in any order. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from domain.agent_runs.spans import Span, day_of
from domain.kernel.fields import Int64

COST_STEP = Decimal("0.000000000001")
"""Costs are multiples of this, so that equal sums are written alike."""

FREE = Decimal(0).quantize(COST_STEP)


class Usage(NamedTuple):
    """The calls, errors, tokens and cost of spans that began on one day, in UTC, and name one model."""

    day: str
    model: str | None
    agent_calls: Int64 = 0
    model_calls: Int64 = 0
    tool_calls: Int64 = 0
    errors: Int64 = 0
    input_tokens: Int64 = 0
    output_tokens: Int64 = 0
    cost: Decimal = FREE

    def plus(self, other: Usage, sign: int = 1) -> Usage:
        """Return the sum of both, or with a `sign` of -1 the difference; day and model are this one's."""
        return Usage(
            day=self.day,
            model=self.model,
            agent_calls=self.agent_calls + sign * other.agent_calls,
            model_calls=self.model_calls + sign * other.model_calls,
            tool_calls=self.tool_calls + sign * other.tool_calls,
            errors=self.errors + sign * other.errors,
            input_tokens=self.input_tokens + sign * other.input_tokens,
            output_tokens=self.output_tokens + sign * other.output_tokens,
            cost=self.cost + sign * other.cost,
        )

    @property
    def is_zero(self) -> bool:
        return self == Usage(self.day, self.model)


def usage_of(span: Span) -> Usage | None:
    """Return what a span used; None if that is nothing.

    Only calls of models count tokens: the span of an agent repeats the sum of its calls.
    """
    is_error = int(span.is_error)
    if span.is_model_call:
        read, written = span.input_tokens or 0, span.output_tokens or 0
        cost = FREE if span.cost is None else span.cost.quantize(COST_STEP)
        return Usage(day_of(span.start_nano), span.model, 0, 1, 0, is_error, read, written, cost)
    agent, tool = int(span.is_agent_call), int(span.is_tool_call)
    if not (agent or tool or is_error):
        return None
    return Usage(day_of(span.start_nano), None, agent, 0, tool, is_error)


def added(usages: Sequence[Usage], spans: Iterable[Span]) -> tuple[Usage, ...]:
    """Return the sums by day and model with what these spans used in them."""
    groups = {(usage.day, usage.model): [usage] for usage in usages}
    for span in spans:
        if (used := usage_of(span)) is not None:
            groups.setdefault((used.day, used.model), []).append(used)
    return tuple([_sum(group) for group in groups.values()])


def _sum(usages: Sequence[Usage]) -> Usage:
    """Return the sum of usages of one day and model."""
    first = usages[0]
    if len(usages) == 1:
        return first
    columns: list[Any] = [sum(column) for column in list(zip(*usages, strict=True))[2:]]
    return Usage(first.day, first.model, *columns)
