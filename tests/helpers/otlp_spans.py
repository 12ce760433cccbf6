"""Spans of OTLP with the attributes of a test, and what is recorded of them."""

from __future__ import annotations

from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan

from api.agent_run_settings import AgentRunSettings
from api.otlp.received_messages import decode_span
from api.otlp.span_reader import SpanReader, UnfitSpan
from domain.agent_runs.spans import SpanReport

TRACE, SPAN, PARENT = bytes(range(1, 17)), bytes(range(1, 9)), bytes(range(2, 10))


def any_value(value: Any) -> AnyValue:
    """Return the value of an attribute, as OTLP has it."""
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case bytes():
            return AnyValue(bytes_value=value)
        case list():
            return AnyValue(array_value=ArrayValue(values=map(any_value, value)))
        case dict():
            return AnyValue(kvlist_value=KeyValueList(values=attributes(value)))
        case _:
            return AnyValue(string_value=value)


def attributes(values: dict[str, Any]) -> list[KeyValue]:
    """Return the attributes with these values."""
    return [KeyValue(key=name, value=any_value(value)) for name, value in values.items()]


def encoded(values: dict[str, Any]) -> list[bytes]:
    """Return the same attributes as they are received, each still encoded."""
    return [attribute.SerializeToString() for attribute in attributes(values)]


def otlp_span(values: dict[str, Any] | None = None, **fields: Any) -> OtlpSpan:
    """Return a valid span with these attributes, unless its fields are others."""
    ids = {"trace_id": TRACE, "span_id": SPAN, "start_time_unix_nano": 1, "end_time_unix_nano": 2}
    return OtlpSpan(**{"name": "step", **ids, **fields}, attributes=attributes(values or {}))


def report(
    values: dict[str, Any] | None = None, settings: dict[str, Any] | None = None, **fields: Any
) -> SpanReport:
    """Return what is recorded of a span with these attributes by these settings."""
    reader = SpanReader(AgentRunSettings(**settings or {}))
    resource = fields.pop("resource", {})
    span = decode_span(otlp_span(values, **fields).SerializeToString())
    return reader.report(span, reader.attributes(encoded(resource)))


def defect(**fields: Any) -> str | None:
    """Return why a span with these fields cannot be recorded."""
    try:
        report(**fields)
    except UnfitSpan as unfit:
        return str(unfit)
    return None
