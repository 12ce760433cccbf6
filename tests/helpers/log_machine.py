"""A state machine over the log: two processes append, things happen to them, readers follow, and some die."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from bson.raw_bson import RawBSONDocument
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from pymongo.errors import BulkWriteError

from domain.dispatch.ports import NewCommit
from domain.kernel import Commit, Receipt
from domain.kernel.errors import ConcurrencyConflict
from domain.kernel.event import NewEvent
from eventstore.commit_documents import encode_commit, new_receipt, with_position
from eventstore.reading.fence import close_positions
from tests.helpers.commits import commit, scores
from tests.helpers.log_model import Attempt, Model
from tests.helpers.log_world import Side, World, digest, ended, first_of, open_log, send
from tests.helpers.notes import now
from tests.helpers.shaky_database import FAULTS, Fault, ShakyDatabase

SIDES = 2

sides = st.integers(0, SIDES - 1)
streams = st.sampled_from(["note-a", "note-b"])
sizes = st.integers(1, 3)
chains = st.lists(sizes, min_size=1, max_size=4)
skews = st.sampled_from([0, 0, -3600, 3600])
offsets = st.sampled_from([0, 0, 0, 0, -1, 1])


class LogMachine(RuleBasedStateMachine):
    """Every outcome of an append, and all that a reader has seen, agrees with the log and remains so."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.tenant = uuid4().hex
        self.model = Model()
        self.crashed = False
        self.in_order = True
        self.hold_counter = False
        self.places = [world.end] * (SIDES + 1)

    def _open(self) -> Side:
        database = ShakyDatabase(self.world.database, self)
        return Side(database, open_log(database, holds_counter=self.hold_counter), {})

    @initialize(hold=st.booleans())
    def hold_the_counter_or_not(self, hold: bool) -> None:
        self.hold_counter = hold
        self.sides = [self._open() for _ in range(SIDES)]
        self.readers = [log.reader() for log in (*(side.log for side in self.sides), self.world.sober)]

    @rule(side=sides, stream=streams, offset=offsets, chain=chains, on=st.booleans(), seconds=skews)
    def append(
        self, side: int, stream: str, offset: int, chain: list[int], on: bool, seconds: int = 0
    ) -> None:
        """Start appends that build on each other, the first maybe `on` what is under way, and do not wait.

        The clock of the process is some seconds ahead or behind.
        """
        base = self.sides[side].last(stream) if on else None
        for size in chain:
            expected = max(0, self.model.version(stream) + offset) if base is None else base.version
            predecessor = None if base is None else base.commit.command_id
            at = now() + timedelta(seconds=seconds)
            new = commit(stream, expected, *scores(size), tenant=self.tenant, predecessor=predecessor, at=at)
            base = self._start(side, new)

    @precondition(lambda self: self.model.attempts)
    @rule(side=sides, which=st.integers(0, 50), anew=st.booleans())
    def retry(self, side: int, which: int, anew: bool) -> None:
        """Send a command again: the same commit, or what it is decided to be `anew`."""
        old = self.model.attempts[which % len(self.model.attempts)].commit
        new = replace(old, predecessor=None)
        if anew:
            events = tuple(NewEvent(uuid4().hex, event.event) for event in old.events)
            new = replace(new, events=events, expected=self.model.version(old.stream), run=uuid4().hex)
        self._start(side, new)

    @rule(side=sides, stream=streams, which=st.none() | st.integers(0, 50))
    def change_nothing(self, side: int, stream: str, which: int | None) -> None:
        """Send a command without events, under a new id or under one that was sent before."""
        new = commit(stream, self.model.version(stream), tenant=self.tenant)
        if which is not None and self.model.attempts:
            new = replace(
                new, command_id=self.model.attempts[which % len(self.model.attempts)].commit.command_id
            )
        self._start(side, replace(new, events=(), run=uuid4().hex))

    def _start(self, side: int, new: NewCommit) -> Attempt:
        new = replace(new, digest=digest(new.command_id))
        attempt, where = self.model.send(new), self.sides[side]
        task = self.world.loop.create_task(send(where.log, attempt))
        where.tasks[task] = attempt
        self.world.run(asyncio.sleep(0))
        return attempt

    @rule(side=sides, what=st.sampled_from(FAULTS))
    def will_happen(self, side: int, what: Fault) -> None:
        self.sides[side].database.faults.append(what)

    @rule(by=st.integers(1, 9))
    def counter_goes_back(self, by: int) -> None:
        """As a failover may leave it; where there is a hole, right before that.

        Then a time may come to lie before a later one: what was handed out twice has two times.
        """
        self.in_order = False
        self.world.run(self._put_back(by))

    async def _put_back(self, by: int) -> None:
        begin, log = self.world.end, self.world.database["log"]
        found = await log.find({"_id": {"$gt": begin}}, {"_id": 1}).sort([("_id", 1)]).to_list(None)
        taken = [document["_id"] for document in found]
        holes = sorted(set(range(begin + 1, begin + len(taken) + 1)) - set(taken))
        head = holes[0] - 1 if holes else max(0, begin + len(taken) - by)
        await self._set_counter(head)

    async def _set_counter(self, head: int) -> None:
        counters = self.world.database["counters"]
        await counters.update_one({"_id": "log"}, {"$set": {"head": head}}, upsert=True)

    @rule()
    def some_end(self) -> None:
        """Wait for an outcome, or a while where what is under way is held up."""
        tasks = [task for side in self.sides for task in side.tasks if not task.done()]
        if tasks:
            self.world.run(first_of(tasks))

    @rule(side=sides)
    def goes_on(self, side: int) -> None:
        """What was stalled goes on, and what was late arrives."""
        self.sides[side].database.resumed.set()
        self.world.run(self.sides[side].database.arrive())

    @rule(side=sides)
    def crash(self, side: int) -> None:
        """The process is killed in the middle of whatever it does; a new one takes its place."""
        self.crashed = True
        dead = self.sides[side]
        self.world.run(dead.database.kill())
        for task in dead.tasks:
            task.cancel()
        self.world.run(ended([*dead.tasks]))
        self.sides[side] = self._open()
        self.world.run(self.sides[side].log.open())

    @rule(side=sides, stream=streams)
    def crash_before_an_insert(self, side: int, stream: str) -> None:
        """What leaves a hole."""
        self.sides[side].database.faults.appendleft("stalled")
        self.append(side, stream, 0, [1], False)
        self.some_end()
        self.crash(side)

    @rule(reader=st.integers(0, SIDES), limit=st.integers(1, 9))
    def read(self, reader: int, limit: int) -> None:
        """The last reader waits for nobody: at a hole it puts a tombstone."""
        self.world.run(self._read(reader, limit))

    async def _read(self, reader: int, limit: int) -> list[Commit]:
        found = await self.readers[reader].read(self.places[reader], limit)
        for one in found:
            assert one.position == self.places[reader] + 1, "a position was passed over"
            assert self.world.seen.setdefault(one.position, repr(one)) == repr(one), "readers differ"
            self.places[reader] = one.position
        return found

    @rule(side=sides, stream=streams, offset=offsets, size=sizes)
    def append_alone(self, side: int, stream: str, offset: int, size: int) -> None:
        """With nothing else going on, the model knows what must come of it."""
        self._settle()
        before = self.world.run(self._version(stream))
        new = commit(stream, max(0, before + offset), *scores(size), tenant=self.tenant)
        attempt = self._start(side, new)
        self._settle()
        if new.expected == before:
            assert isinstance(attempt.outcome, Receipt)
            assert attempt.outcome.version == before + size
        else:
            assert isinstance(attempt.outcome, ConcurrencyConflict)
            assert (attempt.outcome.expected, attempt.outcome.actual) == (new.expected, before)

    async def _version(self, stream: str) -> int:
        return len(await self.world.sober.stream(self.tenant, stream))

    def _settle(self) -> None:
        """Let all that is under way come to its end."""
        for side in self.sides:
            side.database.faults.clear()
            side.database.resumed.set()
            self.world.run(side.database.arrive())
        tasks = [task for side in self.sides for task in side.tasks]
        self.world.run(ended(tasks))
        for task in tasks:
            task.result()
        for side in self.sides:
            self.world.run(side.database.arrive())
            side.tasks.clear()

    def teardown(self) -> None:
        self._settle()
        for side in self.sides:
            self.world.run(side.log.close())
        head = self.world.run(self.world.sober.head())
        # What the dead had reserved behind it is no hole of the next run's.
        self.world.run(self._set_counter(head))
        log: list[Commit] = []
        begin = self.world.end
        self.world.end = head
        # Whoever lives closes the positions that it does not use; only after a crash a reader has to.
        order = (2, 0, 1) if self.crashed else (0, 1, 2)
        self.places = [begin for _ in self.readers]
        for reader in order:
            log = []
            while self.places[reader] < head:
                found = self.world.run(self._read(reader, 100))
                assert found, f"position {self.places[reader] + 1} of {head} was left open"
                log += found
        if self.in_order:
            times = [one.info.at for one in log if one.info is not None]
            assert times == sorted(times), "a record time went back"
        sent = {(one.commit.command_id, one.commit.digest) for one in self.model.attempts}
        stored = self.world.run(self.world.sober.stored_commands(self.tenant, [name for name, _ in sent]))
        assert {(name, one.digest) for name, one in stored.items()} <= sent, "a digest is another one"
        self.model.check([one for one in log if one.info is not None and one.info.tenant == self.tenant])

    async def fence(self, position: int) -> None:
        await close_positions(self.world.database["log"], [position], now)

    async def take(self, position: int, at: datetime) -> None:
        new = commit(f"note-{uuid4().hex}", 0, tenant=self.tenant, at=at)
        document: RawBSONDocument = with_position(encode_commit(new), position)
        try:
            await self.world.database["log"].insert_many([document])
        except BulkWriteError:
            return
        self.model.send(new).outcome = new_receipt(new, position)

    async def outrun(self, document: Mapping[str, Any]) -> None:
        if "events" not in document:
            # The record of a command that changed nothing takes no version of its stream.
            return
        expected = document["events"][0]["version"] - 1
        await send(
            self.world.sober, self.model.send(commit(document["stream"], expected, tenant=self.tenant))
        )
