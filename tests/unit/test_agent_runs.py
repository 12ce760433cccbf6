"""The rules of agent runs, and their views, which are the same in whatever order spans come."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given as given_values
from hypothesis import strategies as st
from pydantic import JsonValue

from domain.agent_runs import context
from domain.agent_runs.aggregate import MAX_SPANS_OF_RUN, AgentRun
from domain.agent_runs.commands import RecordSpans
from domain.agent_runs.events import RunDescribed, SpanRecorded
from domain.agent_runs.spans import Span, SpanReport, SpanStatus
from domain.kernel import Facts
from domain.kernel.access import role
from domain.kernel.personal import without_subject
from domain.testing import NOON, given
from projections.kernel import View
from projections.testing import History
from projections.views import run_days, runs, spans

TRACE = "0af7651916cd43dd8448eb211c80319c"
STREAM = f"agentrun-{TRACE}"
VIEWS: tuple[View[Any], ...] = (runs.view, spans.view, run_days.view)


def span(number: int, parent: int | None = None, **fields: Any) -> Span:
    values = {"name": "step", "start_nano": number * 1_000_000, "end_nano": number * 1_000_000 + 500_000}
    parent_id = None if parent is None else f"{parent:016x}"
    return Span(**{"span_id": f"{number:016x}", "parent_id": parent_id, **values, **fields})


def chat(number: int, parent: int | None = 1, **fields: Any) -> Span:
    used = {"operation": "chat", "request_model": "gpt-4.1", "input_tokens": 10, "output_tokens": 2}
    return span(number, parent, **{**used, **fields})


def record(*recorded: Span) -> RecordSpans:
    return RecordSpans(trace_id=TRACE, spans=tuple(SpanReport(span=each) for each in recorded))


def history_of(*batches: Sequence[Span]) -> History:
    """Return the history of commands with these batches of spans."""
    history, state, version = History(), AgentRun(), 0
    for batch in batches:
        facts = Facts(now=NOON, stream_id=STREAM, version=version)
        if events := state.decide(record(*batch), facts):
            history.add(STREAM, *events)
            state, version = state.evolve_all(events), version + len(events)
    return history


def test_a_span_is_recorded_once():
    root = span(1, operation="invoke_agent", agent_name="support")
    first = given(AgentRun).when(record(root, root, chat(2)))
    recorded, other, described = first.events
    assert (recorded, other) == (
        SpanRecorded(span=root, run_agent="support"),
        SpanRecorded(span=chat(2), run_agent="support"),
    )
    assert isinstance(described, RunDescribed)
    given(AgentRun, *first.events).when(record(chat(2), root)).then_nothing()


def test_content_is_data_of_its_person_or_else_of_the_run():
    content: dict[str, JsonValue] = {"gen_ai.input.messages": "I am Jane"}
    reports = (
        SpanReport(span=span(1), subject="user-jane", content=content),
        SpanReport(span=span(2, 1), content=content),
        SpanReport(span=span(3, 1), subject="user-jane"),
    )
    events = given(AgentRun).when(RecordSpans(trace_id=TRACE, spans=reports)).events
    subjects = [event.subject for event in events if isinstance(event, SpanRecorded)]
    assert subjects == ["user-jane", STREAM, None]


def test_a_run_has_a_limited_number_of_spans(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("domain.agent_runs.aggregate.MAX_SPANS_OF_RUN", 2)
    given(AgentRun).when(record(span(1), span(2), span(3))).then_refused(containing="at most 2 spans")
    assert MAX_SPANS_OF_RUN == 10_000


def test_a_run_is_running_until_its_first_span_has_ended():
    late = history_of([chat(2)]).rows(runs.view)[STREAM]
    assert (late["state"], late["name"], late["agent_name"]) == (runs.RunState.RUNNING, None, None)
    root = span(1, name="invoke_agent support", agent_name="support", task_id="task-1", end_nano=9_000_000)
    row = history_of([chat(2)], [root]).rows(runs.view)[STREAM]
    assert (row["state"], row["name"]) == (runs.RunState.COMPLETED, "invoke_agent support")
    assert (row["agent_name"], row["task_id"]) == ("support", "task-1")
    assert (row["duration_seconds"], row["spans"], row["model_calls"]) == (0.008, 2, 1)


def test_a_run_whose_first_span_failed_has_failed():
    root = span(1, status=SpanStatus.ERROR, error_type="TimeoutError")
    row = history_of([root]).rows(runs.view)[STREAM]
    assert (row["state"], row["error_type"], row["errors"]) == (runs.RunState.FAILED, "TimeoutError", 1)


def test_a_part_of_a_trace_that_another_service_began_is_a_run():
    entry = span(2, 1, has_remote_parent=True, name="handle")
    row = history_of([entry, chat(3, 2)]).rows(runs.view)[STREAM]
    assert (row["state"], row["name"]) == (runs.RunState.COMPLETED, "handle")
    root = history_of([entry], [span(9, name="root")]).rows(runs.view)[STREAM]
    assert root["name"] == "root"


def test_usage_moves_to_the_agent_that_is_known_later():
    history = history_of([chat(2, cost=Decimal("0.25"))], [chat(3, agent_name="billing")])
    rows = history.rows(run_days.view)
    assert {row["agent_name"]: row["input_tokens"] for row in rows.values()} == {"billing": 20}
    history = history_of([chat(2)], [chat(3, agent_name="billing")], [span(1, agent_name="support")])
    rows = history.rows(run_days.view)
    assert {row["agent_name"]: row["input_tokens"] for row in rows.values()} == {"billing": 10, "support": 10}


names = st.none() | st.sampled_from(["support", "billing", "a/b"])


@st.composite
def trees(draw: st.DrawFn) -> list[Span]:
    """Spans of one trace, of which some have the same times."""
    count = draw(st.integers(1, 7))
    made = []
    for number in range(1, count + 1):
        start = draw(st.integers(0, 3)) * 40_000_000_000_000
        operation = draw(st.sampled_from([None, "chat", "invoke_agent", "execute_tool"]))
        made.append(
            span(
                number,
                draw(st.none() | st.integers(1, count)),
                has_remote_parent=draw(st.booleans()),
                start_nano=start,
                end_nano=start + draw(st.integers(0, 2)),
                operation=operation,
                request_model=draw(st.sampled_from(["gpt-4.1", "b/a"])) if operation == "chat" else None,
                input_tokens=draw(st.none() | st.integers(0, 9)),
                cost=draw(st.none() | st.decimals(0, 9, places=3)),
                agent_name=draw(names),
                task_id=draw(st.none() | st.sampled_from(["task-1", "task-2"])),
                status=draw(st.sampled_from(SpanStatus)),
            )
        )
    return made


def batches_of(draw: st.DrawFn, tree: Sequence[Span]) -> list[list[Span]]:
    """Return the spans in some order and batches, some of them twice."""
    doubles = draw(st.lists(st.sampled_from(tree), max_size=4))
    sequence = draw(st.permutations([*tree, *doubles]))
    cuts = sorted(draw(st.sets(st.integers(1, len(sequence)))) | {0, len(sequence)})
    return [sequence[start:end] for start, end in pairwise(cuts)]


@given_values(st.data())
def test_the_views_are_the_same_in_every_order_and_batching(data: st.DataObject):
    """Spans may come late, doubled and in any batches."""
    tree = data.draw(trees())
    expected = history_of(tree)
    shuffled = history_of(*data.draw(st.composite(batches_of)(tree)))
    for view in VIEWS:
        assert shuffled.rows(view) == expected.rows(view)


@given_values(trees())
def test_the_totals_of_days_are_those_of_the_run(tree: list[Span]):
    history = history_of(*([each] for each in tree))
    [run] = history.rows(runs.view).values()
    days = history.rows(run_days.view).values()
    for total in ("agent_calls", "model_calls", "tool_calls", "errors", "input_tokens", "cost"):
        assert sum(day[total] for day in days) == run[total]
    assert run["spans"] == len(history.rows(spans.view)) == len(tree)


def test_a_span_shows_that_it_had_content_after_the_erasure():
    """So nobody takes erased messages for ones that were not recorded."""
    content = {"gen_ai.prompt": "I am Jane"}
    recorded = SpanRecorded(span=chat(2), subject="person-1", content=content)
    erased = without_subject(
        SpanRecorded(span=chat(3), subject="person-1", content=content), STREAM, "person-1"
    )
    plain = SpanRecorded(span=chat(4))
    rows = History().add(STREAM, recorded, erased, plain).rows(spans.view)
    assert [(row["has_content"], row["content"]) for row in rows.values()] == [
        (True, content),
        (True, None),
        (False, None),
    ]


def test_only_recorders_may_record_and_only_viewers_may_see():
    """Content needs a role of its own, also in events."""
    assert RecordSpans.access == role("run_recorder")
    assert {view.access for view in VIEWS} == {role("run_viewer")}
    assert spans.view.field_access == {"content": role("run_content_viewer")}
    assert {event.type: event.access for event in context.events} == {
        "agentrun.span_recorded": role("run_content_viewer"),
        "agentrun.described": role("run_viewer"),
    }
