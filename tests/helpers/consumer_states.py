"""How the consumer of a rig's view stands, and leases of it for tests."""

from __future__ import annotations

from projections.querying.locator import consumer_name
from subscriptions.consumers.generations import Generations
from subscriptions.consumers.partition_leases import PartitionLease, PartitionLeases
from subscriptions.consumers.state import ConsumerState
from tests.helpers.note_rig import Rig
from tests.helpers.stolen_leases import steal

TERM = 600.0


async def opened(rig: Rig) -> ConsumerState:
    """How it stands, with an active generation."""
    return await Generations(rig.database).open(consumer_name(rig.view))


async def hold(rig: Rig, generation: int = 1, code: str = "") -> PartitionLease:
    """The lease of the first partition of a generation, taken from whoever holds it."""
    state = await opened(rig)
    seen = state.generations[generation].partitions[0]
    lease = await steal(rig.database, state.consumer, generation, seen, TERM, code)
    return lease or await hold(rig, generation, code)


async def switch(rig: Rig, leader: PartitionLease, reached: int) -> None:
    """Make the generation of `leader` the active one, which must be at `reached`; nobody is told."""
    held = None
    while held is None:
        # Somebody may take it between the look and the taking.
        state = await opened(rig)
        assert state.active is not None
        held = await PartitionLeases(rig.database, "switching", TERM).take_over(state, state.active)
    assert await Generations(rig.database).switch(leader, held, reached)
