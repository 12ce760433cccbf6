"""Work in the memory of a worker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import inf

from domain.kernel.command import Receipt
from domain.kernel.event import Event
from domain.kernel.personal import carried_subjects
from subscriptions.processes.instances import InstanceKey
from subscriptions.processes.open_work import Work

WorkKey = tuple[InstanceKey, str]
"""An instance and the id of its effect."""


@dataclass(frozen=True, slots=True)
class EffectRequest:
    """The event that asks for an effect, and its id."""

    id: str
    event: Event

    @property
    def to_hold(self) -> EffectRequest | None:
        """The request to keep in memory until the effect runs.

        None for one with personal data, which would outlive an erasure there: it is read when it runs.
        """
        return None if carried_subjects(self.event) else self


@dataclass(eq=False, slots=True)
class HeldWork:
    """Work that is being done, or is due soon.

    `since` is the time at which it came into memory, and `held_until` the time from which the checkpoint does
    not wait for it any more; both are monotonic. `is_written`: MongoDB has it. See `Agenda` for the rest.

    A command that was stored has its `receipt`. If the process may react to it, its outcome is recorded when
    the process has reacted to the log up to `awaited`; the reaction usually records it, and no task waits.
    """

    work: Work
    request: EffectRequest | None
    since: float = field(default_factory=time.monotonic)
    held_until: float = inf
    is_written: bool = False
    timer: asyncio.TimerHandle | None = None
    task: asyncio.Task[None] | None = None
    receipt: Receipt | None = None
    awaited: int | None = None

    @property
    def key(self) -> WorkKey:
        return self.work.instance, self.work.id


Perform = Callable[[HeldWork], Awaitable[Work | None]]
"""Does a piece of work. Returns it with a later `due` to be done again then; None if it is done, or if it is
to go on when the position is reached that is `awaited`.
"""
