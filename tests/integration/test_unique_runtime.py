"""A running nerve claims unique values, releases those of erased subjects, and makes claims again."""

from __future__ import annotations

import os
from base64 import b64encode

import pytest
from pydantic import SecretStr

from api.cli.claims import report_claims
from api.lifecycle import open_runtime
from api.settings import Settings
from domain.builtin.subjects.commands import EraseSubject
from domain.kernel import Envelope
from domain.kernel.unique_errors import ValueTaken
from tests.helpers.drivers import chosen_driver
from tests.helpers.people import RegisterPerson

ADA = RegisterPerson(city="Graz", name="Ada")


@pytest.fixture
def settings(mongo_url: str, redis_url: str, database: str) -> Settings:
    return Settings(
        mongo_url=SecretStr(mongo_url),
        redis_url=SecretStr(redis_url),
        mongo_driver=chosen_driver(),
        database=database,
        master_key=SecretStr(b64encode(os.urandom(32)).decode()),
        contexts=("tests.helpers.unique_people", "projections.views.subjects"),
    )


async def test_the_erasure_of_a_person_releases_its_unique_values(settings: Settings) -> None:
    """Not even the digest of the value is left."""
    async with open_runtime(settings) as nerve:
        person = (await nerve.bus.dispatch(Envelope(ADA))).stream
        with pytest.raises(ValueTaken):
            await nerve.bus.dispatch(Envelope(ADA))
        await nerve.bus.dispatch(Envelope(EraseSubject(subject=person)))
        assert await nerve.database["claims"].count_documents({}) == 0
        assert (await nerve.bus.dispatch(Envelope(ADA))).changed


async def test_an_erased_value_is_free_although_its_claim_is_left(settings: Settings) -> None:
    """As after a process that died between the end of the key and the release of the claims."""
    async with open_runtime(settings) as nerve:
        person = (await nerve.bus.dispatch(Envelope(ADA))).stream
        await nerve.log.keys.destroy([f"default/{person}"])
        assert await nerve.database["claims"].count_documents({}) == 1
        assert (await nerve.bus.dispatch(Envelope(ADA))).changed


async def test_lost_claims_are_made_again_on_request(settings: Settings, capsys) -> None:
    async with open_runtime(settings) as nerve:
        await nerve.bus.dispatch(Envelope(ADA))
        await nerve.database["claims"].delete_many({})
        await nerve.bus.dispatch(Envelope(ADA))
        assert not report_claims(await nerve.claim_upkeep.rebuild({"none"}))
        assert report_claims(await nerve.claim_upkeep.rebuild())
    printed = capsys.readouterr()
    assert "claimed the unique values of 2 streams; released 0 claims" in printed.out
    assert "another stream has the same name as person-" in printed.err
