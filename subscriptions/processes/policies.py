"""Policies at work: their commands are dispatched after each event, in the order of the log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from domain.dispatch import CommandBus
from domain.kernel import Command, Commit, Envelope, RecordedEvent, Scope
from domain.kernel.errors import ConcurrencyConflict, ContextFault, NerveError, Unavailable
from domain.kernel.limit_errors import Overloaded
from domain.process.policy import MAX_CHAIN, Policy, chain_length
from domain.process.process import StartAt
from subscriptions.consumers.checkpoints import Checkpoint
from subscriptions.consumers.group import ConsumerDefinition
from subscriptions.consumers.state import WHOLE
from subscriptions.feed.background import Backoff
from subscriptions.processes.triggers import Triggers

logger = logging.getLogger(__name__)

TRANSIENT = (Unavailable, Overloaded, ConcurrencyConflict)
"""Errors after which a command is sent again."""


class PolicyHandler:
    """Dispatches the commands of one partition of a policy; the handler of its durable consumer.

    Events of one stream are handled in order, those of several at the same time. A command has the same id
    each time, so an event that is handled again changes nothing. A refusal is final, and logged.
    """

    def __init__(self, policy: Policy, bus: CommandBus) -> None:
        self._policy = policy
        self._bus = bus
        self._triggers = Triggers(f"the policy {policy.name!r}", policy.events)
        self._partition = WHOLE

    async def begin(self, checkpoint: Checkpoint) -> None:
        """Prepare for the events of the partition."""
        self._partition = checkpoint.partition

    async def handle(self, commits: Sequence[Commit]) -> bool:
        """Dispatch the commands for a batch. Raises ContextFault if code of a context fails."""
        streams: dict[tuple[str, str], list[RecordedEvent]] = {}
        for commit in commits:
            if commit.info is None or commit.info.restored:
                continue  # What another log has recorded leads to nothing here.
            for event in commit.events:
                key = (event.commit.tenant, event.stream)
                if self._triggers.match(event) and self._partition.contains("/".join(key)):
                    streams.setdefault(key, []).append(event)
        results = await asyncio.gather(*map(self._obey, streams.values()), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return bool(streams)

    async def _obey(self, events: Sequence[RecordedEvent]) -> None:
        for event in events:
            if chain_length(event) >= MAX_CHAIN:
                logger.error(
                    "the policy %s does not react to %s, version %d: %d commands of policies have followed "
                    "each other up to there, so they react in a circle; correct them",
                    self._policy.name, event.stream, event.version, MAX_CHAIN,
                )  # fmt: skip
                continue
            for index, command in enumerate(self._policy.commands(event)):
                await self._dispatch(event, command, index)

    async def _dispatch(self, event: RecordedEvent, command: Command, index: int) -> None:
        envelope = Envelope(
            command,
            Scope(event.commit.tenant, authentication="policy"),
            command_id=self._policy.command_id(event, index),
            correlation=event.commit.correlation,
            causation=event.id,
        )
        backoff = Backoff()
        while True:
            try:
                await self._bus.dispatch(envelope)
            except TRANSIENT as error:
                await asyncio.sleep(backoff.pause(error))
            except ContextFault:
                raise  # The code is wrong, not the command, which is dispatched when the code was corrected.
            except NerveError as refusal:
                logger.warning(
                    "the command %s of the policy %s after %s, version %d, was refused: %s",
                    type(command).__name__, self._policy.name, event.stream, event.version, refusal,
                )  # fmt: skip
                return
            else:
                return


def policy_consumer(policy: Policy, bus: CommandBus) -> tuple[str, ConsumerDefinition]:
    """Return the name and the definition of a policy's durable consumer."""
    # The code has no part in it: a changed policy goes on after the last event that it has handled.
    return f"policy.{policy.name}", ConsumerDefinition(
        code="",
        make_handler=lambda: PolicyHandler(policy, bus),
        starts_at_head=policy.starts_at is StartAt.NOW,
    )
