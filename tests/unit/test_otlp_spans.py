"""Spans of OTLP as they are recorded: by the semantic conventions, by the settings, and within limits."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from api.agent_run_settings import AgentRunSettings
from api.otlp.attribute_values import LONGEST_TEXT, MAX_ITEMS
from api.otlp.conventions import FIELDS
from api.otlp.span_reader import MAX_ATTRIBUTES, SpanReader
from domain.agent_runs.commands import RecordSpans
from domain.agent_runs.spans import Span, SpanKind, SpanStatus
from domain.kernel.types.storable_checks import model_check
from tests.helpers.otlp_spans import PARENT, TRACE, attributes, encoded, report

MESSAGES = '[{"role": "user", "content": "I am Jane"}]'


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
