"""Spans of OTLP as they are recorded: by the semantic conventions, by the settings, and within limits."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from api.agent_run_settings import AgentRunSettings
from api.otlp.attribute_values import LONGEST_TEXT, MAX_ITEMS
from api.otlp.conventions import FIELDS
from api.otlp.encodings import JSON
from api.otlp.received_messages import decode_span, decode_traces
from api.otlp.span_reader import MAX_ATTRIBUTES, SpanReader, UnfitSpan
from api.otlp.span_recorder import AgentSpanRecorder
from domain.agent_runs.commands import RecordSpans
from domain.agent_runs.spans import Span, SpanKind, SpanReport, SpanStatus
from domain.kernel import Command, Envelope, Scope
from domain.kernel.access import ALLOWED
from domain.kernel.errors import ValidationFailed
from domain.kernel.types.storable_checks import model_check

TRACE, SPAN, PARENT = bytes(range(1, 17)), bytes(range(1, 9)), bytes(range(2, 10))
MESSAGES = '[{"role": "user", "content": "I am Jane"}]'


def any_value(value: Any) -> AnyValue:
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
    return [KeyValue(key=name, value=any_value(value)) for name, value in values.items()]


def encoded(values: dict[str, Any]) -> list[bytes]:
    return [attribute.SerializeToString() for attribute in attributes(values)]


def otlp_span(values: dict[str, Any] | None = None, **fields: Any) -> OtlpSpan:
    ids = {"trace_id": TRACE, "span_id": SPAN, "start_time_unix_nano": 1, "end_time_unix_nano": 2}
    return OtlpSpan(**{"name": "step", **ids, **fields}, attributes=attributes(values or {}))


def report(values: dict[str, Any] | None = None, settings: dict[str, Any] | None = None, **fields: Any):
    reader = SpanReader(AgentRunSettings(**settings or {}))
    resource = fields.pop("resource", {})
    span = decode_span(otlp_span(values, **fields).SerializeToString())
    made: SpanReport = reader.report(span, reader.attributes(encoded(resource)))
    return made


def defect(**fields: Any) -> str | None:
    """Return why a span with these fields cannot be recorded."""
    try:
        report(**fields)
    except UnfitSpan as unfit:
        return str(unfit)
    return None


def test_a_call_of_a_model_has_its_provider_model_and_tokens():
    span = report(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4.1",
            "gen_ai.response.model": "gpt-4.1-2025-04-14",
            "gen_ai.usage.input_tokens": 12,
            "gen_ai.usage.output_tokens": 3,
            "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.request.temperature": 0.5,
        },
        name="chat gpt-4.1",
        kind=OtlpSpan.SPAN_KIND_CLIENT,
        parent_span_id=PARENT,
        resource={"service.name": "helpdesk"},
    ).span
    assert (span.kind, span.parent_id, span.service) == (SpanKind.CLIENT, PARENT.hex(), "helpdesk")
    assert (span.provider, span.model, span.request_model) == ("openai", "gpt-4.1-2025-04-14", "gpt-4.1")
    assert (span.input_tokens, span.output_tokens, span.finish_reasons) == (12, 3, ("stop",))
    assert span.attributes == {"gen_ai.request.temperature": 0.5}
    assert span.is_model_call


def test_names_of_older_conventions_are_read():
    older = {
        "gen_ai.system": "anthropic",
        "gen_ai.request.model": "claude-2",
        "gen_ai.usage.prompt_tokens": 7,
        "gen_ai.usage.completion_tokens": 1,
    }
    span = report(older).span
    assert (span.provider, span.input_tokens, span.output_tokens) == ("anthropic", 7, 1)
    assert span.is_model_call


def test_an_agent_without_a_name_has_its_id():
    assert report({"gen_ai.agent.id": "asst_1"}).span.agent_name == "asst_1"
    both = report({"gen_ai.agent.id": "asst_1", "gen_ai.agent.name": "support"}).span
    assert (both.agent_name, both.attributes) == ("support", {"gen_ai.agent.id": "asst_1"})


def test_ids_of_nerve_link_a_span_and_others_do_not():
    ids = {"nerve.task.id": "task-7", "nerve.workflow.id": "no id", "nerve.correlation_id": "c1"}
    span = report(ids, resource={"nerve.agent.id": "agent-1"}).span
    assert (span.task_id, span.workflow_id, span.agent_id) == ("task-7", None, "agent-1")
    assert span.correlation_id == "c1"


def test_an_id_that_is_too_long_is_none():
    """It does not spoil the request: another name of a person is its digest."""
    long = f"{'a' * 100}-{'b' * 100}"
    recorded = report({"nerve.task.id": long, "user.id": long})
    assert recorded.span.task_id is None
    assert (recorded.subject or "").startswith("actor-")


def test_an_error_has_its_type():
    failed = Status(code=Status.STATUS_CODE_ERROR, message="jane has no account")
    exception = OtlpSpan.Event(name="exception", attributes=attributes({"exception.type": "KeyError"}))
    span = report(status=failed, events=[exception]).span
    assert (span.status, span.error_type) == (SpanStatus.ERROR, "KeyError")
    assert "jane" not in repr(span)
    assert report({"error.type": "429"}).span.is_error


CONTENT = {
    "gen_ai.input.messages": MESSAGES,
    "gen_ai.prompt.0.content": "I am Jane",
    "gen_ai.tool.call.arguments": {"of": "Jane"},
    "enduser.id": "jane@example.org",
    "http.url": "https://example.org/jane",
    "logfire.msg": "Jane",
}


def test_content_is_left_out_by_default():
    """Nor is any attribute kept that the settings do not name."""
    event = OtlpSpan.Event(name="gen_ai.user.message", attributes=attributes({"content": "Jane"}))
    left = report(CONTENT, {"attributes": ("gen_ai.",)}, events=[event], status=Status(message="Jane"))
    assert (left.content, left.span.attributes) == (None, {})
    assert "jane" not in repr(left).casefold()


def test_content_is_recorded_for_its_person_where_the_settings_ask_for_it():
    event = OtlpSpan.Event(name="gen_ai.user.message", attributes=attributes({"content": "Jane"}))
    recorded = report(CONTENT, {"record_content": True}, events=[event], status=Status(message="no"))
    assert recorded.content == {
        "gen_ai.input.messages": MESSAGES,
        "gen_ai.prompt.0.content": "I am Jane",
        "gen_ai.tool.call.arguments": {"of": "Jane"},
        "status.message": "no",
        "events": [{"name": "gen_ai.user.message", "attributes": {"content": "Jane"}}],
    }
    assert recorded.subject is not None
    assert recorded.subject.startswith("actor-")
    assert report({"user.id": "user-1"}).subject == "user-1"
    assert recorded.span.attributes == {}


def test_attributes_are_kept_within_limits():
    many = {f"nerve.n{number}": number for number in range(MAX_ATTRIBUTES + 5)}
    assert len(report(many).span.attributes) == MAX_ATTRIBUTES
    large = {"nerve.text": "x" * 5_000, "nerve.list": list(range(500)), "nerve.bytes": b"\0"}
    kept = report(large).span.attributes
    assert len(str(kept["nerve.text"])) == LONGEST_TEXT
    assert kept["nerve.list"] == list(range(MAX_ITEMS))
    assert kept["nerve.bytes"] is None
    odd = {"nerve.nan": float("nan"), "nerve.a\0b": 1, "nerve.map": {"$ref": 1, "a": True}}
    assert report(odd).span.attributes == {"nerve.nan": None, "nerve.map": {"a": True}}
    assert len(report(name="n" * 999).span.name) == 200


def test_the_cost_is_that_of_the_tokens_by_the_table():
    prices = {"prices": {"gpt-4.1": {"input": 2.0, "output": "8.000001"}}}
    used = {"gen_ai.usage.input_tokens": 1_500, "gen_ai.usage.output_tokens": 3}
    priced = report({**used, "gen_ai.request.model": "gpt-4.1", "gen_ai.response.model": "other"}, prices)
    assert priced.span.cost == Decimal("0.003024000003")
    assert report({**used, "gen_ai.request.model": "o3"}, prices).span.cost is None


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


def test_a_span_has_the_values_of_its_resource_that_it_does_not_have_itself():
    own = report(
        {"nerve.b": 2, "nerve.task.id": "task-2"},
        resource={"nerve.a": 1, "nerve.b": 1, "nerve.task.id": "task-1"},
    )
    assert (own.span.task_id, own.span.attributes) == ("task-2", {"nerve.a": 1, "nerve.b": 2})


def test_a_number_that_cannot_be_one_of_tokens_is_left_out():
    for value in (-1, 2**63 - 1, "many", True):
        assert report({"gen_ai.usage.input_tokens": value}).span.input_tokens is None


values = st.text(max_size=3) | st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.floats()


@given(st.dictionaries(st.sampled_from([*FIELDS, "nerve.kept", "user.id"]), values | st.lists(values)))
def test_what_is_read_of_any_attributes_is_valid(read: dict[str, Any]):
    """So pydantic need not validate it once more when it is recorded."""
    made = report(read, {"prices": {"0": {"input": "999999", "output": "999999"}}})
    assert Span.model_validate(made.span.model_dump()) == made.span
    model_check(RecordSpans)(RecordSpans(trace_id=TRACE.hex(), spans=(made,)))


ATTRIBUTES: dict[str, list[Any]] = {
    "gen_ai.operation.name": ["chat", "execute_tool", "", 1],
    "gen_ai.agent.name": ["support", " "],
    "gen_ai.agent.id": ["a-1"],
    "gen_ai.request.temperature": [0, 0.0, False, "0"],
    "gen_ai.request.stop_sequences": [["a"], ["a", "b"]],
    "gen_ai.usage.input_tokens": [7, True, "7"],
    "gen_ai.input.messages": [MESSAGES, MESSAGES * 10],
    "enduser.id": ["jane", "joe"],
    "other": ["x"],
}


@given(
    st.lists(
        st.fixed_dictionaries(
            {}, optional={name: st.sampled_from(values) for name, values in ATTRIBUTES.items()}
        )
    )
)
def test_an_attribute_that_was_read_before_reads_the_same(spans: list[dict[str, Any]]):
    settings = AgentRunSettings(record_content=True)
    reader = SpanReader(settings)
    for values in (*spans, *spans):
        again, first = (each.attributes(encoded(values)) for each in (reader, SpanReader(settings)))
        assert repr(again) == repr(first)
        kept: Any = again.kept.get("gen_ai.request.stop_sequences", [])
        kept.append("c")
