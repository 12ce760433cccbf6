"""Deliveries that a test runs by hand: it stores what the runtime of processes would store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from api.ids import new_id, now
from api.runtime import Runtime
from domain.dispatch.ports import NewCommit
from domain.kernel import Envelope, Event, RecordedEvent, Scope
from domain.kernel.event import NewEvent
from domain.process.events import CallSucceeded, CallWasRefused, CommandSucceeded
from domain.process.instance import instance_class
from domain.process.open_effects import PendingEffect
from domain.process.outcomes import CallFailed, CallReplied, CommandDone
from domain.process.reacting import react_to_event, react_to_outcome
from projections.projecting.view_worker import ViewWorker
from tests.helpers.parcel_delivery.deliveries import Announced, Delivery
from tests.helpers.parcel_delivery.parcels import BookParcel, LoadParcel, UnloadParcel

CONTEXTS = ("tests.helpers.parcel_delivery.parcels", "tests.helpers.parcel_delivery.deliveries")
"""The modules to register."""

PORTS = {"mail": {"adapter": "simulator"}}
"""The outside port of the process."""


@dataclass
class DeliveryRun:
    """The delivery of one parcel, step by step; `causation` is the id of the event that leads to the next."""

    runtime: Runtime
    parcel: str
    tenant: str = "default"
    correlation: str = ""
    causation: str = ""

    @property
    def instance(self) -> str:
        """The id of the instance."""
        return f"delivery-{self.parcel}"

    async def book(self, command_id: str | None = None) -> None:
        """Book the parcel."""
        command = BookParcel(id=self.parcel, weight=3)
        receipt = await self.runtime.bus.dispatch(Envelope(command, Scope(self.tenant), command_id))
        self.correlation = receipt.correlation

    async def react(self) -> None:
        """React to the booking."""
        (booked,) = await self._events(self.parcel)
        events = react_to_event(await self._state(), booked, self.instance, now()).events
        await self._store(events, "ReactToEvent", f"{self.instance}<{self.parcel}:1", booked.id)

    async def load(self) -> None:
        """Carry out the effect that loads the parcel, and record it."""
        await self._command("load", LoadParcel(id=self.parcel))

    async def unload(self) -> None:
        """Carry out the compensation, and record it."""
        await self._command("undo load", UnloadParcel(id=self.parcel))

    async def answer(self) -> None:
        """Record that the receiver has answered."""
        effect = await self.effect_id("announce")
        await self._settle(
            effect, CallSucceeded(effect=effect, reply={}), CallReplied("announce", Announced())
        )

    async def refuse(self) -> None:
        """Record that the port has refused to announce the parcel."""
        effect = await self.effect_id("announce")
        refused = CallWasRefused(effect=effect, code="GONE", message="there is no such address")
        await self._settle(effect, refused, CallFailed("announce", "GONE", refused.message))

    async def fail(self, effect: str, settlement: Event, outcome: Any) -> None:
        """Record an outcome of the effect of this name that the process does not handle."""
        await self._settle(await self.effect_id(effect), settlement, outcome)

    async def _command(self, name: str, command: LoadParcel | UnloadParcel) -> None:
        effect = await self.effect_id(name)
        request = next(event for event in await self._events(self.instance) if _id(event) == effect)
        envelope = Envelope(
            command, Scope(self.tenant), effect, correlation=self.correlation, causation=request.id
        )
        receipt = await self.runtime.bus.dispatch(envelope)
        done = CommandSucceeded(effect=effect, stream=receipt.stream, version=receipt.version)
        await self._settle(effect, done, CommandDone(name, receipt.stream, receipt.version))

    async def _settle(self, effect: str, settlement: Event, outcome: Any) -> None:
        events = react_to_outcome(await self._state(), effect, settlement, outcome, now()).events
        await self._store(events, "RecordOutcome", f"{effect}:outcome", self.causation)

    async def effect_id(self, name: str) -> str:
        """The id of the pending effect of this name."""
        pending: Mapping[str, PendingEffect] = (await self._state()).kept.pending
        return next(each for each, effect in pending.items() if effect.name == name)

    async def _state(self) -> Any:
        state: Any = instance_class(Delivery)()
        for event in await self._events(self.instance):
            state = state.evolve(event.payload)
        return state

    async def _events(self, stream: str) -> Sequence[RecordedEvent]:
        return await self.runtime.log.stream(self.tenant, stream)

    async def _store(self, events: Sequence[Event], name: str, command_id: str, causation: str) -> None:
        assert events, f"{name} changes nothing"
        expected = len(await self._events(self.instance))
        commit = NewCommit(
            tenant=self.tenant,
            stream=self.instance,
            category="delivery",
            expected=expected,
            events=tuple(NewEvent(new_id("evt"), event) for event in events),
            command_id=command_id,
            command=name,
            correlation=self.correlation,
            causation=causation,
            actor=None,
            source=None,
            at=now(),
            occurred=None,
        )
        await self.runtime.log.append(commit)


def _id(event: RecordedEvent) -> str:
    return f"{event.stream}:{event.version}"


@asynccontextmanager
async def projecting(runtime: Runtime) -> AsyncIterator[None]:
    """Keep the views up to date meanwhile, and run no process: the test does that."""
    worker = ViewWorker(
        runtime.views, runtime.database, runtime.feed, runtime.checkpoints, runtime.wakeups, tick=0.1
    )
    await worker.start()
    try:
        yield
    finally:
        await worker.stop()
