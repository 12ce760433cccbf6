"""What the spans of work say: their parents, links and attributes, and errors without their text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from opentelemetry.trace import SpanKind, StatusCode, format_span_id, format_trace_id

from api.tracing.commands import TracedLog, trace_commands
from api.tracing.followers import TracedHandler, TracedSource, trace_effects
from api.tracing.known_spans import KnownSpans
from api.tracing.spans import SpanRecorder
from domain.agents.commands import RegisterAgent
from domain.dispatch.ports import NewCommit, StoredCommand
from domain.dispatch.trace_context import TraceContext, current_trace_context
from domain.kernel import Commit, CommitInfo, Envelope, InvariantViolated, Receipt
from domain.kernel.errors import ContextFault, Unavailable
from subscriptions.consumers.checkpoints import Checkpoint
from subscriptions.processes.held_work import HeldWork
from subscriptions.processes.instances import InstanceKey
from subscriptions.processes.open_work import Work
from tests.helpers.commits import commit
from tests.helpers.span_collector import MemorySpans, place, span_id

TRACE = "a" * 32
REQUEST = TraceContext(TRACE, "1" * 16, 1)
SECRET = "a secret of Ada"


class OneCommitLog:
    """A log that stores one commit, at position 7, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.commit: NewCommit | None = None
        self._error = error

    async def append(self, commit: NewCommit) -> Receipt:
        if self._error is not None:
            raise self._error
        self.commit = commit
        return Receipt(commit.command_id, commit.stream, 1, 7, commit.correlation)

    async def stored_command(self, tenant: str, command_id: str) -> StoredCommand | None:
        return None

    async def position_of(self, tenant: str, stream: str, version: int) -> int:
        return 0


class StoredSpans:
    """The spans of a log, and which of them were read."""

    def __init__(self, spans: Mapping[int, bytes]) -> None:
        self._spans = spans
        self.reads: list[list[int]] = []
        self.error: Exception | None = None

    async def read(self, positions: Sequence[int]) -> dict[int, bytes]:
        self.reads.append(sorted(positions))
        if self.error is not None:
            raise self.error
        return {position: self._spans[position] for position in positions if position in self._spans}


def known(**spans: bytes) -> KnownSpans:
    """Known spans, of which none is stored but these: ``p7=span`` is that of position 7."""
    stored: Any = StoredSpans({int(name[1:]): span for name, span in spans.items()})
    return KnownSpans(stored)


def stored(position: int, span: TraceContext | None) -> Commit:
    """A commit without events, as a handler gets it."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    info = CommitInfo(
        position, "default", "note-1", "note", "cmd", "Touch", "c", None, None, None, at, None,
        span=None if span is None else span.pack(),
    )  # fmt: skip
    return Commit(position, info, ())


async def test_an_append_is_a_child_of_its_command_and_the_commit_keeps_it() -> None:
    """The command is a child of the span that it comes from."""
    spans, log, cache = MemorySpans(), OneCommitLog(), known()
    traced = TracedLog(log, spans.tracer, cache)

    async def append(envelope: Envelope) -> Receipt:
        return await traced.append(commit("note-1"))

    command = Envelope(RegisterAgent(name=SECRET), span=REQUEST.pack())
    await trace_commands(spans.tracer)(command, append)
    outer, inner = spans.one("command RegisterAgent"), spans.one("append")
    assert place(outer) == (TRACE, REQUEST.span_id)
    assert place(inner) == (TRACE, span_id(outer))
    assert outer.attributes == {"nerve.command": "RegisterAgent", "nerve.outcome": "stored"}
    assert inner.attributes == {
        "nerve.command": "Touch", "nerve.category": "note", "nerve.events": 1, "nerve.position": 7,
    }  # fmt: skip
    assert log.commit is not None
    assert log.commit.span == TraceContext(TRACE, span_id(inner), 1).pack()
    assert await cache.find([7]) == [log.commit.span]


async def test_a_reaction_belongs_to_the_trace_of_the_event_that_led_to_it() -> None:
    """No span is the current one in a worker."""
    spans, log = MemorySpans(), OneCommitLog()
    await TracedLog(log, spans.tracer, known()).append(commit("note-1", span=REQUEST.pack()))
    assert place(spans.one("append")) == (TRACE, REQUEST.span_id)


@pytest.mark.parametrize(
    ("error", "described", "status"),
    [
        (InvariantViolated(SECRET), "INVARIANT_VIOLATED", StatusCode.UNSET),
        (Unavailable(SECRET), "UNAVAILABLE", StatusCode.ERROR),
        (ContextFault(SECRET), "INTERNAL", StatusCode.ERROR),
        (KeyError(SECRET), "KeyError", StatusCode.ERROR),
    ],
)
async def test_an_error_is_described_without_its_text(
    error: Exception, described: str, status: StatusCode
) -> None:
    """Only what is not the client's mistake is an error of the span."""
    spans = MemorySpans()
    with pytest.raises(type(error)):
        await TracedLog(OneCommitLog(error), spans.tracer, known()).append(commit("note-1"))
    span = spans.one("append")
    assert span.attributes is not None
    assert (span.attributes["error.type"], span.status.status_code) == (described, status)
    assert SECRET not in span.to_json()


class Fold:
    """A handler that says whether it was concerned, or fails."""

    def __init__(self, outcome: bool | Exception) -> None:
        self._outcome = outcome

    async def begin(self, checkpoint: Checkpoint) -> None:
        pass

    async def handle(self, commits: Sequence[Commit]) -> bool:
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome


async def folded(*commits: Commit, outcome: bool | Exception = True) -> MemorySpans:
    """The spans of a fold of one batch."""
    spans = MemorySpans()
    handler = TracedHandler("view.notes", Fold(outcome), SpanRecorder(spans.tracer))
    await handler.begin(Checkpoint(0, 0))
    if isinstance(outcome, Exception):
        with pytest.raises(type(outcome)):
            await handler.handle(commits)
    else:
        assert await handler.handle(commits) is outcome
    return spans


async def test_a_fold_of_one_trace_is_a_child_of_its_first_commit() -> None:
    """It is linked to the others; one without a span is left out."""
    second = TraceContext(TRACE, "2" * 16, 1)
    span = (await folded(stored(1, None), stored(2, REQUEST), stored(3, second))).one("fold view.notes")
    assert place(span) == (TRACE, REQUEST.span_id)
    assert [format_span_id(link.context.span_id) for link in span.links] == [second.span_id]
    assert (span.kind, span.attributes) == (
        SpanKind.CONSUMER, {"nerve.consumer": "view.notes", "nerve.commits": 3},
    )  # fmt: skip


async def test_a_fold_of_several_traces_is_linked_to_each() -> None:
    """It is in a trace of its own."""
    other = TraceContext("b" * 32, "2" * 16, 1)
    span = (await folded(stored(1, REQUEST), stored(2, other))).one("fold view.notes")
    trace, parent = place(span)
    assert trace not in (TRACE, other.trace_id)
    assert parent == ""
    linked = [format_trace_id(link.context.trace_id) for link in span.links]
    assert linked == [TRACE, other.trace_id]


async def test_a_fold_is_recorded_where_it_concerns_the_view_or_fails() -> None:
    """Each commit passes every view."""
    assert (await folded(stored(1, REQUEST), outcome=False)).ended == ()
    failed = (await folded(stored(1, REQUEST), outcome=Unavailable("x"))).one("fold view.notes")
    assert failed.status.status_code is StatusCode.ERROR


async def test_what_is_not_recorded_at_the_request_is_not_recorded_later() -> None:
    """Its trace context says so."""
    assert (await folded(stored(1, REQUEST._replace(flags=0)))).ended == ()


async def test_an_effect_is_in_the_trace_of_its_request() -> None:
    """The span of the commit that asked for it is read once; without one, the effect begins a trace."""
    spans, work = MemorySpans(), Work(
        InstanceKey("default", "chore-1"), "chore-1:2", "commands", "chore-1", 2, 7, "c", attempts=1
    )  # fmt: skip

    sent: list[TraceContext | None] = []

    async def perform(held: HeldWork) -> Work | None:
        sent.append(current_trace_context.get())
        return None

    await trace_effects(perform, spans.tracer, known(p7=REQUEST.pack()))(HeldWork(work, None))
    span = spans.one("effect chore")
    assert place(span) == (TRACE, REQUEST.span_id)
    assert span.attributes == {"nerve.process": "chore", "nerve.channel": "commands", "nerve.attempt": 2}
    assert sent == [TraceContext(TRACE, span_id(span), 1)], "what a call of a port sends"
    others = MemorySpans()
    await trace_effects(perform, others.tracer, known())(HeldWork(work, None))
    assert place(others.one("effect chore"))[1] == ""


async def test_a_broadcast_is_in_the_trace_of_what_it_publishes() -> None:
    """Rows have only the position of their last commit."""
    spans = MemorySpans()
    published: list[Mapping[str, Any]] = []

    class Source:
        def publish(self, items: Sequence[Mapping[str, Any]]) -> None:
            published.extend(items)

    recorder, cache = SpanRecorder(spans.tracer), known(p7=REQUEST.pack())
    source = TracedSource("notes", Source(), recorder, cache)
    rows = [{"_position": 7}, {"_position": 7}]
    source.publish(())
    source.publish(rows)
    assert published == rows
    for recording in list(vars(source)["_recordings"]):
        await recording
    span = spans.one("broadcast notes")
    assert place(span) == (TRACE, REQUEST.span_id)
    assert span.attributes == {"nerve.source": "notes", "nerve.items": 2}


async def test_spans_are_read_once_and_no_outage_stops_the_work() -> None:
    """While MongoDB is away, the commit counts as one without a span."""
    reads = StoredSpans({1: REQUEST.pack()})
    stored_spans: Any = reads
    cache = KnownSpans(stored_spans)
    reads.error = Unavailable("away")
    assert await cache.find([1, 2]) == []
    reads.error = None
    assert [await cache.find([2, 1]) for _ in range(2)] == [[REQUEST.pack()]] * 2
    assert reads.reads == [[1, 2], [1, 2]]
