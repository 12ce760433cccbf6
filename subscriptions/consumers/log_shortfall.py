"""A log that ends before what is known of it: an older backup of it was restored, or its end was cut off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from domain.kernel.errors import ConfigurationError
from eventstore.log import EventLog
from subscriptions.consumers.checkpoints import Checkpoints


class Shortfall(NamedTuple):
    """Where the log ends, and what is beyond that: the position of each, by what it is."""

    head: int
    beyond: Mapping[str, int]


async def find_shortfall(log: EventLog, checkpoints: Checkpoints) -> Shortfall:
    """What is known of positions that the log does not have. Raises Unavailable."""
    positions = {f"the consumer {name}": at for name, at in (await checkpoints.furthest()).items()}
    positions["the last sealed block"] = await log.sealed_upto()
    if await log.reaches(max(positions.values())):
        return Shortfall(await log.head(), {})
    head = await log.head()
    return Shortfall(head, {name: at for name, at in positions.items() if at > head})


async def check_no_shortfall(log: EventLog, checkpoints: Checkpoints) -> None:
    """Raises ConfigurationError where the log ends before what is known of it.

    What was appended now would take the positions of what was lost, and consumers would pass over it.
    """
    head, beyond = await find_shortfall(log, checkpoints)
    if not beyond:
        return
    furthest = max(beyond, key=beyond.__getitem__)
    others = f" and {len(beyond) - 1} more are beyond it too" if len(beyond) > 1 else ""
    raise ConfigurationError(
        f"{furthest} is at position {beyond[furthest]}, but the log ends at {head}{others}: an older backup "
        "of the log was restored, or its end was lost; restore the whole of it, or go on from its end with "
        "`nerve adopt`, which builds the views anew and voids the positions that clients hold"
    )
