"""Whatever the order of claims and appends of two processes: no two streams have a unique value at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.ids import new_id, now
from domain.dispatch import CommandBus
from domain.dispatch.unique_values import UniqueValues
from domain.kernel import Command, Envelope, Receipt
from domain.kernel.errors import NerveError
from domain.kernel.unique_errors import ValueTaken
from tests.helpers.players import CATALOG, Join, Quit, Rename, owners
from tests.helpers.tallies import MemoryAggregates
from tests.helpers.unique_world import LateLog, MemoryClaims

PROCESSES = (0, 1, 2)
nicks = st.sampled_from(["ann", "Ann", "bob"])
streams = st.sampled_from(["player-1", "player-2"])
joins = st.builds(Join, id=st.none() | streams, nick=nicks)
commands = st.one_of(joins, joins, st.builds(Rename, id=streams, nick=nicks), st.builds(Quit, id=streams))
sends = st.tuples(
    st.just("send"), commands, st.sampled_from(PROCESSES), st.sampled_from([None, None, "cmd-a", "cmd-b"])
)
turns = st.tuples(st.just("turn"), st.sampled_from([1, 2, 3, 5, 8, 13, 21]))
steps = st.one_of(
    sends,
    sends,
    turns,
    turns,
    st.tuples(st.just("land"), st.integers(1, 2)),
    st.tuples(st.just("delay")),
    st.tuples(st.just("arrive")),
    st.tuples(st.just("kill"), st.integers(0, 30)),
)


@dataclass
class Sent:
    """A command with its outcome, and the numbers of commits that were stored before and after it."""

    command: Command
    since: int
    outcome: Receipt | BaseException | None = None
    until: int = 0


@dataclass
class Run:
    """One schedule, on buses that share a log and the claims."""

    log: LateLog = field(default_factory=LateLog)
    sent: list[Sent] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def play(self, schedule: Iterable[tuple[object, ...]]) -> None:
        claims = MemoryClaims(self.log)
        buses = [self._bus(claims) for _ in PROCESSES]
        for step in schedule:
            match step:
                case ("send", Command() as command, int(process), name):
                    envelope = Envelope(command, command_id=name)  # type: ignore[arg-type]
                    self._send(buses[process], envelope)
                case ("turn", int(turns)):
                    for _ in range(turns):
                        await asyncio.sleep(0)
                case ("land", int(appends)):
                    for _ in range(min(appends, len(self.log.under_way))):
                        if self.log.under_way:
                            self.log.land()
                case ("delay",) if self.log.under_way:
                    self.log.delay()
                case ("arrive",) if self.log.late:
                    self.log.arrive()
                case ("kill", int(which)) if which < len(self.tasks):
                    self.tasks[which].cancel()
        await self._end()

    def _bus(self, claims: MemoryClaims) -> CommandBus:
        aggregates = MemoryAggregates(self.log)
        unique = UniqueValues(CATALOG, aggregates, claims, new_id, b"key")
        return CommandBus(CATALOG, self.log, aggregates, now, new_id, unique=unique)

    def _send(self, bus: CommandBus, envelope: Envelope) -> None:
        sent = Sent(envelope.command, since=len(self.log.stored))
        self.sent.append(sent)
        self.tasks.append(asyncio.create_task(self._await(bus, envelope, sent)))

    async def _await(self, bus: CommandBus, envelope: Envelope, sent: Sent) -> None:
        try:
            sent.outcome = await bus.dispatch(envelope)
        except (NerveError, asyncio.CancelledError) as error:
            sent.outcome = error
        sent.until = len(self.log.stored)

    async def _end(self) -> None:
        for _ in range(20_000):
            if all(task.done() for task in self.tasks):
                break
            await asyncio.sleep(0)
            if self.log.under_way:
                self.log.land()
        else:
            raise AssertionError("a command got no outcome")
        while self.log.late:
            self.log.arrive()

    def owners(self, upto: int | None = None) -> dict[str, str]:
        return dict(owners((one.stream, new.event) for one in self.log.stored[:upto] for new in one.events))


BACK_AND_FORTH = [
    ("send", Join(id="player-1", nick="ann"), 0, None),
    ("turn", 60),
    ("land", 1),
    ("turn", 60),
    ("send", Rename(id="player-1", nick="bob"), 0, None),
    ("turn", 20),
    ("send", Rename(id="player-1", nick="ann"), 0, None),
    ("turn", 20),
    ("land", 1),
    ("turn", 60),
    ("land", 1),
    ("turn", 60),
    ("send", Join(id="player-2", nick="ann"), 1, None),
]
"""A stream gives a value up and takes it again, before the first of the two is known to be stored."""


@example(BACK_AND_FORTH)
@settings(max_examples=250, deadline=None)
@given(st.lists(steps, min_size=15, max_size=60))
def test_no_schedule_stores_a_unique_value_twice_or_refuses_one_that_is_free(schedule):
    """A command is refused only if another stream had its value at some moment while it ran."""
    run = Run()
    asyncio.run(run.play(schedule))
    run.owners()
    for sent in run.sent:
        if isinstance(sent.outcome, ValueTaken):
            assert isinstance(sent.command, Join | Rename)
            nick, own = sent.command.nick.casefold(), sent.command.id
            had = [run.owners(upto) for upto in range(sent.since, sent.until + 1)]
            assert any(nick == value and stream != own for owned in had for stream, value in owned.items())
