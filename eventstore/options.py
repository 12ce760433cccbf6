"""Sizes and times that a log works with. The defaults suit production; tests use smaller ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

CLOSE_WITHIN = 5.0
"""Seconds that an insert of tombstones may take, with its majority and its journal."""

NEVER_SOLE = float("inf")
"""A `sole_after` with which a process reserves all its positions."""


@dataclass(frozen=True, slots=True)
class CounterOptions:
    """When a process holds the counter of positions, and when another one takes it over. Times in seconds."""

    sole_after: float = 1.0
    """A process may hold the counter when nobody else took a position for so long."""
    busy_rate: int = 10
    """It does so from this many reservations a second on: a rare writer makes no other process wait."""
    report_every: float = 0.1
    """The holder writes to the counter this often; another process waits that long, once."""
    idle_after: float = 1.0
    """The holder releases the counter after so long without a commit."""
    dead_after: float = 1.0
    """A holder that was silent for so long, by the clock of the process that waits, counts as dead."""


@dataclass(frozen=True, slots=True)
class AppendOptions:
    """Bounds of the append queue and of its groups. Sizes in bytes, times in seconds."""

    group: int = 256
    """Most commits in one insert."""
    group_bytes: int = 40_000_000
    """Most bytes in one insert, except for one larger commit; a MongoDB message holds 48,000,000."""
    queue: int = 10_000
    """Most commits that wait; further ones fail with Overloaded."""
    queue_bytes: int = 256_000_000
    """Most bytes that wait."""
    groups_in_flight: int = 3
    """Groups at once: one is encoded while another is written and a third is made durable."""
    give_up_after: float = 15.0
    """An append without an outcome fails with Unavailable after so long."""
    retry_after: float = 0.1
    """The pause between an outage and the next attempt."""
    counter: CounterOptions = CounterOptions()

    @property
    def window(self) -> int:
        """Most positions that are in flight at once."""
        return self.groups_in_flight * self.group


@dataclass(frozen=True, slots=True)
class LogOptions:
    """How one `EventLog` works."""

    appends: AppendOptions = AppendOptions()
    stream_page: int = 1_000
    """Versions of a stream that one query reads, so that neither side sorts or keeps more."""
    search_page: int = 1_000
    """Events that one query reads for folds of several streams."""
    search_streams: int = 100
    """Streams whose events one query reads for folds."""
    replay_page: int = 200
    """Commits that one query of a replay reads, which is what a replay keeps in memory."""
    note_every: int = 10_000
    """Positions between two notes of the high-water mark, or of measured record times, in the database."""
    settle_within: float = 5.0
    """Seconds to wait for open positions before a point in the past."""
    close_within: float = CLOSE_WITHIN
    """Seconds in which a reader must have closed a hole, with its majority and its journal."""
    monotonic: Callable[[], float] = monotonic
    """The clock by which readers measure how long a hole is open."""


DEFAULT_OPTIONS = LogOptions()
