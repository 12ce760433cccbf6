"""The work on one partition of a process: reactions to the log, and what follows from them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from domain.kernel import Commit, RecordedEvent
from domain.process.context import ProcessContext
from domain.process.process import trigger_classes
from subscriptions.consumers.checkpoints import Checkpoint
from subscriptions.consumers.consumer import DeferringHandler
from subscriptions.consumers.state import Partition
from subscriptions.processes.agenda import HOLD_TIME, Agenda
from subscriptions.processes.call_effects import CallEffects
from subscriptions.processes.channels import Channels
from subscriptions.processes.child_effects import ChildEffects
from subscriptions.processes.command_effects import CommandEffects
from subscriptions.processes.effect_runner import EffectRunner
from subscriptions.processes.instances import InstanceChange, InstanceKey
from subscriptions.processes.open_work import OpenWork, share_key
from subscriptions.processes.outcome_recorder import OutcomeRecorder
from subscriptions.processes.process_parts import ProcessParts
from subscriptions.processes.reactions import Reactions
from subscriptions.processes.requested_work import RequestedWork
from subscriptions.processes.triggers import Triggers


class ProcessSession(DeferringHandler):
    """Handles the log for one partition of a process; the handler of its durable consumer.

    Events lead to reactions here and now, events of an instance in their order. What the instances ask for is
    done by the agenda, while the log goes on. `hold` is the time in seconds for which the checkpoint waits
    for what is not done yet.
    """

    def __init__(self, context: ProcessContext, parts: ProcessParts, hold: float = HOLD_TIME) -> None:
        self._context = context
        self._triggers = Triggers(
            f"the process {context.category!r}", trigger_classes(context.process), parts.clock
        )
        self._parts = parts
        self._hold = hold
        self._channels = Channels(parts.circuits)
        self._set_up(Partition(), head=0)

    def _set_up(self, partition: Partition, head: int) -> None:
        context, parts, category = self._context, self._parts, self._context.category
        self._partition = partition
        self._open_work = OpenWork(parts.database, category, partition)
        recorder = OutcomeRecorder(parts.instances, parts.clock, parts.meter, self._follow)
        children = ChildEffects(
            parts.processes, parts.catalog, parts.log, parts.instances, recorder, parts.clock
        )
        commands = CommandEffects(
            context.process,
            parts.catalog,
            parts.bus,
            parts.instances,
            recorder,
            lambda: self._agenda.reached,
            parts.meter,
        )
        calls = CallEffects(parts.circuits, recorder, parts.meter, lambda: self._agenda.now)
        runner = EffectRunner(parts.log, parts.instances, recorder, commands, calls, children)
        perform = parts.wrap_perform(runner.perform)
        self._agenda = Agenda(self._open_work, self._channels.limits, perform, parts.clock, self._hold)
        self._reactions = Reactions(context, parts, self._triggers, self._open_work, head, self._follow)
        self._requested = RequestedWork(
            category, parts, self._channels, self._agenda, children, head, self._reactions.unpark
        )

    @property
    def held(self) -> int:
        """The number of effects and deadlines in memory."""
        return self._agenda.size

    async def begin(self, checkpoint: Checkpoint) -> None:
        """Take up the work that was left open."""
        self._set_up(checkpoint.partition, await self._parts.log.head())
        self._agenda.reach(checkpoint.position)
        await self._open_work.prepare()
        await self._agenda.start()
        await self._reactions.begin()

    async def end(self) -> None:
        """Stop; what is open is left to the next session."""
        await self._agenda.stop()

    async def settle(self, position: int, *, is_last: bool = False) -> int:
        """Return the position up to which nothing is open but what MongoDB has."""
        return await self._agenda.settle(position, is_last=is_last)

    async def handle(self, commits: Sequence[Commit]) -> bool:
        """React to a batch. Raises Unavailable or Overloaded."""
        groups = self._by_instance(commits)
        handled = [self._handle(instance, items) for instance, items in groups.items()]
        if len(handled) == 1:
            await handled[0]
        elif handled:
            results = await asyncio.gather(*handled, return_exceptions=True)
            for result in results:
                if isinstance(result, BaseException):
                    raise result
        self._agenda.reach(commits[-1].position)
        # Nothing waits for the checkpoint, which is saved now and then.
        return False

    def _by_instance(self, commits: Sequence[Commit]) -> dict[InstanceKey, list[Commit | RecordedEvent]]:
        """Return what concerns each instance of this partition: triggers, and its own commits."""
        groups: dict[InstanceKey, list[Commit | RecordedEvent]] = {}
        for commit in commits:
            info = commit.info
            if info is None or info.restored:
                continue  # What another log has recorded leads to nothing here.
            if info.category == self._context.category and self._requested.is_news(commit):
                self._group(groups, InstanceKey(info.tenant, info.stream), commit)
            for event in commit.events:
                if self._triggers.match(event):
                    stream = self._reactions.unkeyed.instance_of(event)
                    if stream is not None:
                        self._group(groups, InstanceKey(info.tenant, stream), event)
        return groups

    def _group(
        self,
        groups: dict[InstanceKey, list[Commit | RecordedEvent]],
        instance: InstanceKey,
        item: Commit | RecordedEvent,
    ) -> None:
        if self._partition.contains(share_key(instance)):
            groups.setdefault(instance, []).append(item)

    async def _handle(self, instance: InstanceKey, items: Sequence[Commit | RecordedEvent]) -> None:
        for item in items:
            if isinstance(item, Commit):
                await self._requested.observe(instance, item)
            else:
                await self._reactions.react(instance, item)

    def _follow(self, change: InstanceChange) -> None:
        self._requested.follow(change)
