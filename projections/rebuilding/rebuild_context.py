"""What rebuilds need of the process that they take place in."""

from __future__ import annotations

from dataclasses import dataclass

from eventstore.log import EventLog
from eventstore.mongo.driver import Database
from subscriptions.consumers.checkpoints import Checkpoints
from subscriptions.consumers.generations import Generations
from subscriptions.feed.wakeups import Wakeups


@dataclass(frozen=True, slots=True)
class RebuildContext:
    """`tick` is in seconds, between two looks at how far a rebuild is."""

    database: Database
    log: EventLog
    checkpoints: Checkpoints
    generations: Generations
    wakeups: Wakeups
    tick: float
