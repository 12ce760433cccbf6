"""A log that was restored from an older backup: nerve refuses to start on it, and says what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from typer.testing import CliRunner

from api.cli import main
from api.lifecycle import open_runtime
from api.position_seal import PositionSeal
from api.settings import Settings
from domain.agents.commands import RegisterAgent
from domain.kernel import Envelope
from domain.kernel.errors import ConfigurationError, ValidationFailed
from eventstore.mongo import log_collections
from eventstore.place import Place
from tests.helpers.command_line import CLI
from tests.helpers.row_scopes import ALL_ROWS

Documents = dict[str, Any]


@pytest.fixture(autouse=True)
def _short_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait long for a head that will not come."""
    monkeypatch.setattr(log_collections, "HEAD_LAG", 0.2)


@pytest.fixture
def settings(mongo_url: str, redis_url: str, database: str) -> Settings:
    return Settings(
        mongo_url=mongo_url, redis_url=redis_url, database=database, poll_interval=0.1, fence_after=1.0
    )


@pytest.fixture
def stored(mongo_url: str, database: str) -> Iterator[Database[Documents]]:
    with MongoClient[Documents](mongo_url) as client:
        yield client[database]


async def _register(settings: Settings, count: int) -> int:
    """Register agents, and wait until every view has them; the position of the last."""
    async with open_runtime(settings, worker=True) as nerve:
        command = RegisterAgent(name="a", capabilities=())
        receipts = [await nerve.bus.dispatch(Envelope(command)) for _ in range(count)]
        for reader in nerve.readers.values():
            await reader.wait_for(receipts[-1].position, 60)
        return receipts[-1].position


async def _shown(settings: Settings) -> int:
    async with open_runtime(settings, worker=True) as nerve:
        await nerve.readers["agents"].wait_for(await nerve.log.head(), 60)
        return await nerve.readers["agents"].count(ALL_ROWS)


@pytest.fixture
def restored(settings: Settings, stored: Database[Documents]) -> Settings:
    """A log of 5 commits whose views have had 8: its backup was put back, what is beside it was not."""
    asyncio.run(_register(settings, 5))
    backup = list(stored.log.find())
    asyncio.run(_register(settings, 3))
    stored.log.drop()
    stored.log.insert_many(backup)
    return settings


@pytest.mark.parametrize("command", ["serve", "worker", "demo"])
def test_nerve_does_not_start_on_a_log_that_ends_before_what_its_consumers_have_had(
    command: str, restored: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _environment(monkeypatch, restored)
    monkeypatch.setattr("sys.argv", ["nerve", command])
    with pytest.raises(SystemExit) as end:
        main()
    message = capsys.readouterr().err
    assert (end.value.code, message.count("\n")) == (2, 1), message
    for part in (" is at position 8", "the log ends at 5", "the consumer ", "`nerve adopt`"):
        assert part in message


def test_adopt_continues_from_the_end_of_a_restored_log(
    restored: Settings, stored: Database[Documents], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no position that a client holds from before means something else from then on."""
    _environment(monkeypatch, restored)
    held = PositionSeal(_secret(stored)).seal("default", Place(7))
    shown = CliRunner().invoke(CLI, ["views"], catch_exceptions=False)
    assert shown.exit_code == 0
    refused = CliRunner().invoke(CLI, ["adopt"], input="n\n")
    assert refused.exit_code == 1
    with pytest.raises(ConfigurationError):
        asyncio.run(_shown(restored))

    adopted = CliRunner().invoke(CLI, ["adopt", "--yes"], catch_exceptions=False)
    assert "the consumer view.agents is at position 8, but the log ends at 5\n" in adopted.output
    assert asyncio.run(_shown(restored)) == 5
    assert asyncio.run(_register(restored, 1)) > 5
    assert asyncio.run(_shown(restored)) == 6
    with pytest.raises(ValidationFailed):
        PositionSeal(_secret(stored)).open("default", held, ("after",))
    again = CliRunner().invoke(CLI, ["adopt"], catch_exceptions=False)
    assert again.output.endswith("nothing to do\n")


async def test_a_head_that_lags_for_a_moment_after_a_failover_is_waited_for(
    settings: Settings, stored: Database[Documents], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_collections, "HEAD_LAG", 10.0)
    await _register(settings, 4)
    last = stored.log.find_one({"_id": 4})
    assert last is not None
    stored.log.delete_one({"_id": 4})
    opening = asyncio.create_task(_shown(settings))
    _, pending = await asyncio.wait([opening], timeout=0.3)
    assert pending
    stored.log.insert_one(last)
    assert await opening == 4


async def test_i4_a_note_of_settled_positions_that_the_log_does_not_have_is_not_believed(
    settings: Settings, stored: Database[Documents]
) -> None:
    """A reader that took them for settled would pass what is yet to be written there."""
    await _register(settings, 3)
    stored.counters.update_one({"_id": "settled"}, {"$set": {"position": 100}}, upsert=True)
    async with open_runtime(settings) as nerve:
        assert await nerve.log.high_water_mark() == 3
    note = stored.counters.find_one({"_id": "settled"})
    assert note is not None
    assert note["position"] <= 3


def _environment(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    assert settings.mongo_url is not None
    assert settings.redis_url is not None
    monkeypatch.chdir(Path(__file__).parent)
    monkeypatch.setenv("NERVE_PORT", "0")
    monkeypatch.setenv("NERVE_MONGO_URL", settings.mongo_url.get_secret_value())
    monkeypatch.setenv("NERVE_REDIS_URL", settings.redis_url.get_secret_value())
    monkeypatch.setenv("NERVE_DATABASE", settings.database)


def _secret(stored: Database[Documents]) -> bytes:
    document = stored.meta.find_one({"_id": "secret"})
    assert document is not None
    secret: bytes = document["value"]
    return secret
