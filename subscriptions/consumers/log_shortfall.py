"""A log that ends before positions that are known: an older backup was restored, or its end was lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from domain.kernel.errors import ConfigurationError
from eventstore.log import EventLog
from subscriptions.consumers.checkpoints import Checkpoints


class Shortfall(NamedTuple):
    """The end of the log, and the known positions beyond it, by what they are the position of."""

    head: int
    beyond: Mapping[str, int]


async def find_shortfall(log: EventLog, checkpoints: Checkpoints) -> Shortfall:
    """Compare the end of the log with the positions of the consumers and of the sealed blocks.

    Raises Unavailable.
    """
    furthest = await checkpoints.furthest()
    positions = {f"the consumer {name}": position for name, position in furthest.items()}
    positions["the last sealed block"] = await log.sealed_upto()
    if await log.reaches(max(positions.values())):
        return Shortfall(await log.head(), {})
    head = await log.head()
    return Shortfall(head, {name: position for name, position in positions.items() if position > head})


async def check_no_shortfall(log: EventLog, checkpoints: Checkpoints) -> None:
    """Raise ConfigurationError if the log ends before a known position.

    A new commit would get the position of one that was lost, and consumers would skip it.
    """
    head, beyond = await find_shortfall(log, checkpoints)
    if not beyond:
        return
    furthest = max(beyond, key=beyond.__getitem__)
    others = f" and {len(beyond) - 1} more are beyond it too" if len(beyond) > 1 else ""
    raise ConfigurationError(
        f"{furthest} is at position {beyond[furthest]}, but the log ends at {head}{others}: an older backup "
        "of the log was restored, or its end was lost; restore the whole of it, or go on from its end with "
        "`nerve adopt`, after which views are built again and the positions that clients have are invalid"
    )
