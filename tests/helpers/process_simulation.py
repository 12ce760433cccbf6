"""Contexts, processes and policies at work in memory, in an order that chance decides, without a server.

Each process and each policy reads the log on its own; any of them may be ahead. Events are delivered and
commands dispatched more than once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from random import Random
from typing import Any

from domain.dispatch.stream_checks import check_exists, check_fits_stream
from domain.kernel import Catalog, Command, CommitInfo, Context, Event, Facts, RecordedEvent
from domain.kernel.aggregate import event_classes
from domain.kernel.context_calls import call_decide
from domain.kernel.errors import NerveError
from domain.process import (
    CallFailed,
    CallReplied,
    CallTimedOut,
    CommandDone,
    CommandRefused,
    Outcome,
    Policy,
    Reply,
    Request,
)
from domain.process.context import ProcessContext
from domain.process.effect_ids import effect_id
from domain.process.events import (
    CallRequested,
    CallSucceeded,
    CallWasRefused,
    CallWasTimedOut,
    CommandRequested,
    CommandSucceeded,
    CommandWasRefused,
    DeadlinePassed,
)
from domain.process.inputs import from_json, to_json
from domain.process.instance_state import InstanceState
from domain.process.process import trigger_classes
from domain.process.reacting import react_to_deadline, react_to_event, react_to_outcome
from domain.testing import NOON, stored
from subscriptions.processes.ports import PortRefused, PortUnavailable

MOST_STEPS = 20_000
MOST_ATTEMPTS = 5
"""Attempts without a reply after which a call has timed out."""

AGAIN = 0.1
"""The share of steps that are done once more."""


class Simulation:
    """A log with the states of its streams, and what follows it. `call` answers the requests of all ports."""

    def __init__(
        self,
        contexts: Sequence[Context],
        policies: Sequence[Policy],
        call: Callable[[str, Request[Any]], Reply],
        chance: Random,
    ) -> None:
        self.catalog = Catalog(contexts)
        self.events: list[RecordedEvent] = []
        self.refusals: list[str] = []
        self._processes = [context for context in contexts if isinstance(context, ProcessContext)]
        self._policies = policies
        self._call = call
        self._chance = chance
        self.states: dict[str, Any] = {}
        self._versions: Counter[str] = Counter()
        self._outcomes: dict[str, tuple[str, int] | NerveError] = {}
        self._requests: dict[str, Event] = {}
        self._attempts: Counter[str] = Counter()
        self._cursors: Counter[str] = Counter()
        self._position = 0

    def state(self, stream: str) -> Any:
        """Return the state of a stream."""
        category = stream.partition("-")[0]
        return self.states.get(stream) or self.catalog.aggregate(category)()

    def streams(self, category: str) -> list[str]:
        """Return the ids of the streams of a category."""
        return sorted(stream for stream in self.states if stream.startswith(f"{category}-"))

    def dispatch(self, command: Command, command_id: str) -> tuple[str, int]:
        """Dispatch a command as the bus does, at most once under an id; return its stream and version.

        Raises what refuses it.
        """
        if command_id not in self._outcomes:
            self._outcomes[command_id] = self._decide(command, command_id)
        outcome = self._outcomes[command_id]
        if isinstance(outcome, NerveError):
            raise outcome
        return outcome

    def events_of(self, stream: str) -> list[RecordedEvent]:
        """Return the events of a stream."""
        return [event for event in self.events if event.stream == stream]

    def run(self, *, deadlines: bool = True) -> None:
        """Go on until nothing is left to do; deadlines come last, or not at all."""
        for _ in range(MOST_STEPS):
            step = self._next_step(deadlines)
            if step is None:
                return
            step()
            if self._chance.random() < AGAIN:
                self._repeat(step)
        raise AssertionError(f"the simulation did not come to an end in {MOST_STEPS} steps")

    def _kept(self) -> Iterator[tuple[str, InstanceState]]:
        for context in self._processes:
            for stream in self.streams(context.category):
                yield stream, self.state(stream).kept

    def _next_step(self, deadlines: bool) -> Callable[[], None] | None:
        steps = [*self._deliveries(), *self._effects()]
        if not steps and deadlines:
            steps = list(self._deadlines())[:1]
        return self._chance.choice(steps) if steps else None

    def _repeat(self, step: Callable[[], None]) -> None:
        """Deliver an event again to all that have had it, or do the last step once more."""
        if self.events and self._chance.random() < 0.5:
            index = self._chance.randrange(len(self.events))
            for context in self._processes:
                if index < self._cursors[context.name]:
                    self._react(context, self.events[index])
            for policy in self._policies:
                if index < self._cursors[policy.name]:
                    self._obey(policy, self.events[index])
        else:
            step()

    def _deliveries(self) -> Iterator[Callable[[], None]]:
        for context in self._processes:
            if self._cursors[context.name] < len(self.events):
                yield partial(self._deliver, context.name, partial(self._react, context))
        for policy in self._policies:
            if self._cursors[policy.name] < len(self.events):
                yield partial(self._deliver, policy.name, partial(self._obey, policy))

    def _deliver(self, name: str, handle: Callable[[RecordedEvent], None]) -> None:
        if self._cursors[name] < len(self.events):
            handle(self.events[self._cursors[name]])
            self._cursors[name] += 1

    def _react(self, context: ProcessContext, event: RecordedEvent) -> None:
        if type(event.payload) not in trigger_classes(context.process):
            return
        key = context.process.key(event)
        if key is not None:
            stream = f"{context.category}-{key}"
            self._append(
                stream, react_to_event(self.state(stream), event, stream, self._now()).events, "react"
            )

    def _obey(self, policy: Policy, event: RecordedEvent) -> None:
        for index, command in enumerate(policy.commands(event)):
            try:
                self.dispatch(command, policy.command_id(event, index))
            except NerveError as error:
                self.refusals.append(f"{policy.name}: {error}")

    def _effects(self) -> Iterator[Callable[[], None]]:
        for stream, kept in self._kept():
            for effect in kept.pending:
                yield partial(self._run_effect, stream, effect)

    def _deadlines(self) -> Iterator[Callable[[], None]]:
        for stream, kept in self._kept():
            for name, deadline in kept.deadlines.items():
                yield partial(self._reach, stream, DeadlinePassed(effect=deadline.effect, name=name))

    def _reach(self, stream: str, passed: DeadlinePassed) -> None:
        events = react_to_deadline(self.state(stream), passed, self._now()).events
        self._append(stream, events, f"{passed.effect}:due")

    def _run_effect(self, stream: str, effect: str) -> None:
        match self._requests[effect]:
            case CommandRequested() as requested:
                settlement, outcome = self._send(effect, requested)
            case CallRequested() as requested:
                answer = self._ask(effect, requested)
                if answer is None:
                    return
                settlement, outcome = answer
            case _:
                raise AssertionError("the simulation starts no processes")
        events = react_to_outcome(self.state(stream), effect, settlement, outcome, self._now()).events
        self._append(stream, events, f"{effect}:outcome")

    def _send(self, effect: str, requested: CommandRequested) -> tuple[Event, Outcome]:
        commands = {kind.__name__: kind for context in self.catalog.contexts for kind in context.commands}
        try:
            stream, version = self.dispatch(from_json(commands[requested.command], requested.input), effect)
        except NerveError as error:
            code, message = error.code, str(error)
            return (
                CommandWasRefused(effect=effect, code=code, message=message),
                CommandRefused(requested.name, code, message),
            )
        return (
            CommandSucceeded(effect=effect, stream=stream, version=version),
            CommandDone(requested.name, stream, version),
        )

    def _ask(self, effect: str, requested: CallRequested) -> tuple[Event, Outcome] | None:
        name = requested.name
        self._attempts[effect] += 1
        try:
            reply = self._call(f"default/{effect}", _request(requested))
        except PortRefused as error:
            failed = CallWasRefused(effect=effect, code=error.reason, message=str(error))
            return failed, CallFailed(name, error.reason, str(error))
        except PortUnavailable:
            if requested.due is None or self._attempts[effect] < MOST_ATTEMPTS:
                return None
            return CallWasTimedOut(effect=effect), CallTimedOut(name)
        return CallSucceeded(effect=effect, reply=to_json(reply)), CallReplied(name, reply)

    def _decide(self, command: Command, command_id: str) -> tuple[str, int] | NerveError:
        context = self.catalog.context_of(command)
        stream = command.target
        assert stream is not None
        version = self._versions[stream]
        try:
            check_fits_stream(command, context.category, stream, version)
            references = {}
            for _, category, referred in command.references():
                check_exists(category, referred, self._versions[referred])
                references[referred] = self.state(referred)
            facts = Facts(now=self._now(), stream_id=stream, version=version, references=references)
            state = self.state(stream)
            events = call_decide(state, event_classes(context.aggregate), command, facts)
        except NerveError as error:
            return error
        self._append(stream, events, command_id)
        return stream, self._versions[stream]

    def _append(self, stream: str, events: Sequence[Event], command_id: str) -> None:
        if not events:
            return
        self._position += 1
        info = _commit_info(self._position, stream, command_id, self._now())
        state = self.state(stream)
        for place, event in enumerate(events):
            self._versions[stream] += 1
            version = self._versions[stream]
            if isinstance(event, CommandRequested | CallRequested):
                self._requests[effect_id(stream, version)] = event
            state = state.evolve(stored(event))
            self.events.append(
                RecordedEvent(
                    commit=info,
                    place=place,
                    id=f"evt-{self._position}-{place}",
                    type=event.type,
                    revision=event.revision,
                    version=version,
                    data=event.to_data(),
                    payload=stored(event),
                )
            )
        self.states[stream] = state

    def _now(self) -> datetime:
        return NOON


def no_calls(key: str, request: Request[Any]) -> Reply:
    """Answer no request, for processes that call no port."""
    raise AssertionError(f"{type(request).__name__} was sent")


def _request(requested: CallRequested) -> Request[Any]:
    for kind in Request.__subclasses__():
        for each in kind.__subclasses__():
            if each.__name__ == requested.request and each.port == requested.port:
                return from_json(each, requested.input)
    raise AssertionError(f"there is no request {requested.request}")


def _commit_info(position: int, stream: str, command_id: str, at: datetime) -> CommitInfo:
    return CommitInfo(
        position=position,
        tenant="default",
        stream=stream,
        category=stream.partition("-")[0],
        command_id=command_id,
        command="Simulated",
        correlation=command_id,
        causation=None,
        actor=None,
        source=None,
        at=at,
        occurred=None,
    )
