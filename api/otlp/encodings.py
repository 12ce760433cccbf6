"""The two encodings of OTLP over HTTP, in which a response has that of its request.

Ids are hexadecimal in JSON, where the JSON mapping of Protocol Buffers has base64:
https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from google.protobuf.json_format import MessageToJson, ParseDict, ParseError
from google.protobuf.message import Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from api.otlp.received_messages import ReceivedTraces, decode_traces
from domain.kernel.errors import ValidationFailed

_ID_FIELDS = ("traceId", "spanId", "parentSpanId")


@dataclass(frozen=True, slots=True)
class Encoding:
    """An encoding of messages. `read` raises ValidationFailed; it is slow where it runs `in_thread`."""

    content_type: str
    read: Callable[[bytes | bytearray], ReceivedTraces]
    write: Callable[[Message], bytes]
    in_thread: bool


def _read_protobuf(body: bytes | bytearray) -> ReceivedTraces:
    return decode_traces(bytes(body))


def _read_json(body: bytes | bytearray) -> ReceivedTraces:
    try:
        message = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ValidationFailed("the body is not JSON", ("body",)) from None
    if not isinstance(message, dict):
        raise ValidationFailed("the body is not a JSON object", ("body",))
    for item in _items_with_ids(message):
        for name in _ID_FIELDS:
            if name in item:
                item[name] = _as_base64(item[name])
    try:
        request = ParseDict(message, ExportTraceServiceRequest(), ignore_unknown_fields=True)
    except (ParseError, ValueError, TypeError, AttributeError, RecursionError):
        raise ValidationFailed("the body is not an ExportTraceServiceRequest in JSON", ("body",)) from None
    return decode_traces(request.SerializeToString())


def _items_with_ids(message: Any) -> Iterator[dict[str, Any]]:
    """Yield the spans of a request, and their links."""
    for resource in _objects(message, "resourceSpans"):
        for scope in _objects(resource, "scopeSpans"):
            for span in _objects(scope, "spans"):
                yield span
                yield from _objects(span, "links")


def _objects(parent: Any, name: str) -> list[dict[str, Any]]:
    """Return the objects in a list; what has another shape is refused when the message is read."""
    items = parent.get(name) if isinstance(parent, dict) else None
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _as_base64(text: Any) -> str:
    """Return an id in base64; empty where it is not hexadecimal, so that its span is rejected."""
    try:
        return b64encode(bytes.fromhex(text)).decode()
    except (TypeError, ValueError):
        return ""


def _write_protobuf(message: Message) -> bytes:
    return message.SerializeToString()


def _write_json(message: Message) -> bytes:
    return MessageToJson(message, indent=None).encode()


PROTOBUF = Encoding("application/x-protobuf", _read_protobuf, _write_protobuf, in_thread=False)
JSON = Encoding("application/json", _read_json, _write_json, in_thread=True)

ENCODINGS = {encoding.content_type: encoding for encoding in (PROTOBUF, JSON)}
