"""Records the spans of a request: one command for each of its traces, which are appended together."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from api.agent_run_settings import AgentRunSettings
from api.otlp.received_messages import ReceivedSpan, ReceivedTraces
from api.otlp.span_reader import Attributes, SpanReader, UnfitSpan
from domain.agent_runs.commands import MAX_SPANS, RecordSpans
from domain.agent_runs.spans import SpanReport
from domain.dispatch import CommandBus
from domain.kernel import Envelope, InvariantViolated, Scope
from domain.kernel.access import Permission
from domain.kernel.errors import PersonalDataRefused
from domain.kernel.types.model_making import model_maker

MAX_SPANS_OF_REQUEST = 10_000
"""Spans of a request that are recorded; further ones are rejected."""

SPANS_AT_ONCE = 1_000
COMMANDS_AT_ONCE = 64
"""Spans of a request that are read in one turn of the event loop, and commands that run at a time, so that a
large request leaves room for others.
"""

# The reports fit, and their number: see `SpanReader`.
_make_command = model_maker(RecordSpans)

Rejections = Counter[str]
"""The number of spans that were rejected, by the reason."""


class AgentSpanRecorder:
    """Reads the spans of requests by the settings, and dispatches their commands."""

    def __init__(self, bus: CommandBus, settings: AgentRunSettings) -> None:
        self._bus = bus
        self._reader = SpanReader(settings)

    async def record(self, request: ReceivedTraces, scope: Scope, permission: Permission) -> Rejections:
        """Record the spans of a request, and return those that were rejected.

        Raises ValidationFailed for a request that cannot be read, and what the bus raises but
        InvariantViolated. What was recorded before has no effect when the client sends the request again.
        """
        rejections: Rejections = Counter()
        batches = _batches(await self._read(request, rejections))
        while commands := list(islice(batches, COMMANDS_AT_ONCE)):
            sent = [self._send(trace, reports, scope, permission, rejections) for trace, reports in commands]
            for outcome in await asyncio.gather(*sent, return_exceptions=True):
                if outcome is not None:
                    raise outcome
        return rejections

    async def _read(self, request: ReceivedTraces, rejections: Rejections) -> dict[bytes, list[SpanReport]]:
        """Return the reports of the spans of each trace; count the spans that cannot be recorded."""
        traces: dict[bytes, list[SpanReport]] = {}
        for number, (span, resource) in enumerate(self._received(request), 1):
            if number > MAX_SPANS_OF_REQUEST:
                rejections[f"more than {MAX_SPANS_OF_REQUEST:,} spans in a request"] += 1
                continue
            try:
                report = self._reader.report(span, resource)
                traces.setdefault(span.trace_id, []).append(report)
            except UnfitSpan as unfit:
                rejections[str(unfit)] += 1
            if not number % SPANS_AT_ONCE:
                await asyncio.sleep(0)
        return traces

    def _received(self, request: ReceivedTraces) -> Iterator[tuple[ReceivedSpan, Attributes]]:
        """Yield each span with the attributes of its resource."""
        for resource_spans in request.resource_spans:
            resource = self._reader.attributes(resource_spans.resource.attributes)
            for scope_spans in resource_spans.scope_spans:
                for span in scope_spans.spans:
                    yield span, resource

    async def _send(
        self,
        trace: str,
        reports: tuple[SpanReport, ...],
        scope: Scope,
        permission: Permission,
        rejections: Rejections,
    ) -> None:
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


def _batches(traces: Mapping[bytes, Sequence[SpanReport]]) -> Iterator[tuple[str, tuple[SpanReport, ...]]]:
    """Yield the reports of each trace, in the number that fits a command."""
    for trace, reports in traces.items():
        for start in range(0, len(reports), MAX_SPANS):
            yield trace.hex(), tuple(reports[start : start + MAX_SPANS])
