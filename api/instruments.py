"""The places at which the parts of a process can be wrapped, so that they are observed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from domain.dispatch import Middleware
from domain.dispatch.ports import CommandLog
from eventstore.log import EventLog
from subscriptions.consumers.consumer import CommitHandler
from subscriptions.feed.feed import Feed
from subscriptions.feed.wakeups import Wakeups
from subscriptions.live.ports import Source
from subscriptions.processes.held_work import Perform

T = TypeVar("T")


class Instruments:
    """Observes nothing: each part stays as it is. A subclass wraps the parts that it observes.

    `middleware` runs around all other middleware of the command bus.
    """

    middleware: Sequence[Middleware] = ()

    def wrap_log(self, log: CommandLog) -> CommandLog:
        """Return the log to which commands and processes append."""
        return log

    def make_feed(self, log: EventLog, wakeups: Wakeups, poll_interval: float) -> Feed:
        """Return the feed of the log."""
        return Feed(log, wakeups, poll_interval)

    def wrap_handler(self, consumer: str, handler: CommitHandler) -> CommitHandler:
        """Return what handles commits in place of this handler, of the consumer of this name."""
        return handler

    def wrap_perform(self, perform: Perform) -> Perform:
        """Return what does the work of processes in place of this function."""
        return perform

    def wrap_source(self, name: str, source: Source[T]) -> Source[T]:
        """Return what publishes to the topics of a live view, or of the log, in place of its source."""
        return source


NO_INSTRUMENTS = Instruments()
