"""Spans of what follows the log: reads of its live end, folds of views, effects of processes, broadcasts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from time import time_ns
from typing import Generic, TypeVar

from opentelemetry.trace import Tracer

from api.tracing.known_spans import KnownSpans
from api.tracing.spans import Attributes, SpanRecorder, child_of, current_to_nerve, running_span, unpack
from domain.kernel import Commit
from eventstore.log import EventLog
from subscriptions.consumers.checkpoints import Checkpoint
from subscriptions.consumers.consumer import CommitHandler
from subscriptions.feed.feed import Feed
from subscriptions.feed.tail import TailReader
from subscriptions.feed.wakeups import Wakeups
from subscriptions.live.ports import Source
from subscriptions.processes.held_work import HeldWork, Perform
from subscriptions.processes.open_work import Work

T = TypeVar("T")


class TracedFeed(Feed):
    """The feed of the log; records a span for each read of the live end that finds commits."""

    def __init__(
        self, log: EventLog, wakeups: Wakeups, poll_interval: float, recorder: SpanRecorder, known: KnownSpans
    ) -> None:
        super().__init__(log, wakeups, poll_interval)
        self._recorder = recorder
        self._known = known

    async def _read_on(self, reader: TailReader[Commit], position: int) -> tuple[Sequence[Commit], int]:
        started = time_ns()
        commits, end = await super()._read_on(reader, position)
        if commits:
            spans = {commit.position: commit.info.span for commit in commits if commit.info is not None}
            for place, span in spans.items():
                self._known.add(place, span)
            attributes = {"nerve.commits": len(commits), "nerve.position": end}
            self._recorder.record("feed", started, spans.values(), attributes)
        return commits, end


class TracedHandler:
    """The handler of a view's consumer; records a span for each batch that concerns the view."""

    def __init__(self, consumer: str, handler: CommitHandler, recorder: SpanRecorder) -> None:
        self._consumer = consumer
        self._handler = handler
        self._recorder = recorder

    async def begin(self, checkpoint: Checkpoint) -> None:
        await self._handler.begin(checkpoint)

    async def handle(self, commits: Sequence[Commit]) -> bool:
        started = time_ns()
        try:
            worked = await self._handler.handle(commits)
        except Exception as error:
            self._record(started, commits, error)
            raise
        if worked:
            self._record(started, commits)
        return worked

    def _record(self, started: int, commits: Sequence[Commit], error: Exception | None = None) -> None:
        spans = [commit.info.span for commit in commits if commit.info is not None]
        attributes: Attributes = {"nerve.consumer": self._consumer, "nerve.commits": len(commits)}
        self._recorder.record(f"fold {self._consumer}", started, spans, attributes, error=error)


def trace_effects(perform: Perform, tracer: Tracer, known: KnownSpans) -> Perform:
    """Return a function that records a span for each attempt at an effect, in the trace of its request."""

    async def perform_traced(held: HeldWork) -> Work | None:
        work = held.work
        spans = await known.find([work.position])
        attributes: Attributes = {
            "nerve.process": work.instance.category,
            "nerve.channel": work.channel,
            "nerve.attempt": work.attempts + 1,
        }
        parent = child_of(unpack(spans[0] if spans else None))
        name = f"effect {work.instance.category}"
        with running_span(tracer, name, parent, attributes) as span, current_to_nerve(span):
            return await perform(held)

    return perform_traced


class TracedSource(Generic[T]):
    """A source of live topics; records a span for each batch that it publishes.

    Rows do not have the span of their commit, so it is found, and the span recorded, after the publication.
    """

    def __init__(self, name: str, source: Source[T], recorder: SpanRecorder, known: KnownSpans) -> None:
        self._name = name
        self._source = source
        self._recorder = recorder
        self._known = known
        self._recordings: set[asyncio.Task[None]] = set()

    def publish(self, items: Sequence[T]) -> None:
        started = time_ns()
        self._source.publish(items)
        if items:
            recording = asyncio.create_task(self._record(started, time_ns(), items))
            self._recordings.add(recording)
            recording.add_done_callback(self._recordings.discard)

    async def _record(self, started: int, ended: int, items: Sequence[T]) -> None:
        spans = await self._known.find({_position(item) for item in items})
        attributes: Attributes = {"nerve.source": self._name, "nerve.items": len(items)}
        self._recorder.record(f"broadcast {self._name}", started, spans, attributes, ended=ended)


def _position(item: object) -> int:
    """Return the position of a commit, or of the commit that changed a row last."""
    if isinstance(item, Commit):
        return item.position
    assert isinstance(item, Mapping)
    position: int = item["_position"]
    return position
