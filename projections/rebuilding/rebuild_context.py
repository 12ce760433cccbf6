"""What rebuilds need of the process that they run in."""

from __future__ import annotations

from dataclasses import dataclass

from eventstore.log import EventLog
from eventstore.mongo.driver import Database
from subscriptions.consumers.checkpoints import Checkpoints
from subscriptions.consumers.generations import Generations
from subscriptions.feed.wakeups import Wakeups


@dataclass(frozen=True, slots=True)
class RebuildContext:
    """The services that rebuilds use. `tick`, in seconds, is the time between two looks at a rebuild."""

    database: Database
    log: EventLog
    checkpoints: Checkpoints
    generations: Generations
    wakeups: Wakeups
    tick: float
