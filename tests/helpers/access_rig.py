"""APIs that accept API keys and tokens, on one database, and what administrators do there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from pymongo import MongoClient

from api.settings import Settings
from domain.kernel.access import ADMINISTRATOR
from tests.helpers.served_api import Served, serve
from tests.helpers.tokens import MANY_FAILURES, auth_settings, make_token

ISSUE = """mutation ($input: IssueApiKeyInput!, $id: ID) {
  issueApiKey(input: $input, commandId: $id) { key receipt { stream replayed } } }"""
ROTATE = "mutation ($input: RotateApiKeyInput!) { rotateApiKey(input: $input) { key } }"
REVOKE = "mutation ($input: RevokeApiKeyInput!) { revokeApiKey(input: $input) { receipt { stream } } }"
END = "mutation ($input: EndAccessInput!) { endAccess(input: $input) { receipt { stream } } }"
RESTORE = "mutation ($input: RestoreAccessInput!) { restoreAccess(input: $input) { receipt { stream } } }"

EVENTS = "subscription { events { __typename } }"


class AccessRig:
    """The servers of one database. Each call of `serve` starts one more API."""

    def __init__(self, mongo_url: str, redis_url: str) -> None:
        self.database = f"test_{uuid4().hex}"
        self._settings: dict[str, Any] = {
            "mongo_url": mongo_url,
            "redis_url": redis_url,
            "database": self.database,
            "auth": auth_settings(),
            "rates": MANY_FAILURES,
        }

    @property
    def settings(self) -> Settings:
        """The settings of one API."""
        return Settings(**self._settings)

    @contextmanager
    def serve(self, **settings: Any) -> Iterator[Served]:
        with serve(**{"worker": False, **self._settings, **settings}) as served:
            yield served


@contextmanager
def access_rig(mongo_url: str, redis_url: str) -> Iterator[AccessRig]:
    """A rig whose database is dropped at the end."""
    rig = AccessRig(mongo_url, redis_url)
    yield rig
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(rig.database)


def bearer(credential: str) -> str:
    """The value of the header Authorization with this credential."""
    return f"Bearer {credential}"


def administrator(tenant: str = "default", *roles: str) -> str:
    """The header of an administrator's token."""
    return bearer(make_token("root", tenant, (ADMINISTRATOR, *roles)))


class Administrator:
    """An administrator of a tenant, who manages keys and access over HTTP."""

    def __init__(self, served: Served, tenant: str = "default") -> None:
        self._served = served
        self._header = administrator(tenant)

    def run(self, document: str, **variables: Any) -> dict[str, Any]:
        """The whole answer to an operation."""
        body = {"query": document, "variables": variables}
        answer: dict[str, Any] = self._served.post(body, authorization=self._header).json()
        return answer

    def ask(self, document: str, **variables: Any) -> Any:
        """The one field of an answer without errors."""
        answer = self.run(document, **variables)
        assert "errors" not in answer, answer
        [payload] = answer["data"].values()
        return payload

    def issue(self, **fields: Any) -> tuple[str, str]:
        """The id of a new key, and the key."""
        payload = self.ask(ISSUE, input={"name": "a service", **fields})
        return payload["receipt"]["stream"], payload["key"]
