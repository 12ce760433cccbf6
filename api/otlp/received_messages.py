"""The messages of a request as they are received: with the fields that are read, and no others.

Attributes, events and statuses stay encoded: `SpanReader` decodes each attribute once that spans repeat, and
most spans have neither events nor a status. protobuf decodes messages of these classes as it does those of
OpenTelemetry, without an object for each attribute and its value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar, cast

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from domain.kernel.errors import ValidationFailed

M = TypeVar("M", bound=Message)


class ReceivedSpan(Protocol):
    """A `Span`; its `attributes`, `events` and `status` are encoded."""

    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    flags: int
    name: str
    kind: int
    start_time_unix_nano: int
    end_time_unix_nano: int
    attributes: Sequence[bytes]
    events: Sequence[bytes]
    status: bytes


class ReceivedResource(Protocol):
    """A `Resource`; its attributes are encoded."""

    attributes: Sequence[bytes]


class ReceivedScopeSpans(Protocol):
    """A `ScopeSpans`."""

    spans: Sequence[ReceivedSpan]


class ReceivedResourceSpans(Protocol):
    """A `ResourceSpans`."""

    resource: ReceivedResource
    scope_spans: Sequence[ReceivedScopeSpans]


class ReceivedTraces(Protocol):
    """An `ExportTraceServiceRequest`."""

    resource_spans: Sequence[ReceivedResourceSpans]


def decode_traces(body: bytes) -> ReceivedTraces:
    """Decode a request. Raises ValidationFailed."""
    return cast(ReceivedTraces, decode(_traces, body))


def decode_span(span: bytes) -> ReceivedSpan:
    """Decode a span. Raises ValidationFailed."""
    return cast(ReceivedSpan, decode(_span, span))


def decode(message: type[M], encoded: bytes) -> M:
    """Decode a message, or one of those that stay encoded at first. Raises ValidationFailed."""
    try:
        return message.FromString(encoded)
    except DecodeError:
        wrong = "the body is not an ExportTraceServiceRequest in protobuf"
        raise ValidationFailed(wrong, ("body",)) from None


_PACKAGE = "nerve.otlp"

_READ: Mapping[type[Message], Iterable[str]] = {
    ExportTraceServiceRequest: ("resource_spans",),
    ResourceSpans: ("resource", "scope_spans"),
    Resource: ("attributes",),
    ScopeSpans: ("spans",),
    Span: ReceivedSpan.__annotations__,
}

_ENCODED = frozenset(("attributes", "events", "status"))


def _classes() -> list[type[Message]]:
    """Return the classes of the messages in `_READ`, with the same numbers of fields."""
    file = FileDescriptorProto(name="nerve/otlp.proto", package=_PACKAGE, syntax="proto3")
    for message, names in _READ.items():
        declared = DescriptorProto()
        message.DESCRIPTOR.CopyToProto(declared)
        fields = [_reduced(field) for field in declared.field if field.name in names]
        file.message_type.add(name=declared.name, field=fields)
    pool = DescriptorPool()
    pool.Add(file)
    by_name: Any = pool.FindMessageTypeByName
    return [GetMessageClass(by_name(f"{_PACKAGE}.{message.DESCRIPTOR.name}")) for message in _READ]


def _reduced(field: FieldDescriptorProto) -> FieldDescriptorProto:
    name = field.type_name.rpartition(".")[2]
    if field.name in _ENCODED:
        field.type = FieldDescriptorProto.TYPE_BYTES
    elif field.type == FieldDescriptorProto.TYPE_ENUM:
        # It has the same encoding.
        field.type = FieldDescriptorProto.TYPE_INT32
    field.ClearField("type_name")
    if field.type == FieldDescriptorProto.TYPE_MESSAGE:
        field.type_name = f".{_PACKAGE}.{name}"
    return field


_traces, *_, _span = _classes()
