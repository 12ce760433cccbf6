"""Policies at work: their commands are dispatched after each event, in the order of the log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from domain.kernel import Command, Commit, Envelope, RecordedEvent, Scope
from domain.kernel.errors import ConcurrencyConflict, ContextFault, NerveError, Unavailable
from domain.kernel.limit_errors import Overloaded
from domain.kernel.unreadable import describe_unreadable
from domain.process.policy import MAX_CHAIN, Policy, chain_length
from domain.process.policy_events import PolicyEvent
from domain.process.process import StartAt
from subscriptions.consumers.checkpoints import Checkpoint
from subscriptions.consumers.group import ConsumerDefinition
from subscriptions.consumers.state import WHOLE
from subscriptions.feed.background import Backoff
from subscriptions.processes.failed_policy_events import FailedPolicyEvents
from subscriptions.processes.instances import InstanceKey
from subscriptions.processes.open_work import share_key
from subscriptions.processes.process_parts import ProcessParts
from subscriptions.processes.triggers import Triggers, categories_of

logger = logging.getLogger(__name__)

TRANSIENT = (Unavailable, Overloaded, ConcurrencyConflict)
"""Errors after which a command is sent again."""


class PolicyHandler:
    """Dispatches the commands of one partition of a policy; the handler of its durable consumer.

    Events of one stream are handled in order, those of several at the same time. A command has the same id
    each time, so an event that is handled again changes nothing. A refusal is final, and logged. An event
    that cannot be handled is set aside, and handled again after a retry.
    """

    def __init__(self, policy: Policy, parts: ProcessParts) -> None:
        self._policy = policy
        self._bus = parts.bus
        self._triggers = Triggers(f"the policy {policy.name!r}", policy.events, parts.clock)
        self._set_aside = FailedPolicyEvents(policy, parts.instances, parts.log)
        self._partition = WHOLE

    async def begin(self, checkpoint: Checkpoint) -> None:
        """Prepare for the events of the partition."""
        self._partition = checkpoint.partition

    async def handle(self, commits: Sequence[Commit]) -> bool:
        """Dispatch the commands for a batch. Raises Unavailable."""
        streams: dict[tuple[str, str], list[RecordedEvent]] = {}
        decided: set[InstanceKey] = set()
        for commit in commits:
            if commit.info is None or commit.info.restored:
                continue  # What another log has recorded leads to nothing here.
            instance = self._set_aside.decided(commit)
            if instance is not None and self._partition.contains(share_key(instance)):
                decided.add(instance)
            for event in commit.events:
                key = (event.commit.tenant, event.stream)
                if self._triggers.match(event) and self._partition.contains("/".join(key)):
                    streams.setdefault(key, []).append(event)
        handled = [*map(self._obey, streams.values()), *map(self._go_on, decided)]
        results = await asyncio.gather(*handled, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return bool(handled)

    async def _go_on(self, instance: InstanceKey) -> None:
        await self._set_aside.go_on(instance, self._obey_one)

    async def _obey(self, events: Sequence[RecordedEvent]) -> None:
        for event in events:
            if chain_length(event) >= MAX_CHAIN:
                logger.error(
                    "the policy %s does not react to %s, version %d: %d commands of policies have followed "
                    "each other up to there, so they react in a circle; correct them",
                    self._policy.name, event.stream, event.version, MAX_CHAIN,
                )  # fmt: skip
                continue
            await self._obey_one(event)

    async def _obey_one(self, event: RecordedEvent) -> bool:
        """Dispatch the commands for an event. Return False if that cannot be done: the event is set aside."""
        try:
            if event.payload is None:
                raise ContextFault(describe_unreadable(event))
            for index, command in enumerate(self._policy.commands(event)):
                await self._dispatch(event, command, index)
        except ContextFault as fault:
            instance = await self._set_aside.set_aside(event, fault)
            logger.error(
                "the policy %s cannot handle %s, version %d: %s; the event is kept by the process %s, which "
                "is stuck: retry it after correcting the code",
                self._policy.name, event.stream, event.version, fault, instance,
            )  # fmt: skip
            return False
        return True

    async def _dispatch(self, event: RecordedEvent, command: Command, index: int) -> None:
        envelope = Envelope(
            command,
            Scope(event.commit.tenant, authentication="policy"),
            command_id=self._policy.command_id(event, index),
            correlation=event.commit.correlation,
            causation=event.id,
            span=event.commit.span,
        )
        backoff = Backoff()
        while True:
            try:
                await self._bus.dispatch(envelope)
            except TRANSIENT as error:
                await asyncio.sleep(backoff.pause(error))
            except ContextFault:
                raise  # The code is wrong, not the command, which is dispatched after a retry.
            except NerveError as refusal:
                logger.warning(
                    "the command %s of the policy %s after %s, version %d, was refused: %s",
                    type(command).__name__, self._policy.name, event.stream, event.version, refusal,
                )  # fmt: skip
                return
            else:
                return


def policy_consumer(policy: Policy, parts: ProcessParts) -> tuple[str, ConsumerDefinition]:
    """Return the name and the definition of a policy's durable consumer."""
    # The code has no part in it: a changed policy goes on after the last event that it has handled.
    return f"policy.{policy.name}", ConsumerDefinition(
        code="",
        make_handler=lambda: PolicyHandler(policy, parts),
        starts_at_head=policy.starts_at is StartAt.NOW,
        categories=categories_of(policy.events, parts.catalog) | {PolicyEvent.category},
    )
