"""mongod killed under load: what was acknowledged is there, and everything is there once (I1, I5)."""

from __future__ import annotations

import asyncio

from domain.dispatch.ports import NewCommit
from domain.kernel import Receipt
from domain.kernel.errors import Unavailable
from tests.helpers.commits import Store, commit, open_store, scores


async def test_i1_i5_a_killed_mongod_loses_nothing_acknowledged_and_appends_go_on(servers):
    """Callers that wait meanwhile get their receipt once mongod is back, within their patience."""
    mongod = servers.mongod()
    async with open_store(mongod.url, "killed", fence_after=0.2) as store:
        receipts: list[Receipt] = []
        crashed = asyncio.Event()

        async def write(name: int) -> None:
            for number in range(60):
                new = commit(f"note-{name}", 2 * number, *scores(2))
                receipts.append(await _until_answered(store, new))
                if len(receipts) == 600:
                    crashed.set()

        writing = asyncio.gather(*(write(name) for name in range(32)))
        await crashed.wait()
        mongod.kill()
        mongod.start()
        await writing
        async with asyncio.timeout(30):
            while await store.log.high_water_mark() < await store.log.head():
                await asyncio.sleep(0.02)
        log = await store.everything()
    found = {one.info.command_id: (one.position, one.events[-1].version) for one in log if one.info}
    assert found == {one.command_id: (one.position, one.version) for one in receipts}
    assert len(receipts) == len(found) == 32 * 60
    assert [one.position for one in log] == list(range(1, len(log) + 1))


async def _until_answered(store: Store, new: NewCommit) -> Receipt:
    """Send the same command again for as long as nobody can say what became of it, as a client may."""
    while True:
        try:
            return await store.log.append(new)
        except Unavailable:
            continue
