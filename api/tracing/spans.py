"""Starting and ending spans: their parents, their links, and how an error is described."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from opentelemetry.context import Context, get_current
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    Tracer,
    format_span_id,
    format_trace_id,
    get_current_span,
    set_span_in_context,
)

from domain.dispatch.trace_context import TraceContext, current_trace_context
from domain.kernel.errors import NerveError, Unavailable
from domain.kernel.limit_errors import Overloaded

MAX_LINKS = 128
"""Links of one span; the SDK drops more by default."""

FAULTS = frozenset((NerveError.code, Unavailable.code, Overloaded.code))
"""Codes of errors that are no mistake of the client: spans with them have the status of an error."""

Attributes = Mapping[str, str | int]


def trace_context_of(span: Span) -> TraceContext | None:
    """Return the trace context of a span; None where tracing is disabled by `OTEL_SDK_DISABLED`."""
    context = span.get_span_context()
    if not context.is_valid:
        return None
    ids = format_trace_id(context.trace_id), format_span_id(context.span_id)
    return TraceContext(*ids, context.trace_flags)


def child_of(parent: TraceContext | None) -> Context:
    """Return the context in which a span is a child of `parent`, or begins a trace."""
    if parent is None:
        return Context()
    return set_span_in_context(NonRecordingSpan(_remote(parent)), Context())


def child_of_current(parent: TraceContext | None) -> Context:
    """Return the context in which a span is a child of the current one; without it, a child of `parent`."""
    return get_current() if get_current_span().get_span_context().is_valid else child_of(parent)


def unpack(packed: bytes | None) -> TraceContext | None:
    """Return the trace context that a commit or a command has; None where it has none."""
    return None if packed is None else TraceContext.unpack(packed)


@contextmanager
def running_span(
    tracer: Tracer,
    name: str,
    parent: Context,
    attributes: Attributes,
    *,
    ignored: tuple[type[Exception], ...] = (),
) -> Iterator[Span]:
    """Make a span the current one inside the block.

    An error that leaves the block is described in the span, unless it is one of `ignored`.
    """
    with tracer.start_as_current_span(
        name, parent, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield span
        except ignored:
            raise
        except Exception as error:
            describe_error(span, error)
            raise


@contextmanager
def current_to_nerve(span: Span) -> Iterator[None]:
    """Make a span the current trace context of nerve inside the block.

    So commands have its trace id as correlation id, errors show it, and calls of outside ports send it.
    """
    token = current_trace_context.set(trace_context_of(span) or current_trace_context.get())
    try:
        yield
    finally:
        current_trace_context.reset(token)


class SpanRecorder:
    """Records spans of work on commits, once the work is done."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def record(
        self,
        name: str,
        started: int,
        spans: Iterable[bytes | None],
        attributes: Attributes,
        *,
        ended: int | None = None,
        error: Exception | None = None,
    ) -> None:
        """Record a span from `started` to `ended`, or now, in nanoseconds since 1970.

        `spans` are those of the commits. Where all are of one trace, the span belongs to it; else it begins a
        trace of its own. It is linked to each that is not its parent.
        """
        contexts = [context for packed in dict.fromkeys(spans) if (context := unpack(packed)) is not None]
        is_one_trace = len({context.trace_id for context in contexts}) == 1
        parent, linked = (contexts[0], contexts[1:]) if is_one_trace else (None, contexts)
        span = self._tracer.start_span(
            name,
            child_of(parent),
            SpanKind.CONSUMER,
            attributes,
            links=[Link(_remote(context)) for context in linked[:MAX_LINKS]],
            start_time=started,
        )
        if error is not None:
            describe_error(span, error)
        span.end(ended)


def describe_error(span: Span, error: Exception) -> None:
    """Describe an error by its code or its class, without its text, which may contain data."""
    code = error.code if isinstance(error, NerveError) else type(error).__qualname__
    describe_code(span, code, is_fault=not isinstance(error, NerveError) or code in FAULTS)


def describe_code(span: Span, code: str, *, is_fault: bool) -> None:
    """Set the type of an error. Only a fault gives the span the status of an error."""
    span.set_attribute(ERROR_TYPE, code)
    if is_fault:
        span.set_status(StatusCode.ERROR)


def _remote(context: TraceContext) -> SpanContext:
    ids = int(context.trace_id, 16), int(context.span_id, 16)
    return SpanContext(*ids, is_remote=True, trace_flags=TraceFlags(context.flags))
