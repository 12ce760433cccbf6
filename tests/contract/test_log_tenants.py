"""Tenants as a whole: counted, and erased without a trace of them and without a fault in the log."""

from __future__ import annotations

from pathlib import Path

import bson
import pytest

from domain.kernel.errors import InvariantViolated
from eventstore.integrity import blocks
from eventstore.integrity.block_sealer import BlockSealer
from eventstore.mongo.log_collections import LogCollections
from eventstore.personal.sealing import MasterKeys
from eventstore.tenants.census import count_tenants
from eventstore.tenants.erasure import NOTE, TenantEraser
from tests.contract.conftest import OpenStore
from tests.helpers.archives import archiver, folder
from tests.helpers.commits import Store, commit
from tests.helpers.notes import Written
from tests.helpers.people import PersonRegistered
from tests.helpers.verification import verify

BLOCK = 20
"""Positions in a block, here."""

SECRET = "what red wrote"


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_SIZE", BLOCK)


@pytest.fixture
async def store(open_another: OpenStore) -> Store:
    """A log with a sealed block and a beginning of the next one, of two tenants with the same streams."""
    store = await open_another(masters=MasterKeys(b"m" * 32))
    for tenant in ("red", "blue"):
        events = PersonRegistered(city="Graz", name=SECRET if tenant == "red" else "blue")
        await store.log.append(commit("person-1", 0, events, tenant=tenant, category="person"))
    restored = [
        commit(f"note-{number}", 0, Written(text=SECRET), tenant="red" if number % 2 else "blue", actor="ada")
        for number in range(BLOCK)
    ]
    await store.log.restore(restored)
    assert await store.log.block_sealer().seal_next() is not None
    return store


def eraser(store: Store) -> TenantEraser:
    return TenantEraser(store.database, store.log.archive)


async def test_what_each_tenant_has_is_counted(store: Store) -> None:
    counts = await count_tenants(store.database, await store.log.high_water_mark())
    half = BLOCK // 2 + 1
    assert {name: (count.streams, count.commits, count.events) for name, count in counts.items()} == {
        "blue": (half, half, half),
        "red": (half, half, half),
    }
    assert counts["red"].bytes > half * 100
    assert set(await count_tenants(store.database, BLOCK, "red")) == {"red"}


async def test_an_erased_tenant_is_in_no_document(store: Store) -> None:
    """Neither its name nor what it wrote; its keys are gone."""
    parts = await eraser(store).run("red")
    assert (parts.commits, parts.keys) == (BLOCK // 2 + 1, 1)
    for name in await store.database.list_collection_names():
        for document in await store.database[name].find({"tenant": {"$ne": "blue"}}).to_list(None):
            encoded = bson.encode(document)
            assert not any(trace in encoded for trace in (b"\0red\0", b"\0red/", SECRET.encode())), document


async def test_other_tenants_read_on_as_before(store: Store) -> None:
    before = [read for read in await store.everything() if read.info and read.info.tenant == "blue"]
    await eraser(store).run("red")
    after = await store.everything()
    assert [read for read in after if read.info] == before
    assert len(after) == await store.log.head()


async def test_a_log_with_an_erased_tenant_is_sound_and_earlier_seals_hold(store: Store) -> None:
    """The chain keeps the digests of the original commits, so a seal that is kept elsewhere is found."""
    seal = (await verify(store)).report.seal
    assert seal is not None
    await eraser(store).run("red")
    after = await verify(store, digests={seal.number: seal.digest})
    assert after.defects == []
    assert f"{BLOCK // 2 + 1} commits erased with their tenants" in after.report.notes


async def test_a_change_after_an_erasure_is_found(store: Store) -> None:
    await eraser(store).run("red")
    await store.documents.update_one({"tenant": "blue"}, {"$set": {"actor": "eve"}})
    assert [where for _, where in (await verify(store)).places] == ["block 1"]


async def test_a_change_before_an_erasure_is_not_covered_up_by_it(store: Store) -> None:
    await store.documents.update_one({"tenant": "blue"}, {"$set": {"actor": "eve"}})
    with pytest.raises(InvariantViolated, match="block 1 of the log does not have its digest"):
        await eraser(store).run("red")
    assert await store.documents.count_documents({"tenant": "red"}) == BLOCK // 2 + 1


async def test_an_interrupted_erasure_is_continued(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after some commits, it leaves a note, and the next run leaves a sound log."""

    def kill(done: int, total: int) -> None:
        raise KeyError(done)

    with pytest.raises(KeyError):
        await eraser(store).run("red", kill)
    with pytest.raises(InvariantViolated, match="the erasure of 'red' was interrupted"):
        await eraser(store).run("blue")
    await eraser(store).run("red")
    assert await store.database["meta"].find_one({"_id": NOTE}) is None
    assert (await verify(store)).defects == []


async def test_blocks_are_sealed_after_an_erasure_as_before(store: Store) -> None:
    await eraser(store).run("red")
    await store.log.restore([commit(f"note-next{number}") for number in range(BLOCK)])
    sealer = BlockSealer(LogCollections.of(store.database), store.log.archive)
    assert await sealer.seal_next() is not None
    assert (await verify(store)).defects == []


async def test_archived_commits_are_not_erased_and_nothing_else_is(store: Store, tmp_path: Path) -> None:
    await archiver(store, folder(tmp_path)).run(4)
    with pytest.raises(InvariantViolated, match=r"the archive has \d+ commits? of 'red'"):
        await eraser(store).run("red")
    assert await store.database["keys"].count_documents({}) == 2
