"""What the command bus shows to `decide` besides the state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, ClassVar, cast

import pytest

from domain.dispatch.deciding import Decider
from domain.dispatch.ports import AggregateStore, LoadedState
from domain.kernel import (
    Aggregate,
    Catalog,
    Context,
    Envelope,
    Event,
    Facts,
    Identifier,
    PutCommand,
    Refers,
    Scope,
)
from domain.testing import NOON


class Look(PutCommand):
    """Records the facts of its decision."""

    id: Identifier
    other_id: Annotated[Identifier | None, Refers("watch")] = None

    @property
    def target(self) -> str:
        return self.id


class Looked(Event, type="watch.looked"):
    count: int = 1


SEEN: list[Facts] = []


@dataclass(frozen=True, slots=True)
class Watch(Aggregate[Look, Looked]):
    category: ClassVar[str] = "watch"
    looks: int = 0

    def decide(self, command: Look, facts: Facts) -> Sequence[Looked]:
        SEEN.append(facts)
        return [Looked()]

    def evolve(self, event: Looked) -> Watch:
        return Watch(self.looks + event.count)


class Streams:
    """Aggregates at the versions that a test names, and version 0 for all others."""

    def __init__(self, **versions: int) -> None:
        self._versions = {name.replace("_", "-"): version for name, version in versions.items()}

    async def load(self, tenant: str, stream: str, kind: Any, **_: bool) -> LoadedState[Any]:
        version = self._versions.get(stream, 0)
        return LoadedState(Watch(version), version, fresh=True)


async def facts_of(envelope: Envelope, speculative: LoadedState[Any] | None = None, **versions: int) -> Facts:
    """The facts that `decide` gets for a command on streams at these versions."""
    SEEN.clear()
    store = cast(AggregateStore, Streams(**versions))
    decider = Decider(Catalog([Context("watches", Watch)]), store, lambda: NOON, lambda category: "")
    decision = await decider.decide(envelope, decider.target(envelope), speculative, reload=True)
    assert decision.events
    return SEEN[-1]


async def test_the_stream_and_its_version_before_the_decision() -> None:
    look = Look(id="watch-1")
    new = await facts_of(Envelope(look, command_id="c"))
    assert (new.stream_id, new.version, new.now, new.references) == ("watch-1", 0, NOON, {})
    assert (await facts_of(Envelope(look, command_id="c"), watch_1=3)).version == 3


async def test_the_version_that_commands_under_way_lead_to() -> None:
    speculative = LoadedState(Watch(7), 7, fresh=True)
    assert (await facts_of(Envelope(Look(id="watch-1"), command_id="c"), speculative, watch_1=3)).version == 7


@pytest.mark.parametrize("actor", ["ann", None])
async def test_the_actor_and_the_time_at_which_it_happened(actor: str | None) -> None:
    then = NOON - timedelta(days=1)
    envelope = Envelope(Look(id="watch-1"), Scope(actor=actor), "c", occurred=then)
    facts = await facts_of(envelope)
    assert (facts.actor, facts.now) == (actor, then)


async def test_the_states_of_the_streams_that_the_command_refers_to() -> None:
    look = Look(id="watch-1", other_id="watch-2")
    facts = await facts_of(Envelope(look, command_id="c"), watch_2=5)
    assert facts.reference(Watch, "watch-2").looks == 5
