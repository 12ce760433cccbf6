"""The rules of a run: each span is recorded once, and the agent of the run has the usage of its spans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import ClassVar, assert_never

from domain.agent_runs.commands import RecordSpans
from domain.agent_runs.description import RunDescription, value_of
from domain.agent_runs.events import RunDescribed, SpanRecorded
from domain.agent_runs.spans import SpanReport
from domain.agent_runs.usage import Usage, added
from domain.kernel import Aggregate, Facts, InvariantViolated
from domain.kernel.types.model_making import model_maker

RunEvent = SpanRecorded | RunDescribed

MAX_SPANS_OF_RUN = 10_000
"""Spans of one run; the state has the ids of all, by which doubles are recognized."""

_UNDESCRIBED = RunDescription()

# The values of a command are valid, and it may have hundreds of spans.
_make_recorded = model_maker(SpanRecorded)


@dataclass(frozen=True, slots=True)
class AgentRun(Aggregate[RecordSpans, RunEvent]):
    """The ids of the recorded spans, the description of the run, and the usage of its agent.

    The usage is that of spans which name no agent of their own, by day and model.
    """

    category: ClassVar[str] = "agentrun"

    span_ids: tuple[str, ...] = ()
    description: RunDescription = _UNDESCRIBED
    usages: tuple[Usage, ...] = ()

    def decide(self, command: RecordSpans, facts: Facts) -> Sequence[RunEvent]:
        reports = self._new_reports(command.spans)
        if len(self.span_ids) + len(reports) > MAX_SPANS_OF_RUN:
            raise InvariantViolated(f"a run has at most {MAX_SPANS_OF_RUN:,} spans; start another trace")
        spans = [report.span for report in reports]
        description = reduce(RunDescription.with_span, spans, self.description)
        run_agent = value_of(description.agent_name)
        events: list[RunEvent] = []
        for report in reports:
            subject = None if report.content is None else report.subject or facts.stream_id
            events.append(
                _make_recorded(
                    {
                        "span": report.span,
                        "run_agent": run_agent,
                        "subject": subject,
                        "content": report.content,
                    }
                )
            )
        usages = added(self.usages, [span for span in spans if span.agent_name is None])
        if (description, usages) != (self.description, self.usages):
            before = value_of(self.description.agent_name)
            moved = () if run_agent == before else self.usages
            events.append(
                RunDescribed(description=description, usages=usages, previous_agent=before, moved=moved)
            )
        return events

    def _new_reports(self, reports: Sequence[SpanReport]) -> list[SpanReport]:
        """Return the reports of spans that are not recorded yet, each once."""
        recorded = set(self.span_ids)
        new = []
        for report in reports:
            span_id = report.span.span_id
            if span_id not in recorded:
                recorded.add(span_id)
                new.append(report)
        return new

    def evolve(self, event: RunEvent) -> AgentRun:
        match event:
            case SpanRecorded(span=span):
                # Cheap, because it is done for each span: the event after them brings the rest.
                return AgentRun((*self.span_ids, span.span_id), self.description, self.usages)
            case RunDescribed(description=description, usages=usages):
                return replace(self, description=description, usages=usages)
            case _:
                assert_never(event)
