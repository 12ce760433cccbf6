"""Contexts, processes and policies at work in memory, in an order that chance decides, without a server.

Each process and each policy reads the log on its own; any of them may be ahead. Events are delivered and
commands dispatched more than once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from random import Random
from typing import Any

from domain.kernel import Context, Event, RecordedEvent
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
from subscriptions.processes.ports import PortRefused, PortUnavailable
from tests.helpers.memory_log import MemoryLog

MAX_STEPS = 20_000
MAX_ATTEMPTS = 5
"""Attempts without a reply after which a call has timed out."""

AGAIN = 0.1
"""The share of steps that are done once more."""


class Simulation(MemoryLog):
    """A log in memory, and what follows it. `call` answers the requests of all ports."""

    def __init__(
        self,
        contexts: Sequence[Context],
        policies: Sequence[Policy],
        call: Callable[[str, Request[Any]], Reply],
        chance: Random,
    ) -> None:
        super().__init__(contexts)
        self.refusals: list[str] = []
        self._processes = [context for context in contexts if isinstance(context, ProcessContext)]
        self._policies = policies
        self._call = call
        self._chance = chance
        self._attempts: Counter[str] = Counter()
        self._cursors: Counter[str] = Counter()

    def run(self, *, deadlines: bool = True) -> None:
        """Go on until nothing is left to do; deadlines come last, or not at all."""
        for _ in range(MAX_STEPS):
            step = self._next_step(deadlines)
            if step is None:
                return
            step()
            if self._chance.random() < AGAIN:
                self._repeat(step)
        raise AssertionError(f"the simulation did not come to an end in {MAX_STEPS} steps")

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
            self.append(stream, react_to_event(self.state(stream), event, stream, self.now).events, "react")

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
        events = react_to_deadline(self.state(stream), passed, self.now).events
        self.append(stream, events, f"{passed.effect}:due")

    def _run_effect(self, stream: str, effect: str) -> None:
        match self.requests[effect]:
            case CommandRequested() as requested:
                settlement, outcome = self._send(effect, requested)
            case CallRequested() as requested:
                answer = self._ask(effect, requested)
                if answer is None:
                    return
                settlement, outcome = answer
            case _:
                raise AssertionError("the simulation starts no processes")
        events = react_to_outcome(self.state(stream), effect, settlement, outcome, self.now).events
        self.append(stream, events, f"{effect}:outcome")

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
            if requested.due is None or self._attempts[effect] < MAX_ATTEMPTS:
                return None
            return CallWasTimedOut(effect=effect), CallTimedOut(name)
        return CallSucceeded(effect=effect, reply=to_json(reply)), CallReplied(name, reply)


def no_calls(key: str, request: Request[Any]) -> Reply:
    """Answer no request, for processes that call no port."""
    raise AssertionError(f"{type(request).__name__} was sent")


def _request(requested: CallRequested) -> Request[Any]:
    for kind in Request.__subclasses__():
        for each in kind.__subclasses__():
            if each.__name__ == requested.request and each.port == requested.port:
                return from_json(each, requested.input)
    raise AssertionError(f"there is no request {requested.request}")
