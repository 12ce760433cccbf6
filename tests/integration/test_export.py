"""What is exported and imported is the same log; an import adds everything once, and says what it cannot."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient

from api.exporting import Exporter, Range
from api.importing.restoring import Restorer, is_export
from api.importing.rows import Refused
from api.importing.runner import Report
from domain.kernel import Catalog, Event
from domain.kernel.errors import Unavailable, ValidationFailed
from eventstore.restore import Restorer as LogRestorer
from eventstore.sealing import MasterKeys
from tests import notes, people
from tests.archives import archive_all, folder
from tests.commits import Store, commit, open_store
from tests.contract.test_log_reader import leave_hole
from tests.notes import START, Linked, Scored, Written
from tests.people import PersonRegistered, Remarked

CATALOG = Catalog([notes.context, people.context])
MASTERS = MasterKeys(b"m" * 32)
SECRET = "Zaphod"

texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6)
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(Written, text=texts),
    st.builds(Scored, by=st.integers(-(2**63), 2**63 - 1)),
    st.builds(Linked, to=texts),
    st.builds(PersonRegistered, city=texts, name=st.sampled_from([None, SECRET])),
    st.builds(Remarked, likes=st.integers(0, 3), own=st.sampled_from([None, SECRET])),
)
optional = st.none() | texts.filter(bool)
histories = st.lists(
    st.tuples(
        st.sampled_from(["default", "another/tenant ü"]),
        st.sampled_from(["note-a", "note-b", "person-c"]),
        st.lists(events, min_size=1, max_size=3),
        st.fixed_dictionaries({"actor": optional, "source": optional, "causation": optional}),
        st.none() | st.integers(-1000, 1000),
    ),
    max_size=10,
)


@pytest.fixture
def target_database(mongo_url: str) -> Iterator[str]:
    """The name of a database to import to, dropped afterwards."""
    name = f"test_{uuid4().hex}"
    yield name
    with MongoClient[dict[str, Any]](mongo_url) as client:
        client.drop_database(name)


def store_of(mongo_url: str, database: str, **options: Any) -> Any:
    return open_store(mongo_url, database, catalog=CATALOG, masters=MASTERS, fence_after=0.02, **options)


async def export(store: Store, path: Path, *, personal: bool = False, **wanted: Any) -> bytes:
    upto = wanted.pop("upto", None) or await store.log.settled()
    await Exporter(store.log, personal=personal).run(path, Range(wanted.pop("after", 0), upto, **wanted))
    return content(path)


def content(path: Path) -> bytes:
    return path.read_bytes()


def names(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


async def restore(
    store: Store, path: Path, refuse: Callable[[Refused], None] = lambda row: pytest.fail(row.reason)
) -> Report:
    return await Restorer(CATALOG, store.log, refuse=refuse).run(path)


def counts(report: Report) -> tuple[int, int, int]:
    return report.stored, report.known, report.refused


async def fill(store: Store, count: int = 12) -> None:
    """Commits of one and two events on three streams, hours apart."""
    versions: dict[str, int] = {}
    for number in range(count):
        stream = f"note-{number % 3}"
        new = (Written(text=f"word {number}"), Scored(by=number))[: 1 + number % 2]
        at = START + timedelta(hours=number)
        await store.log.append(commit(stream, versions.get(stream, 0), *new, at=at))
        versions[stream] = versions.get(stream, 0) + len(new)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories, personal=st.booleans(), packed=st.sampled_from(["", ".gz", ".zst"]))
def test_an_import_of_an_export_exports_the_same_bytes(
    mongo_url: str,
    database: str,
    target_database: str,
    tmp_path: Path,
    history: Any,
    personal: bool,
    packed: str,
) -> None:
    path, again = tmp_path / f"log.jsonl{packed}", tmp_path / f"again.jsonl{packed}"

    async def check(source: Store, target: Store) -> None:
        versions: dict[tuple[str, str], int] = {}
        for tenant, stream, new, fields, occurred in history:
            at = None if occurred is None else START + timedelta(milliseconds=occurred)
            expected = versions.get((tenant, stream), 0)
            await source.log.append(commit(stream, expected, *new, tenant=tenant, occurred=at, **fields))
            versions[tenant, stream] = expected + len(new)
        first = await export(source, path, personal=personal)
        assert counts(await restore(target, path)) == (len(history), 0, 0)
        assert counts(await restore(target, path)) == (0, len(history), 0)
        assert await export(target, again, personal=personal) == first
        if personal or SECRET not in str(history):
            assert await target.everything() == await source.everything()
        else:
            assert packed or SECRET.encode() not in first

    async def emptied() -> None:
        async with store_of(mongo_url, database) as source, store_of(mongo_url, target_database) as target:
            for store in (source, target):
                for name in ("log", "counters"):
                    await store.database[name].delete_many({})
            await check(source, target)

    asyncio.run(emptied())


async def test_an_export_is_cloudevents_in_the_order_of_the_log(
    mongo_url: str, database: str, tmp_path: Path
) -> None:
    """Every attribute's name is of lower case letters and digits, as the specification demands."""
    async with store_of(mongo_url, database) as store:
        await fill(store)
        lines = (await export(store, tmp_path / "log.jsonl")).splitlines()
    found = [orjson.loads(line) for line in lines]
    assert len(found) == 18
    for event in found:
        assert {"specversion", "id", "source", "type"} <= event.keys()
        assert all(name.isascii() and name.isalnum() and name == name.lower() for name in event)
        assert len(max(event, key=len)) <= 20
    places = [(int(event["position"]), event["eventindex"]) for event in found]
    assert places == sorted(places)
    assert found[1] == {
        **found[1],
        "source": "/nerve/default",
        "subject": "note-1",
        "time": "2024-01-01T01:00:00.000Z",
        "position": "2",
        "eventcount": 2,
        "streamversion": 1,
        "data": {"text": "word 1"},
    }


async def test_an_export_is_of_what_was_asked_for(mongo_url: str, database: str, tmp_path: Path) -> None:
    async with store_of(mongo_url, database) as store:
        await fill(store)
        await store.log.append(commit("note-1", 0, Written(text="theirs"), tenant="another"))

        async def positions(**wanted: Any) -> list[int]:
            lines = (await export(store, tmp_path / "log.jsonl", **wanted)).splitlines()
            return sorted({int(orjson.loads(line)["position"]) for line in lines})

        assert await positions() == list(range(1, 14))
        assert await positions(after=3, upto=6) == [4, 5, 6]
        assert await positions(tenant="another") == [13]
        assert await positions(streams=frozenset(["note-1"])) == [2, 5, 8, 11, 13]
        assert await positions(tenant="default", streams=frozenset(["note-1"]), upto=8) == [2, 5, 8]


async def settled(store: Store, position: int) -> None:
    async with asyncio.timeout(10):
        while await store.log.settled() < position:
            await asyncio.sleep(0)


def without_positions(lines: bytes) -> list[dict[str, Any]]:
    return [{**orjson.loads(line), "position": None} for line in lines.splitlines()]


async def test_an_archived_log_with_tombstones_is_exported_but_for_their_positions(
    mongo_url: str, database: str, target_database: str, tmp_path: Path
) -> None:
    blobs = folder(tmp_path / "archive")
    async with store_of(mongo_url, database, archive=blobs) as store:
        await leave_hole(store, 3)
        await fill(store)
        await settled(store, 15)
        before = await export(store, tmp_path / "log.jsonl")
        await archive_all(store, blobs, commits=4)
        assert await export(store, tmp_path / "log.jsonl") == before
    async with store_of(mongo_url, target_database) as target:
        await restore(target, tmp_path / "log.jsonl")
        again = await export(target, tmp_path / "again.jsonl")
    assert [int(orjson.loads(line)["position"]) for line in again.splitlines()][-1] == 12
    assert without_positions(again) == without_positions(before)


async def test_an_import_that_was_cut_off_goes_on(
    mongo_url: str, database: str, target_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off in the middle of a batch: its first part has landed, and the rest follows in its order."""
    async with store_of(mongo_url, database) as source:
        await fill(source, 30)
        before = await export(source, tmp_path / "log.jsonl")
    whole = LogRestorer._try

    async def cut_off(self: LogRestorer, entries: Any, position: int) -> Any:
        await whole(self, entries[:13], position)
        raise Unavailable("cut off")

    async with store_of(mongo_url, target_database) as target:
        monkeypatch.setattr(LogRestorer, "_try", cut_off)
        with pytest.raises(Unavailable):
            await restore(target, tmp_path / "log.jsonl")
        monkeypatch.setattr(LogRestorer, "_try", whole)
    async with store_of(mongo_url, target_database) as target:
        assert counts(await restore(target, tmp_path / "log.jsonl")) == (17, 13, 0)
        await settled(target, await target.log.head())
        assert without_positions(await export(target, tmp_path / "again.jsonl")) == without_positions(before)


async def test_an_import_keeps_its_order_while_others_write(
    mongo_url: str, database: str, target_database: str, tmp_path: Path
) -> None:
    """They take positions that the import wanted, and the other way round; nothing is lost or moved."""
    async with store_of(mongo_url, database) as source:
        await fill(source, 300)
        before = await export(source, tmp_path / "log.jsonl")
    async with store_of(mongo_url, target_database) as target, store_of(mongo_url, target_database) as other:
        importing = asyncio.create_task(restore(target, tmp_path / "log.jsonl"))
        written = 0
        while not importing.done():
            await other.log.append(commit(f"note-other{written}", 0, correlation="other"))
            written += 1
        assert counts(await importing) == (300, 0, 0)
        await settled(target, await target.log.head())
        everything = without_positions(await export(target, tmp_path / "again.jsonl"))
    imported = [line for line in everything if line["correlationid"] != "other"]
    assert imported == without_positions(before)
    assert len(everything) - len(imported) == written


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"specversion": "0.3"}, "specversion: "),
    ({"subject": None}, "subject: "),
    ({"position": "first"}, "position: "),
    ({"type": "note.unheard"}, "no registered context knows the event type 'note.unheard'"),
    ({"data": {"text": 5}}, "text: "),
    ({"data": {"text": "x", "colour": "red"}}, "colour: "),
    ({"revision": 9}, "note.written at revision 9: "),
    ({"eventindex": 1}, "is event 1 of a commit, and event 0 is missing"),
    ({"eventcount": 3}, "begins a commit of 3 events, of which only 1 follow"),
    ({"id": "another"}, "is stored at position 2 already, with other events"),
    ({"commandid": "another"}, "is at version 2, not at the expected version 0"),
    ({"commandid": "another", "streamversion": 7}, "is at version 2, not at the expected version 6"),
]


@pytest.mark.parametrize(("change", "complaint"), WRONG, ids=[complaint for _, complaint in WRONG])
async def test_a_wrong_line_and_a_conflict_are_named_by_line_and_the_rest_is_imported(
    change: dict[str, Any], complaint: str, mongo_url: str, database: str, tmp_path: Path
) -> None:
    path = tmp_path / "log.jsonl"
    async with store_of(mongo_url, database) as store:
        await store.log.append(commit("note-0", 0))
        await store.log.append(commit("note-a", 0, Written(text="x"), Scored(by=1)))
        await export(store, path)
        first, written, scored = map(orjson.loads, path.read_bytes().splitlines())
        fresh = {**first, "subject": "note-new", "commandid": "new", "id": "new"}
        lines = [first, {**written, "eventcount": 1, **change}, fresh]
        path.write_bytes(b"\n\n" + b"".join(orjson.dumps(line) + b"\n" for line in lines))
        refused: list[Refused] = []
        assert counts(await restore(store, path, refused.append)) == (1, 1, 1)
        (wrong,) = refused
        assert wrong.line == 4
        assert complaint in wrong.reason
        assert [event.id for event in await store.log.stream("default", "note-new")] == ["new"]
        assert scored["eventindex"] == 1


@pytest.mark.parametrize("packed", ["", ".gz", ".zst"])
async def test_a_file_that_was_cut_off_is_told(
    packed: str, mongo_url: str, database: str, target_database: str, tmp_path: Path
) -> None:
    path = tmp_path / f"log.jsonl{packed}"
    async with store_of(mongo_url, database) as store:
        await fill(store)
        whole = await export(store, path)
    path.write_bytes(whole[:-10])
    async with store_of(mongo_url, target_database) as target:
        refused: list[Refused] = []
        if packed:
            with pytest.raises(ValidationFailed, match="cannot be read"):
                await restore(target, path)
        else:
            report = await restore(target, path, refused.append)
            assert (report.stored, refused[0].line) == (11, 18)


async def test_personal_data_of_a_subject_that_was_erased_there_is_refused_with_what_builds_on_it(
    mongo_url: str, database: str, target_database: str, tmp_path: Path
) -> None:
    path = tmp_path / "log.jsonl"
    async with store_of(mongo_url, database) as store:
        registered = PersonRegistered(city="Graz", name=SECRET)
        await store.log.append(commit("person-1", 0, registered, category="person"))
        await store.log.append(commit("person-1", 1, Remarked(likes=1), category="person"))
        await store.log.append(commit("note-1", 0))
        await export(store, path, personal=True)
        await export(store, tmp_path / "null.jsonl")
    async with store_of(mongo_url, target_database) as target:
        await target.log.keys.destroy(["default/person-1"])
        refused: list[Refused] = []
        assert counts(await restore(target, path, refused.append)) == (1, 0, 2)
        assert [row.line for row in refused] == [1, 2]
        assert "erased" in refused[0].reason
        assert SECRET not in refused[0].reason
        assert counts(await restore(target, tmp_path / "null.jsonl")) == (2, 1, 0)


async def test_a_failed_export_leaves_what_was_there(mongo_url: str, database: str, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("from yesterday")
    async with store_of(mongo_url, database) as store:
        await fill(store)
        await store.documents.update_one({"_id": 7}, {"$set": {"events.0.data.text": b"\xff"}})
        with pytest.raises(ValidationFailed, match="position 7"):
            await export(store, path)
        assert names(tmp_path) == ["log.jsonl"]
        assert path.read_text() == "from yesterday"
        for name, complaint in [("log.xml", "is of no known kind"), ("no/log.jsonl", "cannot be written")]:
            with pytest.raises(ValidationFailed, match=complaint):
                await export(store, tmp_path / name)


async def test_an_export_is_told_from_commands(mongo_url: str, database: str, tmp_path: Path) -> None:
    commands = tmp_path / "commands.jsonl.gz"
    commands.write_bytes(gzip.compress(b'\n{"specversion": "1.0", "type": "nerve.command.CreateTask"}\n'))
    async with store_of(mongo_url, database) as store:
        await fill(store, 1)
        await export(store, tmp_path / "log.jsonl.zst")
    (tmp_path / "log.csv").write_text("position")
    (tmp_path / "empty.jsonl").write_text("")
    assert {name: is_export(tmp_path / name) for name in names(tmp_path)} == {
        "commands.jsonl.gz": False,
        "log.jsonl.zst": True,
        "log.csv": False,
        "empty.jsonl": False,
    }
