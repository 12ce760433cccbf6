"""Sealed blocks: each a digest of the stored bytes, chained to the one before."""

from __future__ import annotations

import asyncio
from hashlib import sha256

import bson
import pytest
from bson.raw_bson import RawBSONDocument

from eventstore.commit_documents import encode_commit, with_position
from eventstore.integrity import blocks
from eventstore.integrity.blocks import GENESIS, BlockDigest, block_of, first_of, last_of
from eventstore.raw_documents import position_of, segment_of, stored_pages
from tests.helpers.archives import archiver, folder
from tests.helpers.commits import Store, commit, open_store

BLOCK = 100
"""Positions in a block, here."""


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_SIZE", BLOCK)


async def fill(store: Store, count: int) -> None:
    """Append so many commits, each to a stream of its own."""
    start = await store.log.head()
    new = (commit(f"note-{number}") for number in range(start + 1, start + count + 1))
    await asyncio.gather(*map(store.log.append, new))


async def raw(store: Store, first: int, last: int) -> list[bytes]:
    return [document async for page in stored_pages(store.documents, first, last) for document in page]


async def chain_of(store: Store) -> list[dict[str, object]]:
    return await store.database["blocks"].find().sort([("_id", 1)]).to_list(None)


def test_each_position_lies_in_one_block() -> None:
    for number in (1, 2, 77):
        assert (block_of(first_of(number)), block_of(last_of(number))) == (number, number)
        assert first_of(number + 1) == last_of(number) + 1


async def test_a_block_is_sealed_once_all_of_it_is_settled_and_chained_to_the_one_before(store) -> None:
    sealer = store.log.block_sealer()
    await fill(store, BLOCK - 1)
    assert await sealer.seal_next() is None
    await fill(store, BLOCK + 1)
    first, second = await sealer.seal_next(), await sealer.seal_next()
    assert await sealer.seal_next() is None
    assert (first.first, first.last, second.first, second.last) == (1, BLOCK, BLOCK + 1, 2 * BLOCK)
    stored = await raw(store, 1, 2 * BLOCK)
    assert first.digest == sha256(GENESIS + b"".join(stored[:BLOCK])).digest()
    assert second.digest == sha256(first.digest + b"".join(stored[BLOCK:])).digest()
    assert [block["_id"] for block in await chain_of(store)] == [1, 2]
    assert await store.log.sealed_upto() == 2 * BLOCK


async def test_a_block_with_a_hole_is_not_sealed(store) -> None:
    """Also where the hole is its last position, or the log ends in it."""
    await fill(store, BLOCK - 2)
    await store.documents.insert_many([with_position(encode_commit(commit("note-late")), BLOCK)])
    assert await store.log.block_sealer().seal_next() is None
    await store.documents.insert_many([with_position(encode_commit(commit("note-gap")), BLOCK - 1)])
    assert await store.log.block_sealer().seal_next() is not None


async def test_several_sealers_at_once_or_after_a_restart_make_one_chain(open_another) -> None:
    stores = [await open_another() for _ in range(2)]
    await fill(stores[0], 3 * BLOCK)
    await asyncio.gather(*(store.log.block_sealer().seal_next() for store in stores))
    await stores[1].log.block_sealer().seal_next()
    await asyncio.gather(*(store.log.block_sealer().seal_next() for store in stores))
    chain = await chain_of(stores[0])
    assert [block["_id"] for block in chain] == [1, 2, 3]
    assert [block["previous"] for block in chain] == [GENESIS, *(block["digest"] for block in chain[:2])]


async def test_a_sealer_logs_an_error_where_another_sealed_the_block_differently(
    open_another, caplog, monkeypatch
) -> None:
    one, other = await open_another(), await open_another()
    await fill(one, BLOCK)
    forged = {"_id": 1, "first": 1, "last": BLOCK, "digest": bytes(32), "previous": GENESIS}
    raw_pages = other.log.archive.raw_pages

    async def overtaken(*range):
        async for page in raw_pages(*range):
            yield page
        await one.database["blocks"].insert_one(forged)

    monkeypatch.setattr(other.log.archive, "raw_pages", overtaken)
    await other.log.block_sealer().seal_next()
    assert "block 1 of the log was sealed with another digest" in caplog.text
    assert (await chain_of(one)) == [forged]


async def test_archived_commits_are_sealed_as_they_were(open_another, tmp_path) -> None:
    archive = folder(tmp_path)
    store, untouched = await open_another(archive=archive), await open_another()
    await fill(store, BLOCK)
    plain = BlockDigest(GENESIS)
    plain.add(await raw(untouched, 1, BLOCK))
    await archiver(store, archive, commits=BLOCK).run(BLOCK // 2)
    stubs = await raw(untouched, 1, BLOCK // 2)
    assert all(segment_of(document) == 1 for document in stubs)
    block = await store.log.block_sealer().seal_next()
    assert block.digest == plain.value()


@pytest.mark.one_driver
@pytest.mark.parametrize("large", [False, True])
async def test_the_bytes_of_a_document_are_those_that_were_sent_whichever_driver_reads_it(
    large: bool, store, mongo_url, database
) -> None:
    """And large documents come in pages of their own."""
    text = "x" * (9_000_000 if large else 10)
    sent = [commit(f"note-{name}", correlation=text) for name in "abc"]
    await asyncio.gather(*map(store.log.append, sent))
    await store.documents.insert_one({"_id": 4, "tombstone": True, "at": sent[0].at})
    async with (
        open_store(mongo_url, database, "motor") as motor,
        open_store(mongo_url, database, "pymongo") as successor,
    ):
        read = [await raw(one, 1, 4) for one in (motor, successor)]
    assert read[0] == read[1]
    positions = list(map(position_of, read[0]))
    assert positions == [1, 2, 3, 4]
    by_stream = {bson.decode(document).get("stream"): document for document in read[0]}
    for new in sent:
        document = by_stream[new.stream]
        assert document == with_position(encode_commit(new), position_of(document) or 0).raw
    assert RawBSONDocument(read[0][3])["tombstone"] is True


def test_a_document_whose_id_is_no_position_has_none() -> None:
    for wrong in ("5", 5.0, None, {"x": 1}):
        assert position_of(bson.encode({"_id": wrong, "stream": "note-a"})) is None
