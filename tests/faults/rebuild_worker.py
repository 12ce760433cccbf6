"""A worker that kills itself in a switch: ``python -m tests.faults.rebuild_worker POINT`` and the addresses.

At POINT ``taken`` the leases of the old generation are taken over and nothing more; at ``switched`` the new
one is active, and nobody has been told.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence

from projections.rebuilding.generation_switch import GenerationSwitch
from subscriptions.consumers.generations import Generations
from subscriptions.consumers.partition_leases import PartitionLease
from tests.helpers.note_rig import open_rig


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def _taken(self: GenerationSwitch, taken: Sequence[PartitionLease]) -> bool:
    die()
    return False


_switch = Generations.switch


async def _switched(
    self: Generations, leader: PartitionLease, taken: Sequence[PartitionLease], reached: int
) -> bool:
    assert await _switch(self, leader, taken, reached)
    die()
    return True


async def main(point: str, *addresses: str) -> None:
    """Project until then."""
    if point == "taken":
        GenerationSwitch._switch_from = _taken  # type: ignore[method-assign]
    else:
        Generations.switch = _switched  # type: ignore[method-assign]
    async with open_rig(*addresses, poll_interval=0.05, work=True, lease_time=1.0):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
