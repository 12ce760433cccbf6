"""Random declarations over the whole table of types, through everything that stores and reads values."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator

from api.ids import new_id, now
from api.transfer.export_importer import ExportImporter
from api.transfer.exporter import Exporter, ExportRange
from domain.dispatch import CommandBus
from domain.kernel import Catalog, Envelope, RecordedEvent
from domain.kernel.schemas import event_schema
from eventstore.aggregates.repository import AggregateRepository
from eventstore.aggregates.snapshots import AggregateSnapshot, Snapshots
from eventstore.integrity.event_schemas import EventSchemas
from eventstore.log import EventLog
from eventstore.mongo.driver import Client, open_client
from eventstore.personal.sealed_state import StateSeal
from eventstore.reading.event_query import EventQuery
from tests.helpers.commits import commit
from tests.helpers.declared_contexts import DeclaredContext, declared_contexts
from tests.helpers.drivers import chosen_driver
from tests.helpers.exports import MASTERS

SHARE = 4
"""Examples of a profile for one journey of them, which takes some ten round trips."""

_streams = count()


@dataclass(frozen=True)
class Journey:
    """Values of one declared context on their way through the log and out of it."""

    client: Client
    database: str
    target: str
    path: Path
    declared: DeclaredContext

    async def run(self, values: dict[str, Any]) -> None:
        number = next(_streams)
        streams = f"thing-{number}-new", f"thing-{number}-old"
        event = self.declared.event(**values)
        before = await self.store(values, *streams)
        for database in (self.database, self.target):
            # A log of its own is another process: it has nothing in memory.
            log = await self.log(database)
            for stream in streams:
                (read,) = await log.stream("default", stream)
                assert read.payload == event, read.unreadable
                self.check_schema(read)
                if database == self.database:
                    await self.check_snapshot(log, read)
            if database == self.database:
                await self.copy(log, before, streams)

    async def log(self, database: str) -> EventLog:
        log = EventLog(
            self.client[database],
            Catalog([self.declared.context]),
            clock=now,
            announce=lambda position: None,
            fence_after=1.0,
            masters=MASTERS,
        )
        await log.open()
        return log

    async def store(self, values: dict[str, Any], new: str, old: str) -> int:
        """By a command; and the same data as the older revision of the event has it."""
        log = await self.log(self.database)
        before = await log.head()
        bus = CommandBus(Catalog([self.declared.context]), log, AggregateRepository(log), now, new_id)
        await bus.dispatch(Envelope(self.declared.command(id=new, **values)))
        older = self.declared.older(**{f"old_{name}": value for name, value in values.items()})
        await log.append(commit(old, 0, older, category="thing"))
        await log.close()
        return before

    def check_schema(self, event: RecordedEvent) -> None:
        """What is stored is as the schema says, and so is its JSON."""
        absent = [name for name in event.data if name == "secret"]
        data = {name: value for name, value in event.data.items() if name not in absent}
        schemas = EventSchemas(Catalog([self.declared.context]))
        assert schemas.violation(event.type, event.revision, data, absent) is None

    async def check_snapshot(self, log: EventLog, event: RecordedEvent) -> None:
        kind = self.declared.context.aggregate
        state = kind().evolve_all([event.payload])
        snapshots = Snapshots(
            self.client[self.database], Catalog([self.declared.context]), StateSeal(log.keys)
        )
        snapshot = AggregateSnapshot(state, 1, event.id, frozenset(event.subjects))
        await snapshots.write("default", event.stream, snapshot)
        assert await snapshots.read("default", event.stream, kind) == snapshot

    async def copy(self, log: EventLog, before: int, streams: Sequence[str]) -> None:
        """Export the streams and import them into the other log."""
        await Exporter(log, personal=True).run(
            self.path, ExportRange(before, await log.head(), query=EventQuery(streams))
        )
        schema = Draft202012Validator(event_schema(self.declared.event))
        for line in self.path.read_bytes().splitlines():
            assert schema.is_valid(orjson.loads(line)["data"])
        other = await self.log(self.target)
        refused: list[str] = []
        restorer = ExportImporter(
            Catalog([self.declared.context]), other, on_refused=lambda row: refused.append(row.reason)
        )
        await restorer.run(self.path)
        await other.close()
        assert refused == []


@settings(
    max_examples=settings().max_examples // SHARE,
    suppress_health_check=[*HealthCheck],
)
@given(declared=declared_contexts(), data=st.data())
def test_a1_values_of_any_declared_types_are_equal_wherever_they_come_from(
    mongo_url: str, database: str, target_database: str, tmp_path: Path, declared: Any, data: st.DataObject
) -> None:
    """Command, log, restart, upcast, snapshot, export and import give what was sent."""
    values = data.draw(declared.values)

    async def check() -> None:
        async with open_client(mongo_url, chosen_driver()) as client:
            await Journey(client, database, target_database, tmp_path / "log.jsonl", declared).run(values)

    asyncio.run(check())
