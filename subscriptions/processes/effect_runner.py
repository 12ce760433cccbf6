"""Runs the work of the instances of a process.

Any work may be done any number of times: a command and a call have the effect's id, under which they take
place once, and an outcome is recorded only while the effect is pending.
"""

from __future__ import annotations

from domain.kernel import RecordedEvent
from domain.process.events import CallRequested, ChildRequested, CommandRequested, DeadlineSet, ProcessStatus
from domain.process.instance_state import InstanceState
from eventstore.log import EventLog
from subscriptions.processes.call_effects import CallEffects
from subscriptions.processes.child_effects import ChildEffects
from subscriptions.processes.command_effects import CommandEffects
from subscriptions.processes.held_work import EffectRequest, HeldWork
from subscriptions.processes.instances import Instances
from subscriptions.processes.open_work import Work
from subscriptions.processes.outcome_recorder import OutcomeRecorder


class EffectRunner:
    """Does work, with one part for each kind of effect."""

    def __init__(
        self,
        log: EventLog,
        instances: Instances,
        recorder: OutcomeRecorder,
        commands: CommandEffects,
        calls: CallEffects,
        children: ChildEffects,
    ) -> None:
        self._log = log
        self._instances = instances
        self._recorder = recorder
        self._commands = commands
        self._calls = calls
        self._children = children

    async def perform(self, held: HeldWork) -> Work | None:
        """Do the work; see `Perform`."""
        request = held.request or await self._read_request(held.work)
        if request is None:
            return None
        held.request = request
        match request.event:
            case CommandRequested() as event:
                await self._commands.run(held, request.id, event)
            case CallRequested() as event:
                return await self._calls.run(held, event)
            case ChildRequested() as event:
                await self._children.run(held, request.id, event)
            case DeadlineSet(name=name):
                change = await self._recorder.record_deadline(held, name)
                if change.events:
                    self._recorder.measure(held, "deadline")
        return None

    async def _read_request(self, work: Work) -> EffectRequest | None:
        """Return the event that asks for the work; None if it is not to be done any more."""
        state = await self._instances.state(work.instance, work.version)
        if not _is_open(state, work.id):
            return None
        (event,) = await self._log.stream(work.instance.tenant, work.stream, work.version - 1, 1)
        return open_request(state, work.id, event)


def open_request(state: InstanceState, effect: str, event: RecordedEvent) -> EffectRequest | None:
    """Return the event that asks for an effect or a deadline; None if that is not to be done now.

    A call has the time limit that it has in this state: after a retry it has none.
    """
    if not _is_open(state, effect):
        return None
    payload = event.payload
    assert payload is not None, "the state could be built from the event"
    if isinstance(payload, CallRequested):
        payload = payload.model_copy(update={"due": state.pending[effect].due})
    return EffectRequest(event.id, payload)


def _is_open(state: InstanceState, effect: str) -> bool:
    """Return whether an effect or a deadline is to be done.

    Not while its instance is stuck: it is done when the instance goes on.
    """
    if state.status is ProcessStatus.STUCK:
        return False
    deadlines = (deadline.effect for deadline in state.deadlines.values())
    return effect in state.pending or effect in deadlines
