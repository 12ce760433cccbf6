"""The worker that runs processes and policies."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from domain.process.context import ProcessContext
from domain.process.policy import Policy
from domain.process.process import StartAt
from subscriptions.consumers.checkpoints import Checkpoints
from subscriptions.consumers.group import LEASE_TIME, ConsumerDefinition, ConsumerGroup
from subscriptions.feed.feed import Feed
from subscriptions.feed.wakeups import Wakeups
from subscriptions.processes.policies import policy_consumer
from subscriptions.processes.session import ProcessParts, ProcessSession


class ProcessWorker:
    """Runs this worker's share of all processes and policies, beside other workers.

    See `ConsumerGroup` for `tick`, `lease_time` and `partitions`.
    """

    def __init__(
        self,
        parts: ProcessParts,
        feed: Feed,
        checkpoints: Checkpoints,
        wakeups: Wakeups,
        *,
        tick: float,
        lease_time: float = LEASE_TIME,
        partitions: int = 1,
        policies: Sequence[Policy] = (),
    ) -> None:
        self._group = ConsumerGroup(
            {
                consumer_name(category): _definition(context, parts)
                for category, context in parts.processes.items()
            }
            | dict(policy_consumer(policy, parts.bus) for policy in policies),
            parts.database,
            feed,
            checkpoints,
            wakeups,
            tick=tick,
            lease_time=lease_time,
            partitions=partitions,
        )

    async def start(self) -> None:
        """Begin in the background."""
        await self._group.start()

    async def stop(self) -> None:
        """Finish the reactions in hand, and stop; effects under way are left to another worker."""
        await self._group.stop()


def consumer_name(category: str) -> str:
    """Return the name of the durable consumer of a process."""
    return f"process.{category}"


def _definition(context: ProcessContext, parts: ProcessParts) -> ConsumerDefinition:
    # The code has no part in it: changed code goes on with the same instances.
    return ConsumerDefinition(
        code="",
        make_handler=partial(ProcessSession, context, parts),
        starts_at_head=context.process.starts_at is StartAt.NOW,
    )
