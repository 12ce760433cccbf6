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
from api.otlp.field_values import LONGEST_LABEL, read_label
from api.otlp.received_messages import ReceivedSpan, decode
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

_KINDS = dict(enumerate(SpanKind))
_STATUSES = {Status.STATUS_CODE_OK: SpanStatus.OK, Status.STATUS_CODE_ERROR: SpanStatus.ERROR}
_REMOTE_PARENT = int(SpanFlags.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK)
_MILLION = 1_000_000
_NO_TRACE, _NO_SPAN = bytes(16), bytes(8)

# What is read here fits the fields, so that pydantic need not validate each span.
_make_span = model_maker(Span)


class UnfitSpan(Exception):
    """A span cannot be recorded; the text says why, without its data."""


class Attributes(NamedTuple):
    """Attributes by their use: the fields of a span that they give, those that are kept, and the content."""

    fields: dict[str, Any]
    kept: dict[str, JsonValue]
    content: dict[str, JsonValue]


class _Reading(NamedTuple):
    """An attribute by its use: the value of the field that it gives, and the value that is kept.

    `field` is None where it gives none, and `kept_name` where it is not kept. An attribute that is `content`
    is decoded each time.
    """

    field: str | None
    value: Any
    is_preferred: bool
    kept_name: str | None
    kept: JsonValue
    is_content: bool


class SpanReader:
    """Reads spans by the settings of one process."""

    def __init__(self, settings: AgentRunSettings) -> None:
        self._settings = settings
        self._uses: dict[str, AttributeUse] = {}
        self._readings: dict[bytes, _Reading] = {}

    def attributes(self, attributes: Iterable[bytes]) -> Attributes:
        """Return the attributes of a span or of a resource. Raises ValidationFailed."""
        fields, kept, content = by_use = Attributes({}, {}, {})
        readings = self._readings
        for encoded in attributes:
            reading = readings.get(encoded) or self._read(encoded)
            field, value, is_preferred, kept_name, kept_json, is_content = reading
            if field is not None and (is_preferred or field not in fields):
                fields[field] = value
            if kept_name is not None and len(kept) < MAX_ATTRIBUTES:
                kept[kept_name] = kept_json
            elif is_content and self._settings.record_content:
                attribute = decode(KeyValue, encoded)
                content[attribute.key] = plain_value(attribute.value)
        return by_use

    def _read(self, encoded: bytes) -> _Reading:
        attribute = decode(KeyValue, encoded)
        name = attribute.key
        source, is_kept, is_content = self._uses.get(name) or self._use(name)
        field, value, is_preferred = None, None, False
        if source is not None:
            field, read, is_preferred = source
            value = read(plain_value(attribute.value))
        kept = kept_value(attribute.value) if is_kept else None
        kept_name = name if is_kept else None
        reading = _Reading(None if value is None else field, value, is_preferred, kept_name, kept, is_content)
        # Spans do not share lists and objects, which could be changed.
        if len(encoded) <= MAX_READING_BYTES and not isinstance(kept, list | dict):
            if len(self._readings) >= MAX_READINGS:
                self._readings.clear()
            self._readings[encoded] = reading
        return reading

    def report(self, span: ReceivedSpan, resource: Attributes) -> SpanReport:
        """Return the report of a span, with what its resource has and it does not have itself.

        Raises UnfitSpan for a span that cannot be recorded, and ValidationFailed for one that is no message.
        """
        span_id, parent_id = span.span_id, span.parent_span_id
        start_nano, end_nano = span.start_time_unix_nano, span.end_time_unix_nano
        _check_ids(span.trace_id, span_id, parent_id)
        if not 0 < start_nano <= end_nano < 2**63:
            raise UnfitSpan("no valid start and end time")
        fields, kept, content = self.attributes(span.attributes)
        values = {
            "span_id": span_id.hex(),
            "parent_id": parent_id.hex() or None,
            "has_remote_parent": bool(span.flags & _REMOTE_PARENT),
            "name": span.name.strip()[:LONGEST_LABEL] or "unnamed",
            "kind": _KINDS.get(span.kind, SpanKind.UNSPECIFIED),
            "start_nano": start_nano,
            "end_nano": end_nano,
            "attributes": {**resource.kept, **kept},
            **resource.fields,
            **fields,
        }
        subject = values.pop(SUBJECT, None)
        message = self._add_status(values, span) if span.status else ""
        if self._settings.prices:
            values["cost"] = self._cost(values)
        recorded = self._content(span, content, message) if self._settings.record_content else None
        return SpanReport(_make_span(values), subject, recorded)

    def _add_status(self, values: dict[str, Any], span: ReceivedSpan) -> str:
        """Add the status of a span to the values of its fields; return the message."""
        status = decode(Status, span.status)
        values["status"] = _STATUSES.get(status.code, SpanStatus.UNSET)
        if status.code == Status.STATUS_CODE_ERROR and "error_type" not in values:
            values["error_type"] = _exception_type(_events(span))
        return status.message

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
        price = prices.get(fields.get("response_model", "")) or prices.get(fields.get("request_model", ""))
        if price is None:
            return None
        read, written = fields.get("input_tokens", 0), fields.get("output_tokens", 0)
        cost: Decimal = (read * price.input + written * price.output) / _MILLION
        return cost.quantize(COST_STEP)

    def _content(
        self, span: ReceivedSpan, attributes: dict[str, JsonValue], message: str
    ) -> dict[str, JsonValue] | None:
        """Return the content of a span: its attributes, the message of its status, and its events."""
        content = dict(attributes)
        if message:
            content["status.message"] = message
        events: list[JsonValue] = [
            {
                "name": event.name,
                "attributes": {
                    item.key: plain_value(item.value) for item in event.attributes if is_fit_name(item.key)
                },
            }
            for event in _events(span)
            if matches(event.name, CONTENT_EVENTS)
        ]
        if events:
            content["events"] = events
        return content or None


def _check_ids(trace_id: bytes, span_id: bytes, parent_id: bytes) -> None:
    if len(trace_id) != 16 or trace_id == _NO_TRACE:
        raise UnfitSpan("no valid trace id")
    if len(span_id) != 8 or span_id == _NO_SPAN:
        raise UnfitSpan("no valid span id")
    if len(parent_id) not in (0, 8):
        raise UnfitSpan("no valid parent span id")


def _events(span: ReceivedSpan) -> list[OtlpSpan.Event]:
    return [decode(OtlpSpan.Event, event) for event in span.events]


def _exception_type(events: Iterable[OtlpSpan.Event]) -> str | None:
    """Return the class of the exception that a span recorded."""
    for event in events:
        if event.name == "exception":
            for item in event.attributes:
                if item.key == "exception.type":
                    return read_label(plain_value(item.value))
    return None
