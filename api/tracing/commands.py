"""Spans of commands and of appends."""

from __future__ import annotations

from dataclasses import replace

from opentelemetry.trace import Tracer

from api.tracing.known_spans import KnownSpans
from api.tracing.spans import Attributes, child_of_current, running_span, trace_context_of, unpack
from domain.dispatch import Middleware
from domain.dispatch.bus import Handler
from domain.dispatch.ports import CommandLog, NewCommit
from domain.kernel import Envelope, Receipt


def trace_commands(tracer: Tracer) -> Middleware:
    """Return middleware that records a span for each command."""

    async def layer(envelope: Envelope, next_handler: Handler) -> Receipt:
        name = type(envelope.command).__name__
        parent = child_of_current(unpack(envelope.span))
        with running_span(tracer, f"command {name}", parent, {"nerve.command": name}) as span:
            receipt = await next_handler(envelope)
            span.set_attribute("nerve.outcome", "replayed" if receipt.replayed else "stored")
            return receipt

    return layer


class TracedLog:
    """The log as commands and processes append to it; records a span for each append.

    The commit keeps this span, so that what follows from the commit in other processes belongs to its trace.
    """

    def __init__(self, log: CommandLog, tracer: Tracer, known: KnownSpans) -> None:
        self._log = log
        self._tracer = tracer
        self._known = known
        self.stored_command = log.stored_command
        self.position_of = log.position_of

    async def append(self, commit: NewCommit) -> Receipt:
        attributes: Attributes = {
            "nerve.command": commit.command,
            "nerve.category": commit.category,
            "nerve.events": len(commit.events),
        }
        parent = child_of_current(unpack(commit.span))
        with running_span(self._tracer, "append", parent, attributes) as span:
            context = trace_context_of(span)
            packed = commit.span if context is None else context.pack()
            receipt = await self._log.append(replace(commit, span=packed))
            span.set_attribute("nerve.position", receipt.position)
        if receipt.changed and not receipt.replayed:
            self._known.add(receipt.position, packed)
        return receipt
