"""Users on a running nerve: their address is unique, they are found, and erased after their deletion."""

from __future__ import annotations

import asyncio
import os
from base64 import b64encode
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from api.graphql.schema import build_schema
from api.lifecycle import open_runtime
from api.runtime import Runtime
from api.settings import Settings
from domain.activity.commands import RecordAction, RecordLogin
from domain.activity.events import LoggedIn
from domain.activity.location import Location
from domain.builtin.subjects.commands import EraseSubject
from domain.kernel import Command, Envelope, NotFound, Receipt
from domain.kernel.unique_errors import ValueTaken
from domain.users.commands import CreateUser, DeleteUser, UpdateUser
from tests.helpers.drivers import chosen_driver
from tests.helpers.row_scopes import ALL_ROWS

DEADLINE = 60
CONTEXTS = (
    "projections.views.users",
    "projections.views.subjects",
    "domain.users.erasure",
    "projections.views.user_sessions",
)


@pytest.fixture
async def nerve(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Runtime]:
    settings = Settings(
        mongo_url=SecretStr(mongo_url),
        redis_url=SecretStr(redis_url),
        mongo_driver=chosen_driver(),
        database=database,
        master_key=SecretStr(b64encode(os.urandom(32)).decode()),
        contexts=CONTEXTS,
    )
    async with open_runtime(settings, worker=True) as nerve:
        yield nerve


async def send(nerve: Runtime, command: Command) -> Receipt:
    return await nerve.bus.dispatch(Envelope(command))


async def logged_in(nerve: Runtime, activity: str) -> tuple[str | None, Location | None]:
    """Return address and location of the login with which the activity begins, as the log has them."""
    login = (await nerve.log.stream("default", activity))[0].payload
    assert isinstance(login, LoggedIn)
    return login.address, login.location


async def test_of_fifty_users_with_one_address_one_is_created(nerve: Runtime) -> None:
    addresses = ["ada@example.org", "Ada@Example.org"]
    sent = [send(nerve, CreateUser(email=addresses[n % 2], name=f"Ada {n}")) for n in range(50)]
    outcomes = await asyncio.gather(*sent, return_exceptions=True)
    assert len([each for each in outcomes if isinstance(each, Receipt)]) == 1
    refusals = [each for each in outcomes if isinstance(each, ValueTaken)]
    assert len(refusals) == 49
    assert {each.details()["field"] for each in refusals} == {"email"}


async def test_a_deleted_user_is_erased_and_its_address_is_free(nerve: Runtime) -> None:
    ada = (await send(nerve, CreateUser(email="ada@example.org", name="Ada"))).stream
    eve = await send(nerve, CreateUser(email="eve@example.org", name="Eve"))
    with pytest.raises(ValueTaken):
        await send(nerve, UpdateUser(id=eve.stream, email="ADA@example.org"))
    async with asyncio.timeout(DEADLINE):
        await nerve.projection_waits.reach(nerve.readers, eve.position, DEADLINE)
        row = await nerve.readers["users"].get(ALL_ROWS, ada)
        assert row is not None
        assert (row["email"], row["status"]) == ("ada@example.org", "ACTIVE")
        await send(nerve, DeleteUser(id=ada))
        while not await nerve.database["keys"].find_one({"_id": f"default/{ada}", "erased": True}):
            await asyncio.sleep(0.02)
        deleted = await send(nerve, UpdateUser(id=eve.stream, email="ada@example.org"))
        await nerve.projection_waits.reach(nerve.readers, deleted.position, DEADLINE)
        assert await nerve.readers["users"].get(ALL_ROWS, ada) is None
        events = await nerve.log.stream("default", ada)
        assert "ada" not in str([event.data for event in events]).casefold()


async def test_the_sessions_of_a_user_are_shown_and_their_address_is_erased(nerve: Runtime) -> None:
    with pytest.raises(NotFound):
        await send(nerve, RecordLogin(user_id="user-none", session="s1"))
    ada = (await send(nerve, CreateUser(email="ada@example.org", name="Ada"))).stream
    place = Location(latitude=52.5, longitude=13.4)
    login = RecordLogin(user_id=ada, session="s1", address="192.0.2.1", user_agent="Firefox", location=place)
    activity = (await send(nerve, login)).stream
    assert await logged_in(nerve, activity) == ("192.0.2.1", place)
    action = await send(nerve, RecordAction(user_id=ada, session="s1", action="export"))
    sessions = nerve.readers["user_sessions"]
    await nerve.projection_waits.reach(nerve.readers, action.position, DEADLINE)
    row = await sessions.get(ALL_ROWS, f"{ada}/s1")
    assert row is not None
    assert (row["address"], row["user_agent"], row["actions"]) == ("192.0.2.1", "Firefox", 1)
    erased = await send(nerve, EraseSubject(subject=ada))
    await nerve.projection_waits.reach(nerve.readers, erased.position, DEADLINE)
    row = await sessions.get(ALL_ROWS, f"{ada}/s1")
    assert row is not None
    assert (row["address"], row["user_agent"], row["actions"]) == (None, None, 1)
    assert await logged_in(nerve, activity) == (None, None)


async def test_users_and_their_sessions_are_in_the_api(nerve: Runtime) -> None:
    schema = build_schema(nerve.catalog, nerve.views)
    assert schema.query_type is not None
    assert schema.mutation_type is not None
    assert {"user", "users", "userSession", "userSessions"} <= schema.query_type.fields.keys()
    recorded = {"recordLogin", "recordFailedLogin", "recordAction", "recordLogout"}
    assert recorded | {"createUser", "deleteUser"} <= schema.mutation_type.fields.keys()
