"""Reads spans of the protocol as those that are recorded, by the semantic conventions and the settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan
from opentelemetry.proto.trace.v1.trace_pb2 import SpanFlags, Status
from pydantic import JsonValue

from api.agent_run_settings import AgentRunSettings
from api.otlp.attribute_values import is_fit_name, kept_value, plain_value
from api.otlp.conventions import CONTENT_EVENTS, SUBJECT, UNUSED, AttributeUse, matches
from api.otlp.field_values import read_label
from domain.agent_runs.spans import Span, SpanKind, SpanReport, SpanStatus
from domain.agent_runs.usage import COST_STEP
from domain.kernel.types.model_making import model_maker

MAX_ATTRIBUTES = 64
"""Attributes of a span that are kept; the rest is left out."""

MAX_USES = 10_000
"""Names of attributes whose use is cached."""

MAX_READINGS = 10_000
MAX_READING_BYTES = 200
"""Attributes whose reading is cached, and the most bytes of each. Most spans repeat operations and models."""

_KINDS = tuple(SpanKind)
_STATUSES = {Status.STATUS_CODE_OK: SpanStatus.OK, Status.STATUS_CODE_ERROR: SpanStatus.ERROR}
_REMOTE_PARENT = int(SpanFlags.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK)
_MILLION = 1_000_000
_NO_TRACE, _NO_SPAN = bytes(16), bytes(8)

# What is read here fits the fields, so that pydantic need not validate each span.
_make_span = model_maker(Span)
_make_report = model_maker(SpanReport)


class Attributes(NamedTuple):
    """Attributes by their use: the fields of a span that they give, those that are kept, and the content."""

    fields: dict[str, Any]
    kept: dict[str, JsonValue]
    content: dict[str, JsonValue]


class _Reading(NamedTuple):
    """An attribute by its use: the value of the field that it gives, and the value that is kept.

    `field` is None where it gives none. An attribute that is `content` is read each time.
    """

    name: str
    field: str | None
    value: Any
    is_preferred: bool
    is_kept: bool
    kept: JsonValue
    is_content: bool


class SpanReader:
    """Reads spans by the settings of one process."""

    def __init__(self, settings: AgentRunSettings) -> None:
        self._settings = settings
        self._uses: dict[str, AttributeUse] = {}
        self._readings: dict[bytes, _Reading] = {}

    def attributes(self, attributes: Iterable[KeyValue]) -> Attributes:
        """Return the attributes of a span or of a resource."""
        fields, kept, content = by_use = Attributes({}, {}, {})
        readings = self._readings
        for attribute in attributes:
            encoded = attribute.SerializeToString()
            reading = readings.get(encoded) or self._read(attribute, encoded)
            name, field, value, is_preferred, is_kept, kept_json, is_content = reading
            if field is not None and (is_preferred or field not in fields):
                fields[field] = value
            if is_kept and len(kept) < MAX_ATTRIBUTES:
                kept[name] = kept_json
            elif is_content and self._settings.record_content:
                content[name] = plain_value(attribute.value)
        return by_use

    def _read(self, attribute: KeyValue, encoded: bytes) -> _Reading:
        name = attribute.key
        source, is_kept, is_content = self._uses.get(name) or self._use(name)
        field, value, is_preferred = None, None, False
        if source is not None:
            field, read, is_preferred = source
            value = read(plain_value(attribute.value))
        kept = kept_value(attribute.value) if is_kept else None
        reading = _Reading(
            name, None if value is None else field, value, is_preferred, is_kept, kept, is_content
        )
        # Spans do not share lists and objects, which could be changed.
        if len(encoded) <= MAX_READING_BYTES and not isinstance(kept, list | dict):
            if len(self._readings) >= MAX_READINGS:
                self._readings.clear()
            self._readings[encoded] = reading
        return reading

    def report(self, span: OtlpSpan, resource: Attributes) -> SpanReport:
        """Return the report of a span with valid ids and times; see `find_defect`.

        It has the fields and attributes of its resource that it does not have itself.
        """
        attributes = self.attributes(span.attributes)
        fields = {**resource.fields, **attributes.fields}
        subject = fields.pop(SUBJECT, None)
        status = _STATUSES.get(span.status.code, SpanStatus.UNSET)
        if status is SpanStatus.ERROR and "error_type" not in fields:
            fields["error_type"] = _exception_type(span)
        kind = span.kind
        values = {
            "span_id": span.span_id.hex(),
            "parent_id": span.parent_span_id.hex() or None,
            "has_remote_parent": bool(span.flags & _REMOTE_PARENT),
            "name": read_label(span.name) or "unnamed",
            "kind": _KINDS[kind] if 0 <= kind < len(_KINDS) else SpanKind.UNSPECIFIED,
            "start_nano": span.start_time_unix_nano,
            "end_nano": span.end_time_unix_nano,
            "status": status,
            "attributes": {**resource.kept, **attributes.kept},
            "cost": self._cost(fields),
            **fields,
        }
        content = self._content(span, attributes.content) if self._settings.record_content else None
        return _make_report({"span": _make_span(values), "subject": subject, "content": content})

    def _use(self, name: str) -> AttributeUse:
        settings = self._settings
        fits = is_fit_name(name)
        use = AttributeUse.of(name, settings.attributes, settings.subject_attributes) if fits else UNUSED
        if len(self._uses) < MAX_USES:
            self._uses[name] = use
        return use

    def _cost(self, fields: Mapping[str, Any]) -> Decimal | None:
        """Return the cost of a span's tokens by the prices of the settings; None where there is no price."""
        prices = self._settings.prices
        if not prices:
            return None
        price = prices.get(fields.get("response_model", "")) or prices.get(fields.get("request_model", ""))
        if price is None:
            return None
        read, written = fields.get("input_tokens", 0), fields.get("output_tokens", 0)
        cost: Decimal = (read * price.input + written * price.output) / _MILLION
        return cost.quantize(COST_STEP)

    def _content(self, span: OtlpSpan, attributes: dict[str, JsonValue]) -> dict[str, JsonValue] | None:
        """Return the content of a span: its attributes, the message of its status, and its events."""
        content = dict(attributes)
        if span.status.message:
            content["status.message"] = span.status.message
        events: list[JsonValue] = [
            {
                "name": event.name,
                "attributes": {
                    item.key: plain_value(item.value) for item in event.attributes if is_fit_name(item.key)
                },
            }
            for event in span.events
            if matches(event.name, CONTENT_EVENTS)
        ]
        if events:
            content["events"] = events
        return content or None


def find_defect(span: OtlpSpan) -> str | None:
    """Return why a span cannot be recorded; None if it can."""
    trace_id, span_id = span.trace_id, span.span_id
    if len(trace_id) != 16 or trace_id == _NO_TRACE:
        return "no valid trace id"
    if len(span_id) != 8 or span_id == _NO_SPAN:
        return "no valid span id"
    if len(span.parent_span_id) not in (0, 8):
        return "no valid parent span id"
    if not 0 < span.start_time_unix_nano <= span.end_time_unix_nano < 2**63:
        return "no valid start and end time"
    return None


def _exception_type(span: OtlpSpan) -> str | None:
    """Return the class of the exception that a span recorded."""
    for event in span.events:
        if event.name == "exception":
            for item in event.attributes:
                if item.key == "exception.type":
                    return read_label(plain_value(item.value))
    return None
