"""Whatever becomes of the appends of a row: each command is decided in the state it is stored behind."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from api.ids import new_id, now
from domain.dispatch import CommandBus
from domain.dispatch.digest import command_digest
from domain.dispatch.ports import NewCommit
from domain.kernel import Command, Envelope, Facts, InvariantViolated, Receipt
from domain.kernel.errors import CommandIdReused, ConcurrencyConflict, NerveError, NotFound, Unavailable
from tests.helpers.tallies import (
    CATALOG,
    Add,
    Bid,
    Match,
    MemoryAggregates,
    MemoryLog,
    Moved,
    Open,
    Reset,
    fold,
)

STREAMS = ("tally-1", "tally-2")
streams = st.sampled_from(STREAMS)
commands = st.one_of(
    st.builds(Open, id=streams),
    st.builds(Add, id=streams, amount=st.sampled_from([1, 30, 60])),
    st.builds(Bid, id=streams, amount=st.sampled_from([1, 30])),
    st.builds(Reset, id=streams),
    st.builds(Match, id=streams, other=streams),
)
names = st.none() | st.sampled_from(["cmd-a", "cmd-b", "cmd-c"])
steps = st.one_of(
    st.tuples(st.just("send"), commands, names, st.none() | st.integers(0, 5)),
    st.tuples(st.just("turn"), st.integers(1, 5)),
    st.tuples(st.just("land"), st.integers(1, 2)),
    st.tuples(st.just("fail")),
    st.tuples(st.just("intrude"), streams),
    st.tuples(st.just("leave"), st.integers(0, 30)),
)


@dataclass
class Sent:
    """A command, what was stored when it was sent, and what its caller was told."""

    envelope: Envelope
    since: int
    outcome: Receipt | BaseException | None = None
    until: int = 0


@dataclass
class Run:
    """One schedule, on a bus and a log of its own."""

    log: MemoryLog = field(default_factory=MemoryLog)
    sent: list[Sent] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def play(self, schedule: Iterable[tuple[object, ...]]) -> None:
        bus = CommandBus(CATALOG, self.log, MemoryAggregates(self.log), now, new_id)
        for step in schedule:
            match step:
                case ("send", Command() as command, name, expected):
                    self._send(bus, Envelope(command, command_id=name, expected_version=expected))  # type: ignore[arg-type]
                case ("turn", int(turns)):
                    for _ in range(turns):
                        await asyncio.sleep(0)
                case ("land", int(appends)):
                    for _ in range(min(appends, len(self.log.under_way))):
                        if self.log.under_way:
                            self.log.land()
                case ("fail",) if self.log.under_way:
                    self.log.fail(Unavailable("no majority"))
                case ("intrude", str(stream)):
                    self.log.intrude(stream, 0)
                case ("leave", int(which)) if which < len(self.tasks):
                    self.tasks[which].cancel()
        await self._end()
        assert not bus._queues._queues

    def _send(self, bus: CommandBus, envelope: Envelope) -> None:
        sent = Sent(envelope, since=len(self.log.stored))
        self.sent.append(sent)
        self.tasks.append(asyncio.create_task(self._await(bus, sent)))

    async def _await(self, bus: CommandBus, sent: Sent) -> None:
        try:
            sent.outcome = await bus.dispatch(sent.envelope)
        except (NerveError, asyncio.CancelledError) as error:
            sent.outcome = error
        sent.until = len(self.log.stored)

    async def _end(self) -> None:
        for _ in range(10_000):
            if all(task.done() for task in self.tasks):
                return
            await asyncio.sleep(0)
            if self.log.under_way:
                self.log.land()
        raise AssertionError("a command got no outcome")


@settings(max_examples=400, deadline=None)
@given(st.lists(steps, min_size=5, max_size=50))
def test_i2_i3_every_schedule_leaves_what_one_command_after_the_other_would(schedule):
    run = Run()
    asyncio.run(run.play(schedule))
    stored = run.log.stored
    for stream in STREAMS:
        fold(stored, stream)
    ids = [commit.command_id for commit in stored]
    assert len(ids) == len(set(ids))
    for sent in run.sent:
        if isinstance(sent.outcome, Receipt) and (sent.outcome.changed or sent.envelope.command_id):
            commit = stored[sent.outcome.position - 1]
            assert commit.command_id == sent.outcome.command_id
            assert bool(commit.events) == sent.outcome.changed
            assert commit.digest in (None, command_digest(b"", sent.envelope.command))
            if isinstance(sent.envelope.command, Bid) and not sent.outcome.replayed:
                assert fits(stored[: sent.outcome.position - 1], sent.envelope, commit.expected)
        elif isinstance(sent.outcome, CommandIdReused):
            commit = stored[sent.outcome.position - 1]
            assert commit.command_id == sent.envelope.command_id
            assert commit.digest != command_digest(b"", sent.envelope.command)
        if (
            isinstance(sent.outcome, Receipt) and not sent.outcome.changed and not sent.outcome.replayed
        ) or isinstance(sent.outcome, InvariantViolated | NotFound | ConcurrencyConflict):
            assert any(answers(run, sent, upto) for upto in range(sent.since, sent.until + 1))


def fits(stored: Sequence[NewCommit], envelope: Envelope, version: int) -> bool:
    """Whether the command may be decided at `version`: it expects that one, or its rule allows it."""
    expected, stream = envelope.expected_version, envelope.command.target
    if expected in (None, version):
        return True
    assert expected is not None
    events = [new.event for commit in stored if commit.stream == stream for new in commit.events]
    grew = all(isinstance(one, Moved) and one.total >= one.seen for one in events[expected:version])
    return isinstance(envelope.command, Bid) and 0 < expected < version and grew


def answers(run: Run, sent: Sent, upto: int) -> bool:
    """Whether the command, sent when so much was stored, is told rightly what it was told."""
    command, stored = sent.envelope.command, run.log.stored[:upto]
    assert command.target is not None
    state = fold(stored, command.target)
    version = sum(len(commit.events) for commit in stored if commit.stream == command.target)
    references = {other: fold(run.log.stored, other) for *_, other in command.references()}
    if (version > 0) == command.creates:
        return isinstance(sent.outcome, InvariantViolated | NotFound)
    if not fits(stored, sent.envelope, version):
        return isinstance(sent.outcome, ConcurrencyConflict)
    if isinstance(command, Match):
        # The other tally may have been read a little before.
        return isinstance(sent.outcome, InvariantViolated | NotFound)
    try:
        facts = Facts(now=now(), stream_id=command.target, version=version, references=references)
        events = state.decide(command, facts)  # type: ignore[arg-type]
    except InvariantViolated:
        return isinstance(sent.outcome, InvariantViolated)
    return isinstance(sent.outcome, Receipt) and not events
