"""API keys of services and agents: shown once, accepted on each transport, rotated, and revoked."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import bson
import pytest
from pymongo import MongoClient

from api.ids import now
from domain.kernel.access import DEPLOYMENT
from tests.helpers.access_rig import (
    EVENTS,
    ISSUE,
    REVOKE,
    ROTATE,
    AccessRig,
    Administrator,
    access_rig,
    bearer,
)
from tests.helpers.served_api import Served
from tests.helpers.servers import eventually
from tests.helpers.stream_responses import SSE, events
from tests.helpers.tokens import make_token

CREATE = 'mutation { registerAgent(input: {name: "x"}) { receipt { stream } } }'
TYPENAME = {"query": "{ __typename }"}
SOON = timedelta(seconds=3)
"""Until a key expires. On a busy machine it may take a second until it is issued and used."""


@pytest.fixture(scope="module")
def rig(mongo_url: str, redis_url: str) -> Iterator[AccessRig]:
    with access_rig(mongo_url, redis_url) as rig:
        yield rig


@pytest.fixture(scope="module")
def served(rig: AccessRig) -> Iterator[Served]:
    with rig.serve() as served:
        yield served


@pytest.fixture
def admin(served: Served) -> Administrator:
    return Administrator(served)


def status(served: Served, key: str) -> int:
    return served.post(TYPENAME, authorization=bearer(key)).status_code


def code(answer: dict[str, Any]) -> str:
    [error] = answer["errors"]
    text: str = error["extensions"]["code"]
    return text


@pytest.mark.parametrize("header", ["authorization", "x_api_key"])
def test_a_key_is_accepted_over_http(served: Served, admin: Administrator, header: str) -> None:
    stream, key = admin.issue(roles=["administrator"], subject="agent-7")
    value = key if header == "x_api_key" else bearer(key)
    answer = served.post({"query": CREATE}, **{header: value}).json()
    created = answer["data"]["registerAgent"]["receipt"]["stream"]
    query = "query ($of: [ID!]) { events(filter: {streams: $of}) { nodes { actor } } }"
    assert admin.ask(query, of=[created])["nodes"] == [{"actor": "agent-7"}]
    assert stream.startswith("apikey-")


async def test_a_key_is_accepted_over_a_socket(served: Served, admin: Administrator) -> None:
    _, key = admin.issue(roles=["administrator"])
    async with served.client(authorization=bearer(key)) as client:
        await client.subscribe("1", EVENTS)
        assert await client.next() == {"__typename": "CaughtUp"}


def test_a_key_is_shown_once(admin: Administrator) -> None:
    """A mutation that is sent again has its receipt, and no key; another content is refused."""
    fields, command_id = {"name": "billing"}, uuid4().hex
    first = admin.ask(ISSUE, input=fields, id=command_id)
    again = admin.ask(ISSUE, input=fields, id=command_id)
    assert first["key"].startswith("nerve_")
    assert again == {"key": None, "receipt": {**first["receipt"], "replayed": True}}
    assert code(admin.run(ISSUE, input={"name": "other"}, id=command_id)) == "COMMAND_ID_REUSED"


def test_wrong_keys_are_refused_alike(served: Served, admin: Administrator) -> None:
    """The sender does not learn whether there is such a key."""
    _, key = admin.issue()
    _, other = admin.issue()
    mixed = key.rpartition("_")[0] + "_" + other.rpartition("_")[2]
    flipped = key[:-1] + ("0" if key[-1] != "0" else "1")
    wrong = [
        mixed,
        flipped,
        key[:-1],
        f"{key}0",
        key.upper(),
        "nerve_",
        "nerve_1_2",
        f"nerve_unknown_{'0' * 64}",
    ]
    answers = [served.post(TYPENAME, x_api_key=each) for each in wrong]
    assert {answer.status_code for answer in answers} == {401}
    messages = {answer.json()["errors"][0]["message"] for answer in answers if answer.request.headers}
    assert messages <= {"the API key is unknown, or was revoked", "the token is not valid"}
    assert status(served, key) == 200


def test_a_key_expires(served: Served, admin: Administrator) -> None:
    soon = now() + SOON
    _, key = admin.issue(expiresAt=soon.isoformat())
    eventually(lambda: status(served, key) == 401)
    past = admin.run(ISSUE, input={"name": "x", "expiresAt": (now() - timedelta(seconds=1)).isoformat()})
    assert code(past) == "INVARIANT_VIOLATED"


async def test_a_socket_is_closed_when_its_key_expires(served: Served, admin: Administrator) -> None:
    _, key = admin.issue(roles=["administrator"], expiresAt=(now() + SOON).isoformat())
    async with served.client(authorization=bearer(key)) as client:
        assert await client.closed() == (4403, "access has expired; connect again with new credentials")


async def test_the_old_secret_works_for_the_grace(served: Served, admin: Administrator) -> None:
    """Then it is refused, and sockets that were opened with it are closed; others go on."""
    stream, old = admin.issue(roles=["administrator"])
    async with served.client(authorization=bearer(old)) as before:
        new = admin.ask(ROTATE, input={"id": stream, "grace": "PT3S"})["key"]
        async with served.client(authorization=bearer(new)) as renewed:
            assert status(served, old) == status(served, new) == 200
            assert await before.closed() == (4403, "access has ended: the API key was rotated")
            assert (status(served, old), status(served, new)) == (401, 200)
            await renewed.send(type="ping")
            assert await renewed.receive() == {"type": "pong"}


async def test_a_revoked_key_is_refused_and_its_connections_end(served: Served, admin: Administrator) -> None:
    stream, key = admin.issue(roles=["administrator"])
    _, other = admin.issue(roles=["administrator"])
    async with (
        served.client(authorization=bearer(key)) as client,
        served.client(**{"x-api-key": other}) as stays,
    ):
        with served.http.stream(
            "POST", "/graphql", json={"query": EVENTS}, headers={"accept": SSE, "x-api-key": key}
        ) as response:
            said = (text for name, text in events(response) if name)
            assert next(said) == {"data": {"events": {"__typename": "CaughtUp"}}}
            await asyncio.to_thread(admin.ask, REVOKE, input={"id": stream, "reason": "leaked"})
            assert await client.closed() == (4403, "access has ended: the API key was revoked")
            last = await asyncio.to_thread(list, said)
        assert "access has ended: the API key was revoked" in str(last)
        assert status(served, key) == 401
        await stays.send(type="ping")
        assert await stays.receive() == {"type": "pong"}


@pytest.mark.parametrize("roles", [(), ("editor",), ("operator",)])
def test_only_administrators_issue_keys(served: Served, roles: tuple[str, ...]) -> None:
    """For others the mutations and the list do not exist."""
    token = bearer(make_token("eve", roles=roles))
    for document, field in (
        (CALLS["issueApiKey"], "issueApiKey"),
        ("{ apiKeys { nodes { id } } }", "apiKeys"),
    ):
        answer = served.post({"query": document}, authorization=token).json()
        assert re.match(
            f"Cannot query field .{field}.|The mutation operation", answer["errors"][0]["message"]
        )


def test_an_administrator_grants_no_role_beyond_its_tenant(served: Served, admin: Administrator) -> None:
    """Neither with a new key, nor by rotating one that has it."""
    refused = admin.run(ISSUE, input={"name": "x", "roles": [DEPLOYMENT]})
    assert code(refused) == "FORBIDDEN"
    root = bearer(make_token("root", roles=("administrator", DEPLOYMENT)))
    body = {"query": ISSUE, "variables": {"input": {"name": "x", "roles": [DEPLOYMENT]}}}
    issued = served.post(body, authorization=root).json()["data"]["issueApiKey"]
    assert code(admin.run(ROTATE, input={"id": issued["receipt"]["stream"]})) == "FORBIDDEN"


def test_a_key_is_one_of_its_tenant(served: Served) -> None:
    """Also where keys of two tenants have the same id."""
    of_a, of_b = Administrator(served, "a"), Administrator(served, "b")
    same = f"apikey-{uuid4().hex}"
    (_, mine), (_, theirs) = of_a.issue(id=same, roles=["administrator"]), of_b.issue(id=same)
    of_a.ask(REVOKE, input={"id": same})
    assert (status(served, mine), status(served, theirs)) == (401, 200)


def test_the_last_use_of_keys_is_recorded(served: Served, admin: Administrator) -> None:
    """Outside the log, for the tenant of the key alone; one that was never used has none."""
    (used, key), (unused, _) = admin.issue(), admin.issue()
    before = now() - timedelta(minutes=1)
    assert status(served, key) == 200
    query = "query ($ids: [ID!]!) { apiKeyUses(ids: $ids) { keyId lastUsedAt } }"
    eventually(lambda: admin.ask(query, ids=[unused, used]) != [])
    [use] = admin.ask(query, ids=[unused, used])
    assert use["keyId"] == used
    assert before < datetime.fromisoformat(use["lastUsedAt"]) <= now()
    assert Administrator(served, "another").ask(query, ids=[used]) == []
    assert code(admin.run(query, ids=[used] * 201)) == "VALIDATION_FAILED"


NARROW = {"roles": ["administrator"], "commands": ["registerAgent"]}
CALLS = {
    "registerAgent": CREATE,
    "createTask": 'mutation { createTask(input: {title: "x"}) { receipt { stream } } }',
    "issueApiKey": 'mutation { issueApiKey(input: {name: "x"}) { key } }',
    "retryProcesses": 'mutation { retryProcesses(filter: {}, reason: "x") { changed } }',
    "rebuildView": 'mutation { rebuildView(name: "tasks") { name } }',
}


@pytest.mark.parametrize("call", CALLS)
def test_a_key_with_commands_sends_no_others(served: Served, admin: Administrator, call: str) -> None:
    """Whatever its roles allow. The others do not exist for it."""
    _, key = admin.issue(**NARROW)
    answer = served.post({"query": CALLS[call]}, authorization=bearer(key)).json()
    if call == "registerAgent":
        assert answer["data"]["registerAgent"]["receipt"]["stream"].startswith("agent-")
    else:
        assert f"Cannot query field '{call}' on type 'Mutation'" in answer["errors"][0]["message"]


def test_a_key_with_commands_reads_what_its_roles_allow(served: Served, admin: Administrator) -> None:
    _, key = admin.issue(roles=["administrator"], commands=[])
    schema = served.post({"query": "{ __schema { mutationType { name } } }"}, x_api_key=key).json()
    assert schema["data"]["__schema"]["mutationType"] is None
    assert "data" in served.post({"query": "{ tasks { nodes { id } } }"}, x_api_key=key).json()


def test_a_key_that_may_issue_keys_grants_no_other_commands(served: Served, admin: Administrator) -> None:
    _, key = admin.issue(roles=["administrator"], commands=["issueApiKey", "registerAgent"])

    def issue(**fields: Any) -> dict[str, Any]:
        body = {"query": ISSUE, "variables": {"input": {"name": "x", **fields}}}
        answer: dict[str, Any] = served.post(body, x_api_key=key).json()
        return answer

    assert code(issue()) == "FORBIDDEN"
    assert code(issue(commands=["createTask"])) == "FORBIDDEN"
    assert issue(commands=["registerAgent"])["data"]["issueApiKey"]["key"].startswith("nerve_")


def test_a_command_that_does_not_exist_is_refused(admin: Administrator) -> None:
    answer = admin.run(ISSUE, input={"name": "x", "commands": ["createTask", "makeCoffee"]})
    assert answer["errors"][0]["message"].startswith("there is no command 'makeCoffee'")
    assert code(answer) == "VALIDATION_FAILED"


def test_a_key_is_stored_and_logged_nowhere(
    rig: AccessRig, served: Served, admin: Administrator, mongo_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither in the database, nor in a log line, nor in metrics, nor in an error."""
    caplog.set_level("DEBUG")
    stream, key = admin.issue(roles=["administrator"])
    secret = key.rpartition("_")[2]
    served.post({"query": "{ nothing }"}, authorization=bearer(key))
    served.post({"query": CREATE}, authorization=bearer(key))
    admin.ask(ROTATE, input={"id": stream, "grace": "PT0S"})
    refused = served.post(TYPENAME, authorization=bearer(key))
    with MongoClient[dict[str, Any]](mongo_url) as client:
        database = client[rig.database]
        stored = b"".join(
            bson.encode(document)
            for name in database.list_collection_names()
            for document in database[name].find()
        )
    assert stream.encode() in stored
    texts = [stored.decode(errors="replace"), caplog.text, refused.text, served.get("/metrics").text]
    assert not [text for text in texts if re.search(secret, text)]
