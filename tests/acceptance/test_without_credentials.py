"""What is public is there without credentials; everything else asks for them, whatever a document names."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest

from tests.helpers.access_rig import bearer
from tests.helpers.served_api import Served
from tests.helpers.token_access import serve_with
from tests.helpers.tokens import auth_settings, make_token

PUBLIC = "{ memos { totalCount nodes { text } } }"
NOT_PUBLIC = [
    "{ books { nodes { id } } }",
    "{ memos { nodes { score } } }",
    "{ nothing }",
    "{ memos",
    'mutation { sealMemo(input: {id: "memo-1"}) { receipt { stream } } }',
]
WRITE = """mutation ($input: WriteMemoInput!) {
  writeMemo(input: $input, await: PROJECTED) { receipt { stream } }
}"""
SHOWN = {"data": {"memos": {"totalCount": 1, "nodes": [{"text": "public"}]}}}


@pytest.fixture(scope="module")
def served(mongo_url: str, redis_url: str) -> Iterator[Served]:
    contexts = ("tests.helpers.memos", "tests.helpers.memo_books")
    options: dict[str, Any] = {
        "auth": auth_settings(public_tenant="default"),
        "contexts": contexts,
        "max_batch": 10,
        "worker": True,
    }
    with serve_with(None, mongo_url, redis_url, **options) as served:
        for fields in ({"text": "public", "public": True}, {"text": "secret"}):
            token = bearer(make_token("ada", roles=("auditor",)))
            response = served.post({"query": WRITE, "variables": {"input": fields}}, authorization=token)
            assert "errors" not in response.json(), response.text
        yield served


def codes(errors: list[dict[str, Any]]) -> list[str]:
    return [error["extensions"]["code"] for error in errors]


def test_public_rows_are_shown_and_counted_alone(served: Served) -> None:
    response = served.post({"query": PUBLIC})
    assert (response.status_code, response.json()) == (200, SHOWN)


@pytest.mark.parametrize("document", NOT_PUBLIC)
def test_what_is_not_public_asks_for_credentials(served: Served, document: str) -> None:
    """The answers to all such documents are equal, so that none says what exists."""
    response = served.post({"query": document})
    assert response.status_code == 401
    assert response.json() == served.post({"query": NOT_PUBLIC[0]}).json()
    assert codes(response.json()["errors"]) == ["UNAUTHENTICATED"]


def test_in_a_batch_each_operation_is_answered_by_itself(served: Served) -> None:
    first, *rest = served.post([{"query": text} for text in (PUBLIC, *NOT_PUBLIC)]).json()
    assert first == SHOWN
    assert [codes(result["errors"]) for result in rest] == [["UNAUTHENTICATED"]] * len(NOT_PUBLIC)


async def test_a_socket_without_credentials_runs_what_is_public(served: Served) -> None:
    async with served.client() as client:
        await client.subscribe("1", PUBLIC)
        assert (await client.receive())["payload"] == SHOWN
        assert (await client.receive())["type"] == "complete"
        for number, document in enumerate(NOT_PUBLIC, 2):
            await client.subscribe(str(number), document)
            message = await client.receive()
            assert (message["type"], codes(message["payload"])) == ("error", ["UNAUTHENTICATED"])


def test_a_persisted_document_is_validated_for_each_caller(served: Served) -> None:
    """Its hash, which an auditor has registered, is of no use to others."""
    text = NOT_PUBLIC[1]
    persisted = {"persistedQuery": {"version": 1, "sha256Hash": sha256(text.encode()).hexdigest()}}
    token = bearer(make_token("ada", roles=("auditor",)))
    assert "data" in served.post({"query": text, "extensions": persisted}, authorization=token).json()
    assert "data" in served.post({"extensions": persisted}, authorization=token).json()
    assert served.post({"extensions": persisted}).status_code == 401
    stranger = served.post({"extensions": persisted}, authorization=bearer(make_token("bob"))).json()
    assert stranger["errors"][0]["message"] == "Cannot query field 'score' on type 'Memo'."


@pytest.fixture(scope="module")
def closed(mongo_url: str, redis_url: str) -> Iterator[Served]:
    """An API of tenants, none of which is public."""
    contexts = ("tests.helpers.memos", "tests.helpers.memo_books")
    with serve_with(None, mongo_url, redis_url, auth=auth_settings(), contexts=contexts) as served:
        yield served


@pytest.mark.parametrize("document", [PUBLIC, "{ __typename }", "{ viewer { tenant } }", *NOT_PUBLIC])
def test_without_a_public_tenant_nothing_is_public(closed: Served, document: str) -> None:
    """Also what is declared for `anyone`: the request names no tenant, and none is guessed."""
    response = closed.post({"query": document})
    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
    assert codes(response.json()["errors"]) == ["UNAUTHENTICATED"]


async def test_without_a_public_tenant_a_socket_is_closed(closed: Served) -> None:
    async with closed.socket() as client:
        await client.send(type="connection_init")
        code, reason = await client.closed()
    assert (code, str(reason).startswith("this needs credentials")) == (4401, True)


def test_a_public_tenant_is_the_one_that_is_set(mongo_url: str, redis_url: str) -> None:
    """Rows of other tenants are not shown, whatever their rules."""
    auth, contexts = auth_settings(public_tenant="site"), ("tests.helpers.memos", "tests.helpers.memo_books")
    with serve_with(None, mongo_url, redis_url, auth=auth, contexts=contexts, worker=True) as served:
        for tenant, text in (("site", "shown"), ("default", "not shown")):
            token = bearer(make_token("ada", tenant, ("auditor",)))
            variables = {"input": {"text": text, "public": True}}
            response = served.post({"query": WRITE, "variables": variables}, authorization=token)
            assert "errors" not in response.json(), response.text
        assert served.ask("{ memos { nodes { text } } }") == {"memos": {"nodes": [{"text": "shown"}]}}
