"""Records the spans of a request: one command for each of its traces, which are appended together."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan

from api.agent_run_settings import AgentRunSettings
from api.otlp.span_reader import Attributes, SpanReader, find_defect
from domain.agent_runs.commands import MAX_SPANS, RecordSpans
from domain.agent_runs.spans import SpanReport
from domain.dispatch import CommandBus
from domain.kernel import Envelope, InvariantViolated, Scope
from domain.kernel.access import Permission
from domain.kernel.errors import PersonalDataRefused
from domain.kernel.types.model_making import model_maker

MAX_SPANS_OF_REQUEST = 10_000
"""Spans of a request that are recorded; further ones are rejected."""

COMMANDS_AT_ONCE = 64
"""Commands of a request that run at a time, so that a large one leaves room for others."""

# The reports fit, and their number: see `SpanReader`.
_make_command = model_maker(RecordSpans)

Rejections = Counter[str]
"""The number of spans that were rejected, by the reason."""


class _ReceivedSpan(NamedTuple):
    span: OtlpSpan
    resource: Attributes


class AgentSpanRecorder:
    """Reads the spans of requests by the settings, and dispatches their commands."""

    def __init__(self, bus: CommandBus, settings: AgentRunSettings) -> None:
        self._bus = bus
        self._reader = SpanReader(settings)

    async def record(
        self, request: ExportTraceServiceRequest, scope: Scope, permission: Permission
    ) -> Rejections:
        """Record the spans of a request, and return those that were rejected.

        Raises what the bus raises but InvariantViolated. What was recorded before has no effect when the
        client sends the request again.
        """
        rejections: Rejections = Counter()
        batches = self._batches(request, rejections)
        while commands := list(islice(batches, COMMANDS_AT_ONCE)):
            sent = [self._send(trace, spans, scope, permission, rejections) for trace, spans in commands]
            for outcome in await asyncio.gather(*sent, return_exceptions=True):
                if outcome is not None:
                    raise outcome
        return rejections

    def _batches(
        self, request: ExportTraceServiceRequest, rejections: Rejections
    ) -> Iterator[tuple[str, Sequence[_ReceivedSpan]]]:
        """Yield the spans of each trace, in the number that fits a command; count those with a defect."""
        traces: dict[bytes, list[_ReceivedSpan]] = {}
        for number, received in enumerate(self._received(request)):
            defect = find_defect(received.span)
            if number >= MAX_SPANS_OF_REQUEST:
                defect = f"more than {MAX_SPANS_OF_REQUEST:,} spans in a request"
            if defect is not None:
                rejections[defect] += 1
            else:
                traces.setdefault(received.span.trace_id, []).append(received)
        for trace, spans in traces.items():
            for start in range(0, len(spans), MAX_SPANS):
                yield trace.hex(), spans[start : start + MAX_SPANS]

    def _received(self, request: ExportTraceServiceRequest) -> Iterator[_ReceivedSpan]:
        for resource_spans in request.resource_spans:
            resource = self._reader.attributes(resource_spans.resource.attributes)
            for scope_spans in resource_spans.scope_spans:
                for span in scope_spans.spans:
                    yield _ReceivedSpan(span, resource)

    async def _send(
        self,
        trace: str,
        spans: Sequence[_ReceivedSpan],
        scope: Scope,
        permission: Permission,
        rejections: Rejections,
    ) -> None:
        reports = tuple([self._reader.report(span, resource) for span, resource in spans])
        try:
            try:
                await self._dispatch(trace, reports, scope, permission)
            except PersonalDataRefused:
                # The person was erased: the span is recorded without the data.
                bare = tuple([SpanReport(span=report.span) for report in reports])
                await self._dispatch(trace, bare, scope, permission)
        except InvariantViolated as refused:
            rejections[str(refused)] += len(reports)

    async def _dispatch(
        self, trace: str, reports: tuple[SpanReport, ...], scope: Scope, permission: Permission
    ) -> None:
        named = (report.span.correlation_id for report in reports)
        await self._bus.dispatch(
            Envelope(
                _make_command({"trace_id": trace, "spans": reports}),
                scope,
                correlation=next(filter(None, named), trace),
                source="otlp",
                permission=permission,
            )
        )
