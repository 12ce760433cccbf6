"""Spans of agents, by the OpenTelemetry semantic conventions for generative AI. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from domain.kernel import Identifier
from domain.kernel.fields import Int64, Json

TraceId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
SpanId = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Label = Annotated[str, Field(max_length=200)]
Nanoseconds = Annotated[Int64, Field(ge=0, description="Nanoseconds since 1970 in UTC.")]
Tokens = Annotated[Int64, Field(ge=0)]
Cost = Annotated[Decimal, Field(ge=0, max_digits=24, decimal_places=12)]

MODEL_OPERATIONS = frozenset({"chat", "text_completion", "generate_content", "embeddings"})
AGENT_OPERATIONS = frozenset({"invoke_agent"})
TOOL_OPERATIONS = frozenset({"execute_tool"})

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 86_400_000_000_000


class SpanKind(StrEnum):
    """The part that a span has in a call between services."""

    UNSPECIFIED = "unspecified"
    INTERNAL = "internal"
    SERVER = "server"
    CLIENT = "client"
    PRODUCER = "producer"
    CONSUMER = "consumer"


class SpanStatus(StrEnum):
    """The outcome of a span, as its instrumentation reported it."""

    UNSET = "unset"
    OK = "ok"
    ERROR = "error"


class Span(BaseModel):
    """A span without the content of messages: what was done, by which agent and model, and when.

    `agent_name` is the agent's own name. `agent_id`, `task_id` and `workflow_id` are ids of nerve, which the
    attributes `nerve.agent.id`, `nerve.task.id` and `nerve.workflow.id` name. `cost` is that of its tokens
    by the prices at the time of its recording. `attributes` are the other ones that are kept.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    span_id: SpanId
    parent_id: SpanId | None = None
    has_remote_parent: bool = False
    name: Label
    kind: SpanKind = SpanKind.UNSPECIFIED
    start_nano: Nanoseconds
    end_nano: Nanoseconds
    status: SpanStatus = SpanStatus.UNSET
    error_type: Label | None = None
    service: Label | None = None
    operation: Label | None = None
    agent_name: Label | None = None
    conversation_id: Label | None = None
    provider: Label | None = None
    request_model: Label | None = None
    response_model: Label | None = None
    input_tokens: Tokens | None = None
    output_tokens: Tokens | None = None
    cost: Cost | None = None
    finish_reasons: tuple[Label, ...] = ()
    tool_name: Label | None = None
    tool_call_id: Label | None = None
    agent_id: Identifier | None = None
    task_id: Identifier | None = None
    workflow_id: Identifier | None = None
    correlation_id: Label | None = None
    attributes: dict[str, Json] = {}

    @property
    def model(self) -> str | None:
        """The model that responded, else the one that was requested."""
        return self.response_model or self.request_model

    @property
    def is_error(self) -> bool:
        return self.status is SpanStatus.ERROR or self.error_type is not None

    @property
    def is_entry(self) -> bool:
        """Whether the trace, or the part of it in one service, begins with this span."""
        return self.parent_id is None or self.has_remote_parent

    @property
    def is_agent_call(self) -> bool:
        return self.operation in AGENT_OPERATIONS

    @property
    def is_tool_call(self) -> bool:
        return self.operation in TOOL_OPERATIONS

    @property
    def is_model_call(self) -> bool:
        """Whether a model was called. Older instrumentations name a model and no operation."""
        if self.operation is None:
            return self.request_model is not None
        return self.operation in MODEL_OPERATIONS


class SpanReport(NamedTuple):
    """A span to record. Its `content`, messages and arguments of tools, is data of the `subject`.

    That is a person; where it is None, the data is that of the run.
    """

    span: Span
    subject: Identifier | None = None
    content: dict[str, Json] | None = None


def moment(nanoseconds: int) -> datetime:
    """Return the time of a number of nanoseconds since 1970, in milliseconds."""
    return _EPOCH + timedelta(milliseconds=nanoseconds // 1_000_000)


def day_of(nanoseconds: int) -> str:
    """Return the date in UTC of a number of nanoseconds since 1970."""
    return _date(nanoseconds // _DAY)


@lru_cache(100)
def _date(days: int) -> str:
    return (_EPOCH + timedelta(days=days)).date().isoformat()


def elapsed_seconds(start_nano: int, end_nano: int) -> float:
    """Return the seconds from one time to another, in microseconds."""
    return (end_nano - start_nano) // 1_000 / 1_000_000
