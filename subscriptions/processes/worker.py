"""The worker that runs processes and policies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from weakref import WeakSet

from domain.kernel import Catalog
from domain.process.context import ProcessContext
from domain.process.policy import Policy
from domain.process.policy_events import PolicyEvent
from domain.process.process import StartAt, trigger_classes
from subscriptions.consumers.checkpoints import Checkpoints
from subscriptions.consumers.group import LEASE_TIME, ConsumerDefinition, ConsumerGroup
from subscriptions.feed.feed import Feed
from subscriptions.feed.wakeups import Wakeups
from subscriptions.processes.agenda import hold_time
from subscriptions.processes.policies import policy_consumer
from subscriptions.processes.process_parts import ProcessParts
from subscriptions.processes.session import ProcessSession
from subscriptions.processes.triggers import categories_of


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
        self._sessions: WeakSet[ProcessSession] = WeakSet()

        hold = hold_time(lease_time)

        def make_session(context: ProcessContext) -> ProcessSession:
            session = ProcessSession(context, parts, hold)
            self._sessions.add(session)
            return session

        self._group = ConsumerGroup(
            {
                consumer_name(category): _definition(context, partial(make_session, context), parts.catalog)
                for category, context in parts.processes.items()
                # The policies look after their events.
                if context.process is not PolicyEvent
            }
            | dict(policy_consumer(policy, parts) for policy in policies),
            parts.database,
            feed,
            checkpoints,
            wakeups,
            tick=tick,
            lease_time=lease_time,
            partitions=partitions,
        )

    @property
    def held(self) -> int:
        """The number of effects and deadlines that this worker has in memory."""
        return sum(session.held for session in self._sessions)

    async def start(self) -> None:
        """Begin in the background."""
        await self._group.start()

    async def stop(self) -> None:
        """Finish the reactions in hand, and stop; effects under way are left to another worker."""
        await self._group.stop()


def consumer_name(category: str) -> str:
    """Return the name of the durable consumer of a process."""
    return f"process.{category}"


def _definition(
    context: ProcessContext, make_session: Callable[[], ProcessSession], catalog: Catalog
) -> ConsumerDefinition:
    # The code has no part in it: changed code goes on with the same instances.
    return ConsumerDefinition(
        code="",
        make_handler=make_session,
        starts_at_head=context.process.starts_at is StartAt.NOW,
        # The effects wait for no other commits either: see `CommandEffects`.
        categories=categories_of(trigger_classes(context.process), catalog) | {context.category},
    )
