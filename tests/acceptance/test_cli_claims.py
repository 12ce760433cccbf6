"""``nerve import`` and ``nerve claims rebuild`` make the claims on unique values from the log."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pydantic import SecretStr
from pymongo import MongoClient
from typer.testing import CliRunner

from api.lifecycle import open_runtime
from api.settings import Settings
from domain.kernel import Envelope
from tests.helpers.command_line import CLI
from tests.helpers.drivers import chosen_driver
from tests.helpers.players import Join

CONTEXT = "tests.helpers.players"


@pytest.fixture
def nerve(mongo_url: str, redis_url: str) -> CliRunner:
    return CliRunner(
        env={"NERVE_MONGO_URL": mongo_url, "NERVE_REDIS_URL": redis_url, "NERVE_CONTEXTS": CONTEXT}
    )


@pytest.fixture
def settings(mongo_url: str, redis_url: str, database: str) -> Settings:
    return Settings(
        mongo_url=SecretStr(mongo_url),
        redis_url=SecretStr(redis_url),
        mongo_driver=chosen_driver(),
        database=database,
        contexts=(CONTEXT,),
    )


async def join(settings: Settings, nick: str) -> None:
    async with open_runtime(settings) as nerve:
        await nerve.bus.dispatch(Envelope(Join(nick=nick)))


def test_an_import_claims_the_values_of_the_imported_streams(
    nerve: CliRunner,
    settings: Settings,
    target_database: str,
    mongo_client: MongoClient[dict[str, object]],
    tmp_path: Path,
) -> None:
    asyncio.run(join(settings, "Ada"))
    file = str(tmp_path / "log.jsonl")
    exported = nerve.invoke(CLI, ["export", file], env={"NERVE_DATABASE": settings.database})
    assert exported.exit_code == 0, exported.output
    imported = nerve.invoke(CLI, ["import", file], env={"NERVE_DATABASE": target_database})
    assert imported.exit_code == 0, imported.output
    assert "claimed the unique values of 1 stream; released 0 claims" in imported.output
    assert mongo_client[target_database]["claims"].count_documents({}) == 1


def test_a_rebuild_names_a_value_of_two_streams_and_ends_with_1(
    nerve: CliRunner, settings: Settings, mongo_client: MongoClient[dict[str, object]]
) -> None:
    """The claims were lost between the two commands."""
    asyncio.run(join(settings, "Ada"))
    database = {"NERVE_DATABASE": settings.database}
    sound = nerve.invoke(CLI, ["claims", "rebuild"], env=database)
    assert (sound.exit_code, "of 1 stream;" in sound.output) == (0, True), sound.output
    mongo_client[settings.database]["claims"].delete_many({})
    asyncio.run(join(settings, "ADA"))
    doubled = nerve.invoke(CLI, ["claims", "rebuild"], env=database)
    assert (doubled.exit_code, "has the same nickName as player-" in doubled.output) == (1, True)
