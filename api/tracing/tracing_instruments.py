"""The instruments of a process that is traced."""

from __future__ import annotations

from typing import TypeVar

from opentelemetry.trace import Tracer

from api.instruments import Instruments
from api.tracing.commands import TracedLog, trace_commands
from api.tracing.followers import TracedFeed, TracedHandler, TracedSource, trace_effects
from api.tracing.known_spans import KnownSpans
from api.tracing.spans import SpanRecorder
from domain.dispatch.ports import CommandLog
from eventstore.log import EventLog
from eventstore.mongo.driver import Database
from eventstore.reading.commit_spans import CommitSpans
from subscriptions.consumers.consumer import CommitHandler
from subscriptions.feed.feed import Feed
from subscriptions.feed.wakeups import Wakeups
from subscriptions.live.ports import Source
from subscriptions.processes.held_work import Perform

T = TypeVar("T")


class TracingInstruments(Instruments):
    """Records spans of commands, appends, reads of the feed, folds, effects and broadcasts."""

    def __init__(self, tracer: Tracer, database: Database) -> None:
        self._tracer = tracer
        self._recorder = SpanRecorder(tracer)
        self._known = KnownSpans(CommitSpans(database))
        self.middleware = (trace_commands(tracer),)

    def wrap_log(self, log: CommandLog) -> CommandLog:
        return TracedLog(log, self._tracer, self._known)

    def make_feed(self, log: EventLog, wakeups: Wakeups, poll_interval: float) -> Feed:
        return TracedFeed(log, wakeups, poll_interval, self._recorder, self._known)

    def wrap_handler(self, consumer: str, handler: CommitHandler) -> CommitHandler:
        return TracedHandler(consumer, handler, self._recorder)

    def wrap_perform(self, perform: Perform) -> Perform:
        return trace_effects(perform, self._tracer, self._known)

    def wrap_source(self, name: str, source: Source[T]) -> Source[T]:
        return TracedSource(name, source, self._recorder, self._known)
