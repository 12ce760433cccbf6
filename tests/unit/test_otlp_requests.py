"""Requests of OTLP in both encodings: what in them cannot be recorded, and that it is refused."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan

from api.agent_run_settings import AgentRunSettings
from api.otlp.encodings import JSON
from api.otlp.received_messages import decode_traces
from api.otlp.span_recorder import AgentSpanRecorder
from domain.kernel import Command, Envelope, Scope
from domain.kernel.access import ALLOWED
from domain.kernel.errors import ValidationFailed
from tests.helpers.otlp_spans import PARENT, SPAN, TRACE, defect


@pytest.mark.parametrize(
    ("reason", "fields"),
    [
        ("no valid trace id", {"trace_id": b""}),
        ("no valid trace id", {"trace_id": bytes(16)}),
        ("no valid span id", {"span_id": b""}),
        ("no valid span id", {"span_id": bytes(8)}),
        ("no valid parent span id", {"parent_span_id": b"1"}),
        ("no valid start and end time", {"end_time_unix_nano": 0}),
        ("no valid start and end time", {"start_time_unix_nano": 3}),
        ("no valid start and end time", {"end_time_unix_nano": 2**64 - 1}),
        (None, {}),
    ],
)
def test_a_span_that_cannot_be_recorded_has_a_defect(reason: str | None, fields: dict[str, Any]):
    assert defect(**fields) == reason


def as_json(**fields: Any) -> OtlpSpan:
    span = {"traceId": TRACE.hex().upper(), "spanId": SPAN.hex(), "name": "step", **fields}
    message = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    received: Any = JSON.read(orjson.dumps(message))
    request = ExportTraceServiceRequest.FromString(received.SerializeToString())
    return request.resource_spans[0].scope_spans[0].spans[0]


def test_json_has_hexadecimal_ids_and_enums_as_integers():
    link = {"traceId": TRACE.hex(), "spanId": SPAN.hex()}
    span = as_json(
        parentSpanId=PARENT.hex(),
        kind=3,
        links=[link],
        startTimeUnixNano="5",
        endTimeUnixNano=6,
        unknownField={},
        attributes=[{"key": "a", "value": {"intValue": "7"}}],
    )
    assert (span.trace_id, span.span_id, span.parent_span_id) == (TRACE, SPAN, PARENT)
    assert (span.links[0].trace_id, span.kind) == (TRACE, OtlpSpan.SPAN_KIND_CLIENT)
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (5, 6)
    assert span.attributes[0].value.int_value == 7


def test_json_with_an_id_that_is_not_hexadecimal_has_a_defect():
    assert defect(trace_id=as_json(traceId="zz").trace_id) == "no valid trace id"
    assert defect(span_id=as_json(spanId=7).span_id) == "no valid span id"


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b'"a"', b"7", b'{"resourceSpans": 7}', b'{"resourceSpans": [7]}'],
    ids=["cut", "list", "text", "number", "no list", "no object"],
)
def test_json_that_is_no_request_is_refused(body: bytes):
    with pytest.raises(ValidationFailed):
        JSON.read(body)


class DispatchedCommands:
    """A bus that keeps the commands."""

    def __init__(self) -> None:
        self.commands: list[Command] = []

    async def dispatch(self, envelope: Envelope) -> None:
        self.commands.append(envelope.command)


async def test_nothing_of_a_request_is_recorded_where_an_attribute_is_no_message():
    """Attributes stay encoded until they are read, which is before the first command."""
    ids = {"trace_id": TRACE, "span_id": SPAN, "start_time_unix_nano": 1, "end_time_unix_nano": 2}
    request: Any = decode_traces(b"")
    spans = request.resource_spans.add().scope_spans.add().spans
    spans.add(**ids)
    bus: Any = DispatchedCommands()
    recorder = AgentSpanRecorder(bus, AgentRunSettings())
    assert not await recorder.record(request, Scope(), ALLOWED)
    assert len(bus.commands) == 1
    spans.add(**{**ids, "trace_id": TRACE[::-1]}, attributes=[b"\xff"])
    with pytest.raises(ValidationFailed, match="not an ExportTraceServiceRequest"):
        await recorder.record(request, Scope(), ALLOWED)
    assert len(bus.commands) == 1
