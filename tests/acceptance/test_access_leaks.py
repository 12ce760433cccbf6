"""What a caller with valid credentials learns of what its rules do not allow: nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient

from domain.kernel.access import ADMINISTRATOR
from tests.helpers.served_api import Served, serve
from tests.helpers.tokens import auth_settings, bearer, make_token

PRESS = """mutation ($input: PressStampInput!, $id: ID, $version: Int) {
  pressStamp(input: $input, commandId: $id, expectedVersion: $version, await: PROJECTED) {
    receipt { stream replayed } } }"""
LOCK = """mutation ($id: ID!, $version: Int) {
  lockStamp(input: {id: $id}, expectedVersion: $version, await: PROJECTED) { receipt { version } } }"""


class Vault:
    """An API with stamps, and its callers."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.root = self.token("root", ADMINISTRATOR)

    def token(self, subject: str, *roles: str, tenant: str = "default", **claims: Any) -> str:
        return bearer(make_token(subject, tenant, roles, **claims))["authorization"]

    def run(self, token: str | None, query: str, /, **variables: Any) -> dict[str, Any]:
        """Return the whole response to an operation."""
        headers = {} if token is None else {"authorization": token}
        response: dict[str, Any] = self.served.post(
            {"query": query, "variables": variables}, **headers
        ).json()
        return response

    def ask(self, token: str | None, query: str, /, **variables: Any) -> Any:
        """Return the one root field of a response without errors."""
        response = self.run(token, query, **variables)
        assert "errors" not in response, response
        [value] = response["data"].values()
        return value

    def refuse(self, token: str | None, query: str, /, **variables: Any) -> dict[str, Any]:
        """Return the one error of a response."""
        [error] = self.run(token, query, **variables)["errors"]
        refusal: dict[str, Any] = error
        return refusal

    def press(self, token: str | None, level: int = 1, **more: Any) -> str:
        stream: str = self.ask(token, PRESS, input={"level": level}, **more)["receipt"]["stream"]
        return stream


@pytest.fixture(scope="module")
def vault(mongo_url: str, redis_url: str) -> Iterator[Vault]:
    database = f"test_{uuid4().hex}"
    settings: dict[str, Any] = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    contexts = ("tests.helpers.stamps", "tests.helpers.memos", "tests.helpers.memo_books")
    with serve(**settings, auth=auth_settings(public_tenant="default"), contexts=contexts) as served:
        yield Vault(served)
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(database)


def test_the_version_of_a_hidden_stream_is_in_no_conflict(vault: Vault) -> None:
    """Its creation is refused as for any id that is taken, whichever version the caller expects."""
    stamp = vault.press(vault.root, 1)
    vault.ask(vault.root, LOCK, id=stamp)
    eve = vault.token("eve")
    answers = [
        vault.refuse(eve, PRESS, input={"id": stamp, "level": 1}, **expected)
        for expected in ({}, {"version": 1}, {"version": 5})
    ]
    assert [answer["extensions"]["code"] for answer in answers] == ["INVARIANT_VIOLATED"] * 3
    assert answers[0]["message"] == answers[1]["message"] == answers[2]["message"]


def test_a_hidden_stream_conflicts_like_one_that_does_not_exist(vault: Vault) -> None:
    """Also where the rule allows the initial state, and the caller expects a version."""
    stamp = vault.press(vault.root, 1)
    vault.ask(vault.root, LOCK, id=stamp)
    eve, missing = vault.token("eve"), "stamp-none"
    for expected in ({}, {"version": 0}, {"version": 1}, {"version": 2}):
        hidden = vault.refuse(eve, LOCK, id=stamp, **expected)
        none = vault.refuse(eve, LOCK, id=missing, **expected)
        assert hidden["message"].replace(stamp, missing) == none["message"]
        assert hidden["extensions"]["code"] == none["extensions"]["code"] == "NOT_FOUND"


def test_callers_without_credentials_learn_nothing_of_each_others_commands(vault: Vault) -> None:
    """They have no name in common: an id that one used is taken for the others."""
    command = uuid4().hex
    stamp = vault.press(None, 1, id=command)
    again = vault.ask(None, PRESS, input={"level": 1}, id=command)
    assert again == {"receipt": {"stream": stamp, "replayed": True}}, "the same command may be sent again"
    refusal = vault.refuse(None, PRESS, input={"level": 2}, id=command)
    assert refusal["extensions"]["code"] == "COMMAND_ID_REUSED"
    assert "PressStamp" not in refusal["message"]
    assert stamp not in str(refusal)
