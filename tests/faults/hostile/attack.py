"""What an attack is, and what it may use."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import orjson


@dataclass(frozen=True)
class Flooder:
    """A process that floods sockets; see `tests.helpers.floods`."""

    names: asyncio.StreamWriter
    codes: asyncio.StreamReader

    async def flood(self, name: str) -> str:
        """Run the flood of this name; return the code that closed its socket."""
        self.names.write(f"{name}\n".encode())
        return (await self.codes.readline()).decode().strip()


@dataclass(frozen=True)
class Target:
    """The API under attack, with the ids of a task, a large document, and a day with many changes."""

    url: str
    http: httpx.AsyncClient
    flooder: Flooder
    task: str
    document: str
    day: str

    async def ask(self, query: str, **variables: Any) -> str:
        """Send an operation; return the codes of its errors, or `answered`."""
        return await self.send(operation(query, **variables))

    async def send(self, body: bytes) -> str:
        """Send a request with this body, and return what `ask` does.

        To make a large body takes the client longer than it takes the server to refuse it: attacks with such
        a body make it once, so that their rounds show what the server takes.
        """
        headers = {"content-type": "application/json"}
        return codes(await self.http.post("/graphql", content=body, headers=headers))


@dataclass(frozen=True)
class Attack:
    """One round of an attack is run again and again; it returns what the server made of it.

    `expected` is how a round must end.
    """

    name: str
    round: Callable[[Target], Awaitable[str]]
    expected: str

    @property
    def is_refused(self) -> bool:
        """Whether it is refused or cut off. What is answered is work like that of any client."""
        return self.expected not in ("answered", "left")


def operation(query: str, **variables: Any) -> bytes:
    """Return the body of a request that sends the operation."""
    return orjson.dumps({"query": query, "variables": variables})


def codes(response: httpx.Response) -> str:
    """Return the codes of the errors of a response, or `answered`."""
    if not response.headers.get("content-type", "").startswith("application/"):
        return f"HTTP {response.status_code}"
    body = response.json()
    errors = body.get("errors", ()) if isinstance(body, dict) else ()
    return ", ".join(sorted({error["extensions"]["code"] for error in errors})) or "answered"
