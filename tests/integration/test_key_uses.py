"""The last use of API keys: recorded once in a minute, and outside the log."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pymongo import MongoClient

from api.access.api_keys import KeyId
from api.access.key_uses import KEY_USES, KeyUses
from domain.testing import NOON
from eventstore.mongo.driver import open_client
from tests.helpers.drivers import chosen_driver

KEY, OTHER = KeyId("a", "apikey-1"), KeyId("b", "apikey-1")


async def test_a_use_is_recorded_once_in_a_minute(
    mongo_url: str, database: str, mongo_client: MongoClient[dict[str, Any]]
) -> None:
    """For each key apart; a later use is never replaced by an earlier one of another process."""
    time = NOON
    async with open_client(mongo_url, chosen_driver()) as client:
        uses = KeyUses(client[database], lambda: time)
        for seconds in (0, 59, 60, 61, 119):
            time = NOON + timedelta(seconds=seconds)
            async with uses.recording():
                uses.note(KEY)
        assert await uses.read("a", ["apikey-1", "apikey-2"]) == {"apikey-1": NOON + timedelta(seconds=60)}
        assert await uses.read("b", ["apikey-1"]) == {}
        behind = KeyUses(client[database], lambda: NOON)
        async with behind.recording():
            behind.note(KEY)
            behind.note(OTHER)
        assert await uses.read("a", ["apikey-1"]) == {"apikey-1": NOON + timedelta(seconds=60)}
        assert await uses.read("b", ["apikey-1"]) == {"apikey-1": NOON}
    assert mongo_client[database].list_collection_names() == [KEY_USES]
