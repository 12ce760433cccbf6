"""B1: a changed declaration is compared with what the log holds, with and without files of schemas."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, cast

import pytest

from domain.kernel import Aggregate, Catalog, ChangeCommand, Context, Event, Facts, Personal, Text, upcaster
from eventstore.integrity import event_schemas
from eventstore.integrity.event_schemas import EventSchemas, write_schemas
from eventstore.integrity.log_compatibility import LOOK_FOR, LogCompatibility, schemas_of_log
from eventstore.mongo.driver import Database, open_client
from eventstore.mongo.log_collections import LogCollections
from tests.helpers.drivers import chosen_driver

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


class Bid(ChangeCommand):
    """Bid for something."""


def catalog(*events: type[Event], name: str = "auction", upcasters: Sequence[Any] = ()) -> Catalog:
    """One context with these events."""
    union: Any = events[0]
    for event in events[1:]:
        union = union | event

    @dataclass(frozen=True)
    class Auction(Aggregate[Bid, union]):
        category = name

        def decide(self, command: Bid, facts: Facts) -> list[Event]:
            return []

        def evolve(self, event: Event) -> Any:
            return self

    return Catalog([Context("auctions", Auction, tuple(upcasters))])


def placed(revision: int = 1, **fields: Any) -> type[Event]:
    """A version of `bid.placed` with these fields: a type, or a type and its default."""
    given = {name: field if isinstance(field, tuple) else (field, ...) for name, field in fields.items()}
    body = {
        "__annotations__": {name: shape for name, (shape, _) in given.items()},
        "__module__": __name__,
        **{name: default for name, (_, default) in given.items() if default is not ...},
    }
    kind: Any = type(Event)
    return cast(type[Event], kind("BidPlaced", (Event,), body, type="bid.placed", revision=revision))


FIRST = placed(amount=int)


@dataclass(frozen=True)
class Log:
    """A log with commits of an auction."""

    database: Database

    async def store(
        self, *events: dict[str, Any], tenant: str = "default", category: str = "auction"
    ) -> None:
        """One commit; each event says its `type` and `data`, and where it matters its `schema`."""
        log = self.database["log"]
        position = await log.count_documents({}) + 1
        stored = [{"schema": 1, "version": i, "id": str(i), **event} for i, event in enumerate(events, 1)]
        await log.insert_one(
            {
                "_id": position,
                "tenant": tenant,
                "stream": f"auction-{position}",
                "category": category,
                "events": stored,
                "command": {"id": str(position), "name": "Bid"},
                "at": NOW,
            }
        )

    async def started(self, *events: type[Event], look_for: float = LOOK_FOR, **options: Any) -> list[str]:
        """What a process with these events finds at its start; it keeps their schemas."""
        check = LogCompatibility(self.database, catalog(*events, **options), look_for)
        found = await check.problems()
        await check.store_schemas()
        return found


@pytest.fixture
async def log(mongo_url: str, database: str) -> AsyncIterator[Log]:
    async with open_client(mongo_url, chosen_driver()) as client:
        await LogCollections.of(client[database]).prepare(NOW)
        found = Log(client[database])
        assert await found.started(FIRST) == []
        await found.store({"type": "bid.placed", "data": {"amount": 5}})
        yield found


async def test_b1_the_same_events_are_read(log: Log) -> None:
    assert await log.started(FIRST) == []


@pytest.mark.parametrize(
    ("changed", "lost"),
    [
        (placed(price=int), "'amount' is gone, 'price' must be there now"),
        (placed(amount=int, currency=str), "'currency' must be there now"),
        (placed(amount=str), "'amount' allows less than before"),
        (placed(remark=(str | None, None)), "'amount' is gone"),
    ],
    ids=["renamed", "new and required", "of another type", "gone"],
)
async def test_b1_a_change_that_cannot_read_stored_events_is_found_without_files(
    log: Log, changed: type[Event], lost: str
) -> None:
    (problem,) = await log.started(changed)
    assert problem == (
        f"BidPlaced cannot read all that the log may hold of bid.placed of revision 1: {lost}; declare it "
        "with revision=2 and an upcaster from 1, or give a new field a default"
    )


async def test_b1_an_upcaster_reads_events_stored_before(log: Log) -> None:
    step = upcaster("bid.placed", 1)(lambda data: {"price": data["amount"]})
    assert await log.started(placed(2, price=int), upcasters=[step]) == []


async def test_b1_a_shape_that_was_never_stored_may_change(log: Log) -> None:
    """As while a context is written: it ran with a field that no stored event has."""
    assert await log.started(placed(amount=int, note=(str | None, None))) == []
    assert await log.started(placed(amount=int, remark=(str | None, None))) == []
    await log.store({"type": "bid.placed", "data": {"amount": 5, "remark": "x"}})
    (problem,) = await log.started(FIRST)
    assert "'remark' is gone" in problem


async def test_b1_accepted_data_is_found_again(log: Log) -> None:
    """A process that was started all the same keeps its own schema in addition to the old one."""
    assert len(await log.started(placed(price=int))) == 1
    await log.store({"type": "bid.placed", "data": {"price": 5}})
    assert len(await log.started(placed(price=int))) == 1
    assert len(await log.started(FIRST)) == 1


async def test_b1_an_older_version_does_not_run_on_events_of_a_later_revision(log: Log) -> None:
    step = upcaster("bid.placed", 1)(lambda data: {"price": data["amount"]})
    assert await log.started(placed(2, price=int), upcasters=[step]) == []
    assert await log.started(FIRST) == [], "none of them is stored yet"
    await log.store({"type": "bid.placed", "schema": 2, "data": {"price": 5}})
    (problem,) = await log.started(FIRST)
    assert problem == (
        "the log holds events bid.placed of revision 2, and BidPlaced is declared with revision 1; "
        "run the version of the code that declares it, or a later one"
    )


class Closed(Event, type="auction.closed"):
    """Another event of the category."""


async def test_b1_an_event_that_is_not_declared_any_more_is_found(log: Log) -> None:
    await log.store({"type": "bid.placed", "data": {"amount": 6}}, {"type": "auction.closed", "data": {}})
    (problem,) = await log.started(FIRST)
    assert problem == (
        "the log holds events of the type 'auction.closed' (the stream auction-2), and no event of the "
        "category 'auction' is declared with it; keep its class in the aggregate's union of events, even if "
        "nothing makes such events any more"
    )
    assert await log.started(FIRST, Closed) == []
    (problem,) = await log.started(Closed)
    assert "'bid.placed' (the stream auction-" in problem


async def test_events_of_contexts_that_are_not_registered_are_no_ones_business(log: Log) -> None:
    for name in ("a.first", "bid.other", "z.last"):
        await log.store({"type": name, "data": {}}, category="lottery")
    assert await log.started(FIRST) == []


async def test_a_field_that_is_stored_sealed_is_there(log: Log) -> None:
    named = placed(amount=int, name=(Annotated[Text | None, Personal()], None))
    sealed = [{"subject": "person-1", "fields": ["name"], "value": b"x"}]
    await log.store({"type": "bid.placed", "data": {"amount": 5}, "sealed": sealed})
    assert await log.started(named) == []
    (problem,) = await log.started(FIRST)
    assert "'name' is gone" in problem


@pytest.mark.parametrize("unknown", ["archived", "too many"])
async def test_events_that_cannot_be_read_count_as_incompatible(log: Log, unknown: str) -> None:
    assert await log.started(placed(amount=int, note=(str | None, None))) == []
    assert await log.started(FIRST) == []
    if unknown == "archived":
        await log.database["log"].update_one({"_id": 1}, {"$set": {"archived": 1}})
    look_for = LOOK_FOR if unknown == "archived" else -1.0
    assert len(await log.started(FIRST, look_for=look_for)) == 1


async def test_it_looks_at_few_keys_of_a_large_log(log: Log) -> None:
    """Whatever the number of commits: one seek for each type and tenant."""
    commits = [
        {
            "_id": number,
            "tenant": f"tenant-{number % 3}",
            "stream": f"auction-{number}",
            "category": "auction",
            "events": [{"type": "bid.placed", "schema": 1, "version": 1, "data": {"amount": 1}}],
            "command": {"id": str(number), "name": "Bid"},
            "at": NOW,
        }
        for number in range(2, 5_000)
    ]
    await log.database["log"].insert_many(commits)
    await log.database.command({"profile": 2})
    assert await log.started(FIRST, Closed) == []
    await log.database.command({"profile": 0})
    looked = await log.database["system.profile"].find({"ns": f"{log.database.name}.log"}).to_list(None)
    assert sum(one["keysExamined"] for one in looked) < 100, looked
    assert sum(one["docsExamined"] for one in looked) < 10


async def revised(log: Log) -> EventSchemas:
    """The check of stored events once the code is at revision 2."""
    step = upcaster("bid.placed", 1)(lambda data: {"price": data["amount"]})
    newer = catalog(placed(2, price=int), upcasters=[step])
    return EventSchemas(newer, await schemas_of_log(log.database))


async def test_an_earlier_revision_is_checked_by_the_schemas_of_the_log_without_files(log: Log) -> None:
    assert await log.started(placed(amount=int, remark=(str | None, None))) == []
    check = await revised(log)
    assert check.violation("bid.placed", 1, {"amount": 5}) is None
    assert check.violation("bid.placed", 1, {"amount": 5, "remark": "good"}) is None
    assert check.violation("bid.placed", 1, {"amount": "a"}) == 'amount: it is not of type "integer"'
    assert check.violation("bid.placed", 3, {}) == "there is no schema of bid.placed of revision 3"


async def test_an_event_that_matches_one_of_the_schemas_of_the_log_is_sound(log: Log) -> None:
    await LogCompatibility(log.database, catalog(placed(price=int))).store_schemas()
    check = await revised(log)
    assert check.violation("bid.placed", 1, {"amount": 5}) is None
    assert check.violation("bid.placed", 1, {"price": 5}) is None
    assert check.violation("bid.placed", 1, {"price": 5, "amount": 5}) is not None


async def test_the_file_of_an_earlier_revision_counts_before_the_schemas_of_the_log(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_schemas, "folder", lambda context: tmp_path)
    write_schemas(catalog(placed(price=int)))
    check = await revised(log)
    assert check.violation("bid.placed", 1, {"price": 5}) is None
    assert check.violation("bid.placed", 1, {"amount": 5}) is not None
