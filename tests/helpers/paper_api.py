"""Papers and folders served to callers of whom each may read others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from pymongo import MongoClient

from api.access.callers import Caller
from domain.kernel import Scope
from domain.kernel.access import ADMINISTRATOR, ClaimValue
from tests.helpers.served_api import Client, Served, serve
from tests.helpers.token_access import Tokens

REPEATS = 3
"""Times that each query is sent. The last result is from the cache of results, if it can be cached."""

CONTEXTS = [f"tests.helpers.papers.{module}" for module in ("papers", "folders", "paper_counts")]


@dataclass(frozen=True)
class Reader:
    """One caller of a served API."""

    served: Served
    authorization: str

    def run(self, query: str, **variables: Any) -> dict[str, Any]:
        """Return the whole response to an operation."""
        body = {"query": query, "variables": variables}
        response: dict[str, Any] = self.served.post(body, authorization=self.authorization).json()
        return response

    def ask(self, query: str, **variables: Any) -> Any:
        """Return the data of an operation that has no errors and one root field.

        A query is sent several times, so that the rules of access also hold for cached results.
        """
        times = 1 if query.startswith("mutation") else REPEATS
        response, *others = (self.run(query, **variables) for _ in range(times))
        assert "errors" not in response, response
        assert all(other == response for other in others)
        [data] = response["data"].values()
        return data

    @asynccontextmanager
    async def socket(self) -> AsyncIterator[Client]:
        async with self.served.client(authorization=self.authorization) as client:
            yield client


class PaperApi:
    """An API with the papers of one tenant; `root` is an administrator, who writes them."""

    def __init__(self, served: Served, tokens: Tokens) -> None:
        self._served = served
        self._tokens = tokens
        self._tenant = uuid4().hex
        self.root = self.reader("root", ADMINISTRATOR)

    def reader(self, subject: str, *roles: str, **claims: ClaimValue) -> Reader:
        """Return a caller with this subject."""
        caller = Caller(Scope(self._tenant, subject), subject, frozenset(roles), claims=claims)
        return Reader(self._served, self._tokens.grant(uuid4().hex, caller))

    def do(self, mutation: str, **fields: Any) -> dict[str, Any]:
        """Return the receipt of a command of the administrator, once the views have its events."""
        kind = f"{mutation[0].upper()}{mutation[1:]}Input"
        call = f"{mutation}(input: $input, await: PROJECTED) {{ receipt {{ stream position }} }}"
        result = self.root.ask(f"mutation ($input: {kind}!) {{ {call} }}", input=fields)
        receipt: dict[str, Any] = result["receipt"]
        return receipt

    def paper(self, owner: str, title: str = "Plan", **fields: Any) -> str:
        """Return the id of a new paper."""
        return str(self.do("writePaper", owner=owner, title=title, **fields)["stream"])

    def folder(self, owner: str) -> str:
        """Return the id of a new folder."""
        return str(self.do("openFolder", owner=owner, title=f"Folder of {owner}")["stream"])

    def position(self) -> str:
        """Return the position of the last event."""
        return str(self.do("openFolder", owner="nobody", title="Mark")["position"])


@contextmanager
def serve_papers(mongo_url: str, redis_url: str) -> Iterator[tuple[Served, Tokens]]:
    """Serve papers with a database of its own, to callers with tokens."""
    tokens, database = Tokens(), f"test_{uuid4().hex}"
    own: dict[str, Any] = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    with serve(tokens, contexts=CONTEXTS, **own) as served:
        yield served, tokens
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(database)
