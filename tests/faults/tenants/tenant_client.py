"""A client of one tenant that looks for the other tenant's mark in every byte that it receives."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

import httpx
import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.faults.tenants.operations import COMMAND, FOREIGN, READS, SUBSCRIPTIONS, writes

TIMEOUT = 120.0
QUIET = 0.5
"""Seconds without a message after which a socket is taken to have delivered all."""

VIEWS = {"agent": "agents", "task": "tasks", "document": "documents", "teamtask": "teamTasks"}
"""The views with a row for each stream of a category."""

_VARIABLE = re.compile(r"\$(\w+):")
_REFUSALS = ("VALIDATION_FAILED", "NOT_FOUND")


class TenantClient:
    """The client of one tenant, which has `size` streams of each kind: fewer than the other, or more.

    `counts` are the results by where they came from, `own` those that had the tenant's own mark: without
    these, a trial that finds no leak would show nothing.
    """

    def __init__(self, name: str, size: int, url: str, shown: str) -> None:
        self.name = name
        self.size = size
        self.mark = f"mark-of-{name}-{uuid4().hex[:8]}"
        self.foreign_mark = ""
        self.counts: Counter[str] = Counter()
        self.own = 0
        self.wrongs: list[str] = []
        self.seen: dict[str, str] = {}
        self._url, self._headers = url, {"authorization": shown, "content-type": "application/json"}
        self._http = httpx.AsyncClient(base_url=url, headers=self._headers, timeout=TIMEOUT)

    @property
    def results(self) -> int:
        """The number of all results."""
        return self.counts.total()

    async def close(self) -> None:
        await self._http.aclose()

    async def write(self, number: int) -> None:
        """Send the mutation of this number, with a trace id that the other tenant sends too."""
        query, variables = writes(self.mark, self.size, number)
        answer = await self._send("mutations", query, variables, traceparent=_traceparent(number))
        for value in (answer.get("data") or {}).values():
            if value is not None:
                receipt = value["receipt"]
                self.seen |= {"position": receipt["position"], "correlation": receipt["correlationId"]}

    async def read(self, number: int) -> None:
        """Send one of the queries, and remember what the other tenant will try to use."""
        values = {kind: f"{kind}-{number % self.size}" for kind in ("task", "agent", "document")}
        values |= {name: self.seen.get(name, "AAAA") for name in ("position", "correlation")}
        answer = await self._send("queries", READS[number % len(READS)], values)
        for view, page in (answer.get("data") or {}).items():
            if isinstance(page, dict) and page.get("edges"):
                self.seen["cursor"] = page["edges"][0]["cursor"]
            if view == "events" and page["nodes"] and "id" in page["nodes"][0]:
                self.seen["event"] = page["nodes"][0]["id"]
            if view in ("agents", "documents") and page["totalCount"] > self.size:
                self.wrongs.append(f"{self.name} counts {page['totalCount']} {view}, and has {self.size}")

    async def try_foreign(self, number: int, other: TenantClient) -> None:
        """Send a query with a position, an event or a cursor of the other tenant."""
        query = FOREIGN[number % len(FOREIGN)]
        if not {"position", "event", "cursor"} <= other.seen.keys():
            return
        values = {**other.seen, "task": f"task-{number % self.size}"}
        answer = await self._send("foreign", query, values)
        codes = [error["extensions"]["code"] for error in answer.get("errors", ())]
        is_refused = bool(codes) and all(code in _REFUSALS for code in codes)
        if "$cursor" not in query and not is_refused and answer["data"] != {"node": None}:
            self.wrongs.append(f"{self.name} is answered for a value of {other.name}: {query}: {answer}")

    async def listen(self, ready: asyncio.Event, ended: asyncio.Event) -> None:
        """Receive live messages until `ended` is set and no more come."""
        address = f"{self._url.replace('http', 'ws', 1)}/graphql"
        async with connect(address, subprotocols=[Subprotocol("graphql-transport-ws")]) as socket:
            payload = {"authorization": self._headers["authorization"]}
            await socket.send(orjson.dumps({"type": "connection_init", "payload": payload}).decode())
            self.check("sockets", await _receive(socket))
            for name, query in SUBSCRIPTIONS.items():
                await _subscribe(socket, name, {"query": query})
            for number in range(0, 200, 7):
                variables = {"id": f"command-{number}"}
                await _subscribe(socket, f"command {number}", {"query": COMMAND, "variables": variables})
            ready.set()
            while True:
                try:
                    async with asyncio.timeout(QUIET):
                        frame = await _receive(socket)
                except TimeoutError:
                    if ended.is_set():
                        return
                else:
                    self.check("sockets", frame)

    async def totals(self) -> dict[str, int]:
        """Return how many rows of the main views the tenant has."""
        query = "{ " + " ".join(f"{view} {{ totalCount }}" for view in VIEWS.values()) + " }"
        answer = await self._send("queries", query, {})
        return {view: page["totalCount"] for view, page in answer["data"].items()}

    def check(self, source: str, content: bytes) -> None:
        """Count a result, and note where it has the other tenant's mark."""
        self.counts[source] += 1
        self.own += self.mark.encode() in content
        if self.foreign_mark.encode() in content:
            self.wrongs.append(f"{source} of {self.name} have the other's mark: {content[:300]!r}")

    async def _send(
        self, source: str, query: str, values: Mapping[str, Any], **headers: str
    ) -> dict[str, Any]:
        declared = set(_VARIABLE.findall(query.partition("{")[0]))
        variables = {name: value for name, value in values.items() if name in declared}
        body = orjson.dumps({"query": query, "variables": variables})
        response = await self._http.post("/graphql", content=body, headers=headers)
        heads = b"\n".join(part for header in response.headers.raw for part in header)
        self.check(source, heads + response.content)
        answer: dict[str, Any] = response.json()
        masked = [error for error in answer.get("errors", ()) if error["extensions"]["code"] == "INTERNAL"]
        if masked:
            self.wrongs.append(f"{self.name}: {query}: {masked}")
        return answer


def pair(clients: Sequence[TenantClient]) -> None:
    """Give each of the two clients the mark of the other."""
    one, other = clients
    one.foreign_mark, other.foreign_mark = other.mark, one.mark


def _traceparent(number: int) -> str:
    return f"00-{number + 1:032x}-{number + 1:016x}-01"


async def _subscribe(socket: ClientConnection, id: str, payload: Mapping[str, Any]) -> None:
    message = {"type": "subscribe", "id": id, "payload": payload}
    await socket.send(orjson.dumps(message).decode())


async def _receive(socket: ClientConnection) -> bytes:
    frame = await socket.recv()
    return frame.encode() if isinstance(frame, str) else frame
