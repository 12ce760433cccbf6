"""What a server says that steps down, shuts down or cannot reach its majority: never a wrong answer (I1, I3).

The errors are mongod's own, raised by its fail points, which only test commands enable.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pymongo import MongoClient

from api.devserver.embedded import Mongod
from domain.kernel.errors import ConcurrencyConflict, Unavailable
from tests.helpers.commits import Store, append_options, commit, open_store, scores


class TestableMongod(Mongod):
    """With fail points."""

    __test__ = False

    def _arguments(self) -> list[str]:
        return [*super()._arguments(), "--setParameter", "enableTestCommands=1"]


@pytest.fixture(scope="module")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    server = TestableMongod(tmp_path_factory.mktemp("failing"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
async def store(mongod: Mongod, database: str, driver: Any) -> AsyncIterator[Store]:
    async with open_store(mongod.url, database, driver, fence_after=0.1) as store:
        yield store


@contextmanager
def failing(mongod: Mongod, command: str, times: int | None, **how: Any) -> Iterator[None]:
    """The next `times` of a command fail, or all where that is None."""
    point = {"configureFailPoint": "failCommand"}
    mode = "alwaysOn" if times is None else {"times": times}
    with MongoClient[dict[str, Any]](mongod.url) as client:
        client.admin.command({**point, "mode": mode, "data": {"failCommands": [command], **how}})
        try:
            yield
        finally:
            client.admin.command({**point, "mode": "off"})


async def check(store: Store, streams: dict[str, int]) -> None:
    """The log holds just these streams, in these versions, and each position is settled."""
    async with asyncio.timeout(20):
        while await store.log.high_water_mark() < await store.log.head():
            await asyncio.sleep(0.01)
    found: dict[str, int] = {}
    for one in await store.everything():
        if one.info:
            assert one.events[0].version == found.get(one.info.stream, 0) + 1
            found[one.info.stream] = one.events[-1].version
    assert found == streams


SAID_INSTEAD = {
    "NotWritablePrimary": 10107,
    "PrimarySteppedDown": 189,
    "InterruptedDueToReplStateChange": 11602,
    "OutOfDiskSpace": 14031,
    "MaxTimeMSExpired": 50,
    "ExceededTimeLimit": 262,
    "WriteConflict": 112,
    "LockTimeout": 24,
}
SAID_AFTERWARDS = {
    "WriteConcernFailed": 64,
    "PrimarySteppedDown": 189,
    "InterruptedDueToReplStateChange": 11602,
    "ShutdownInProgress": 91,
}


@pytest.mark.parametrize("code", SAID_INSTEAD.values(), ids=SAID_INSTEAD)
@pytest.mark.parametrize("command", ["insert", "findAndModify"])
async def test_i1_i3_an_append_that_the_server_could_not_carry_out_goes_again(store, mongod, command, code):
    with failing(mongod, command, 2, errorCode=code):
        receipt = await store.log.append(commit("note-a", 0, *scores(3)))
    assert (receipt.version, receipt.replayed) == (3, False)
    await check(store, {"note-a": 3})


@pytest.mark.parametrize("code", SAID_AFTERWARDS.values(), ids=SAID_AFTERWARDS)
async def test_i1_i3_what_was_written_without_its_majority_is_not_acknowledged_and_not_written_twice(
    store, mongod, code
):
    """The server has the commits, and says that it cannot tell whether they will stay."""
    with failing(mongod, "insert", 2, writeConcernError={"code": code, "errmsg": "as in a failover"}):
        chain = [commit("note-a", version) for version in range(5)]
        found = await asyncio.gather(*map(store.log.append, [*chain, commit("note-b", 0)]))
    assert [(one.version, one.replayed) for one in found] == [*((n, False) for n in range(1, 6)), (1, False)]
    await check(store, {"note-a": 5, "note-b": 1})


async def test_i1_nothing_is_acknowledged_while_no_majority_confirms(store, mongod, database, driver):
    options = append_options(give_up_after=1.0)
    error = {"code": 64, "errmsg": "waiting for replication timed out"}
    async with open_store(mongod.url, database, driver, options=options) as impatient:
        with failing(mongod, "insert", None, writeConcernError=error):
            chain = [commit("note-a", version, command_id=f"cmd-{version}") for version in range(3)]
            found = await asyncio.gather(*map(impatient.log.append, chain), return_exceptions=True)
    assert [type(one) for one in found] == [Unavailable] * 3
    again = await store.log.append(commit("note-a", 0, command_id="cmd-0"))
    assert (again.version, again.replayed) == (1, True)
    await check(store, {"note-a": 3})


async def test_i2_a_loser_is_told_so_though_the_server_could_not_say_it_at_first(store, mongod):
    await store.log.append(commit("note-a", 0))
    with failing(mongod, "insert", 2, closeConnection=True):
        found = await asyncio.gather(
            *(store.log.append(commit("note-a", 1)) for _ in range(3)), return_exceptions=True
        )
    assert sorted(type(one).__name__ for one in found) == [ConcurrencyConflict.__name__] * 2 + ["Receipt"]
    await check(store, {"note-a": 2})


async def test_a_server_that_hangs_is_given_up_within_the_callers_patience(mongod, database, driver):
    options = append_options(give_up_after=0.3)
    async with open_store(mongod.url, database, driver, options=options) as store:
        with failing(mongod, "insert", None, blockConnection=True, blockTimeMS=3_000):
            async with asyncio.timeout(2.5):
                with pytest.raises(Unavailable):
                    await store.log.append(commit("note-a", 0))


async def test_a_reader_is_told_that_the_log_cannot_be_read_now(store, mongod):
    await store.log.append(commit("note-a", 0))
    with failing(mongod, "find", None, errorCode=11602), pytest.raises(Unavailable):
        await store.log.reader().read(0)
    assert len(await store.log.reader().read(0)) == 1
