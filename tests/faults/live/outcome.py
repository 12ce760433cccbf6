"""What came of subscribers who resumed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from statistics import median
from typing import Literal

from rich.table import Table

Victim = Literal["redis", "api", "api stopped", "worker"]
"""Who is killed with SIGKILL; an API process that is stopped is asked to, and tells its clients."""


@dataclass
class Outcome:
    """What came of it; `outages` and `delays` are in seconds."""

    kills: Counter[Victim] = field(default_factory=Counter)
    changes: int = 0
    subscribers: int = 0
    cuts: int = 0
    lagged: int = 0
    expired: int = 0
    events: int = 0
    looks: int = 0
    seconds: float = 0.0
    outages: list[float] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    wrongs: list[str] = field(default_factory=list)

    def table(self) -> Table:
        """For a person to read."""
        struck = ", ".join(f"{count} of {victim}" for victim, count in sorted(self.kills.items()))
        table = Table(
            "",
            title=f"{self.changes:,} changes to {self.subscribers:,} subscribers in {self.seconds:.0f} s; "
            f"struck: {struck}",
            caption=f"{self.cuts:,} times cut off, {self.lagged:,} times told Lagged, {self.expired:,} times "
            f"CursorExpired; {self.events:,} events told; {self.looks:,} looks at what views' subscribers "
            f"held; {len(self.wrongs):,} wrongs",
        )
        for column in ("median", "99 of 100", "longest"):
            table.add_column(f"{column}, s", justify="right")
        for name, found in (
            ("without updates, from a cut to caught up", self.outages),
            ("from an event's record to its subscriber", self.delays),
        ):
            ordered = sorted(found) or [0.0]
            high = ordered[int(len(ordered) * 0.99)]
            table.add_row(name, f"{median(ordered):.3f}", f"{high:.2f}", f"{ordered[-1]:.2f}")
        return table
