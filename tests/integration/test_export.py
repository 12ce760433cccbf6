"""What is exported and imported is the same log; an import adds everything once, and says what it cannot."""

from __future__ import annotations

import asyncio
import gzip
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from bson import ObjectId
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.transfer.export_importer import is_export
from domain.kernel import Commit, Event
from domain.kernel.errors import ValidationFailed
from eventstore.reading.event_query import EventQuery
from tests.helpers.archives import archive_all, folder
from tests.helpers.commits import Store, commit
from tests.helpers.exports import SECRET, counts, export, fill, restore, settled, store_of, without_positions
from tests.helpers.notes import START, Linked, Scored, Written
from tests.helpers.people import PersonRegistered, Remarked

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
        st.sampled_from(["default", "another.tenant-1"]),
        st.sampled_from(["note-a", "note-b", "person-c"]),
        st.lists(events, min_size=1, max_size=3),
        st.fixed_dictionaries(dict.fromkeys(("actor", "authentication", "source", "causation"), optional)),
        st.none() | st.integers(-1000, 1000),
    ),
    max_size=10,
)


def restored(commit: Commit) -> Commit:
    """The commit as another log has it after an import."""
    info = None if commit.info is None else commit.info._replace(restored=True)
    events = [event._replace(commit=info) for event in commit.events] if info else commit.events
    return commit._replace(info=info, events=tuple(events))


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
            assert await target.everything() == [restored(commit) for commit in await source.everything()]
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
        assert await positions(query=EventQuery(streams=["note-1"])) == [2, 5, 8, 11, 13]
        assert await positions(tenant="default", query=EventQuery(streams=["note-1"]), upto=8) == [2, 5, 8]


async def test_an_archived_log_with_tombstones_is_exported_but_for_their_positions(
    mongo_url: str, database: str, target_database: str, tmp_path: Path
) -> None:
    blobs = folder(tmp_path / "archive")
    async with store_of(mongo_url, database, archive=blobs) as store:
        await store.leave_hole(3)
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


def names(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


async def test_a_failed_export_leaves_what_was_there(mongo_url: str, database: str, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("from yesterday")
    async with store_of(mongo_url, database) as store:
        await fill(store)
        await store.documents.update_one({"_id": 7}, {"$set": {"events.0.data.text": ObjectId()}})
        with pytest.raises(ValidationFailed, match="position 7"):
            await export(store, path)
        assert names(tmp_path) == ["log.jsonl"]
        assert path.read_text() == "from yesterday"
        for name, complaint in [
            ("log.xml", "must end in .jsonl"),
            ("no/log.jsonl", "cannot be written"),
        ]:
            with pytest.raises(ValidationFailed, match=complaint):
                await export(store, tmp_path / name)


async def test_an_export_is_distinguished_from_commands(
    mongo_url: str, database: str, tmp_path: Path
) -> None:
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
