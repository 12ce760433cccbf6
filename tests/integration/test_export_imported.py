"""An import of an export adds everything once and in its order, and says by line what it cannot."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from api.transfer.rows import RefusedRow
from domain.kernel.errors import Unavailable, ValidationFailed
from eventstore.appending.commit_inserter import CommitInserter
from eventstore.commit_documents import tombstone
from tests.helpers.commits import commit
from tests.helpers.exports import SECRET, counts, export, fill, restore, settled, store_of, without_places
from tests.helpers.notes import START, Scored, Written
from tests.helpers.people import PersonRegistered, Remarked


async def test_an_import_that_was_cut_off_goes_on(
    mongo_url: str, database: str, target_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off in the middle of a batch: its first part has landed, and the rest follows in its order."""
    async with store_of(mongo_url, database) as source:
        await fill(source, 30)
        before = await export(source, tmp_path / "log.jsonl")
    whole = CommitInserter.insert

    async def cut_off(self: CommitInserter, documents: Any, *, ordered: bool) -> Any:
        await whole(self, dict([*documents.items()][:13]), ordered=ordered)
        raise Unavailable("cut off")

    async with store_of(mongo_url, target_database) as target:
        monkeypatch.setattr(CommitInserter, "insert", cut_off)
        with pytest.raises(Unavailable):
            await restore(target, tmp_path / "log.jsonl")
        monkeypatch.setattr(CommitInserter, "insert", whole)
    async with store_of(mongo_url, target_database) as target:
        assert counts(await restore(target, tmp_path / "log.jsonl")) == (17, 13, 0)
        await settled(target, await target.log.head())
        assert without_places(await export(target, tmp_path / "again.jsonl")) == without_places(before)


async def test_what_meets_a_position_that_is_taken_goes_on_behind_it_in_its_order(
    mongo_url: str, database: str, target_database: str, tmp_path: Path
) -> None:
    """Nothing of the batch may land behind the place that it lost, and be before what was to be there."""
    async with store_of(mongo_url, database) as source:
        await fill(source)
        before = await export(source, tmp_path / "log.jsonl")
    async with store_of(mongo_url, target_database) as target:
        await target.documents.insert_one(tombstone(5, START))
        assert counts(await restore(target, tmp_path / "log.jsonl")) == (12, 0, 0)
        await settled(target, await target.log.head())
        assert without_places(await export(target, tmp_path / "again.jsonl")) == without_places(before)


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
        everything = without_places(await export(target, tmp_path / "again.jsonl"))
    imported = [line for line in everything if line["correlationid"] != "other"]
    assert imported == without_places(before)
    assert len(everything) - len(imported) == written


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"specversion": "0.3"}, "specversion: "),
    ({"subject": None}, "subject: "),
    ({"position": "first"}, "position: "),
    ({"type": "note.unheard"}, "no registered context declares the event type 'note.unheard'"),
    ({"data": {"text": 5}}, "text: "),
    ({"data": {"text": "x", "colour": "red"}}, "colour: "),
    ({"revision": 9}, "note.written at revision 9: "),
    ({"eventindex": 1}, "is event 1 of a commit, but event 0 is missing"),
    ({"eventcount": 3}, "begins a commit of 3 events, but only 1 of them follow"),
    ({"id": "another"}, "is stored at position 2 already, with other events"),
    (
        {"commandid": "another"},
        "continues note-a after version 0, but this log has it at version 2; import an",
    ),
    (
        {"commandid": "another", "streamversion": 7},
        "continues note-a after version 6, but this log has it at version 2; import an",
    ),
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
        refused: list[RefusedRow] = []
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
        refused: list[RefusedRow] = []
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
        refused: list[RefusedRow] = []
        assert counts(await restore(target, path, refused.append)) == (1, 0, 2)
        assert [row.line for row in refused] == [1, 2]
        assert "erased" in refused[0].reason
        assert SECRET not in refused[0].reason
        assert counts(await restore(target, tmp_path / "null.jsonl")) == (2, 1, 0)


async def test_an_import_keeps_who_caused_each_commit_and_with_personal_data_from_where(
    mongo_url: str, database: str, target_database: str, tmp_path: Path
) -> None:
    """The address is in an export of personal data alone, and sealed again where it is imported."""
    async with store_of(mongo_url, database) as source:
        client = "203.0.113.77"
        await source.log.append(commit("note-1", actor="ada", authentication="jwt", client=client))
        assert b"203.0.113.77" not in await export(source, tmp_path / "bare.jsonl")
        assert b"203.0.113.77" in await export(source, tmp_path / "log.jsonl", personal=True)
    async with store_of(mongo_url, target_database) as target:
        assert counts(await restore(target, tmp_path / "log.jsonl")) == (1, 0, 0)
        [event] = await target.log.stream("default", "note-1")
        assert (event.commit.actor, event.commit.authentication) == ("ada", "jwt")
        assert await target.log.clients([event.commit]) == ["203.0.113.77"]


async def test_an_import_refuses_the_name_of_a_tenant_that_could_share_keys_with_another(
    mongo_url: str, database: str, target_database: str, tmp_path: Path
) -> None:
    """A slash separates tenant and id in the keys of rows, snapshots and subjects."""
    async with store_of(mongo_url, database) as source:
        await source.log.append(commit("note-1"))
        lines = await export(source, tmp_path / "log.jsonl")
    (tmp_path / "log.jsonl").write_bytes(lines.replace(b'"tenant":"default"', b'"tenant":"a/b"'))
    async with store_of(mongo_url, target_database) as target:
        refused: list[RefusedRow] = []
        assert counts(await restore(target, tmp_path / "log.jsonl", refused.append)) == (0, 0, 1)
        assert "a tenant has a name" in refused[0].reason
