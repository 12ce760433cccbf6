"""Commands about the runs of agents. The receiver of OTLP sends them."""

from __future__ import annotations

from pydantic import Field

from domain.agent_runs.spans import SpanReport, TraceId
from domain.kernel import PutCommand
from domain.kernel.access import role

MAX_SPANS = 1_000
"""Spans in one command."""


class RecordSpans(PutCommand):
    """Records spans of one trace. Spans that were recorded before, by their ids, have no effect."""

    access = role("run_recorder")
    usually_starts = True

    trace_id: TraceId
    spans: tuple[SpanReport, ...] = Field(min_length=1, max_length=MAX_SPANS)

    @property
    def target(self) -> str:
        """The stream of the trace."""
        return run_stream(self.trace_id)


def run_stream(trace_id: str) -> str:
    """Return the stream of a trace."""
    return f"agentrun-{trace_id}"
