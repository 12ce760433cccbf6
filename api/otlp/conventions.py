"""Names of attributes in the OpenTelemetry semantic conventions for generative AI, older ones too.

https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-agent-spans/
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import JsonValue

from api.otlp.field_values import read_identifier, read_label, read_labels, read_subject, read_tokens


class FieldSource(NamedTuple):
    """The field of a span that an attribute gives. One that is not preferred counts where no other does."""

    field: str
    read: Callable[[JsonValue], Any]
    is_preferred: bool = True


FIELDS: Mapping[str, FieldSource] = {
    "gen_ai.operation.name": FieldSource("operation", read_label),
    "gen_ai.agent.name": FieldSource("agent_name", read_label),
    "gen_ai.agent.id": FieldSource("agent_name", read_label, is_preferred=False),
    "gen_ai.conversation.id": FieldSource("conversation_id", read_label),
    "gen_ai.provider.name": FieldSource("provider", read_label),
    "gen_ai.system": FieldSource("provider", read_label, is_preferred=False),
    "gen_ai.request.model": FieldSource("request_model", read_label),
    "gen_ai.response.model": FieldSource("response_model", read_label),
    "gen_ai.response.finish_reasons": FieldSource("finish_reasons", read_labels),
    "gen_ai.usage.input_tokens": FieldSource("input_tokens", read_tokens),
    "gen_ai.usage.prompt_tokens": FieldSource("input_tokens", read_tokens, is_preferred=False),
    "gen_ai.usage.output_tokens": FieldSource("output_tokens", read_tokens),
    "gen_ai.usage.completion_tokens": FieldSource("output_tokens", read_tokens, is_preferred=False),
    "gen_ai.tool.name": FieldSource("tool_name", read_label),
    "gen_ai.tool.call.id": FieldSource("tool_call_id", read_label),
    "error.type": FieldSource("error_type", read_label),
    "service.name": FieldSource("service", read_label),
    "nerve.agent.id": FieldSource("agent_id", read_identifier),
    "nerve.task.id": FieldSource("task_id", read_identifier),
    "nerve.workflow.id": FieldSource("workflow_id", read_identifier),
    "nerve.correlation_id": FieldSource("correlation_id", read_label),
}

ALSO_KEPT = frozenset({"gen_ai.agent.id"})
"""Attributes that give a field of the span, and are also stored as attributes."""

CONTENT = (
    "gen_ai.completion",
    "gen_ai.completion.",
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.prompt",
    "gen_ai.prompt.",
    "gen_ai.retrieval.documents",
    "gen_ai.retrieval.query.text",
    "gen_ai.system_instructions",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result",
    "tool_arguments",
    "tool_response",
)
"""Messages, and what tools got and returned. A name that ends with a dot is the prefix of several."""

CONTENT_EVENTS = ("exception", "gen_ai.")
"""Events of spans that quote messages or errors."""

SUBJECT = "subject"
"""The field of a report that the attributes of the settings give."""


class AttributeUse(NamedTuple):
    """What an attribute is used for: a field of its span, the attributes that are kept, the content."""

    source: FieldSource | None = None
    is_kept: bool = False
    is_content: bool = False

    @classmethod
    def of(cls, name: str, kept: Collection[str], subjects: Sequence[str]) -> AttributeUse:
        """Return the use of a name. `kept` and `subjects` are those of the settings."""
        if name in subjects:
            return cls(FieldSource(SUBJECT, read_subject, is_preferred=name == subjects[0]))
        source, is_content = FIELDS.get(name), matches(name, CONTENT)
        may_be_kept = not is_content and (source is None or name in ALSO_KEPT)
        return cls(source, may_be_kept and matches(name, kept), is_content)


UNUSED = AttributeUse()


def matches(name: str, patterns: Collection[str]) -> bool:
    """Return whether a name is among the patterns, or begins with one that ends with a dot."""
    return any(name.startswith(each) if each.endswith(".") else name == each for each in patterns)
