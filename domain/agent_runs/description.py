"""What the spans of a run say about it as a whole, the same in whatever order they come. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

from domain.agent_runs.spans import Span
from domain.kernel.fields import Int64

NAMED = ("agent_name", "conversation_id", "agent_id", "task_id", "workflow_id", "correlation_id")
"""The fields of spans that also describe the run."""

_named_values = attrgetter(*NAMED)
_NOTHING = (None,) * len(NAMED)


@dataclass(frozen=True, slots=True)
class NamedValue:
    """A value that a span names, and when that span began and ended."""

    value: str
    start_nano: Int64
    end_nano: Int64
    span_id: str

    @property
    def rank(self) -> tuple[int, int, str]:
        """Of several values the one with the least rank counts: that of the first and longest span."""
        return self.start_nano, -self.end_nano, self.span_id


@dataclass(frozen=True, slots=True)
class EntrySpan:
    """A span with which the run, or the part of it in one service, begins."""

    span_id: str
    name: str
    is_root: bool
    start_nano: Int64
    is_error: bool
    error_type: str | None = None

    @property
    def rank(self) -> tuple[bool, int, str]:
        """Of several entries the one with the least rank counts: the root of the trace, else the first."""
        return not self.is_root, self.start_nano, self.span_id


@dataclass(frozen=True, slots=True)
class RunDescription:
    """The entry of a run, which is None until it has ended, and the values that describe the run.

    Each value is that of the span that began first: an agent's span begins before those that it causes.
    """

    entry: EntrySpan | None = None
    agent_name: NamedValue | None = None
    conversation_id: NamedValue | None = None
    agent_id: NamedValue | None = None
    task_id: NamedValue | None = None
    workflow_id: NamedValue | None = None
    correlation_id: NamedValue | None = None

    def with_span(self, span: Span) -> RunDescription:
        """Return the description with what one more span says."""
        changed: dict[str, Any] = {}
        # Most spans name nothing.
        if (values := _named_values(span)) != _NOTHING:
            for name, value in zip(NAMED, values, strict=True):
                if value is not None:
                    named = NamedValue(value, span.start_nano, span.end_nano, span.span_id)
                    before: NamedValue | None = getattr(self, name)
                    if before is None or named.rank < before.rank:
                        changed[name] = named
        if span.is_entry and (self.entry is None or _entry(span).rank < self.entry.rank):
            changed["entry"] = _entry(span)
        return replace(self, **changed) if changed else self


def _entry(span: Span) -> EntrySpan:
    is_root = span.parent_id is None
    return EntrySpan(span.span_id, span.name, is_root, span.start_nano, span.is_error, span.error_type)


def value_of(named: NamedValue | None) -> str | None:
    """Return the value alone."""
    return None if named is None else named.value
