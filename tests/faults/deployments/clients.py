"""Clients of an API while versions come and go: one writes, one reads, one follows, and none stops."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.faults.deployments.versions import HOT, Version

AUCTIONS = 60
"""Auctions at most: one page has them all."""

PAUSE = 0.05
"""Seconds between two requests of a client, in full."""

PASSING = {"STALE_READ", "UNAVAILABLE", "OVERLOADED"}
"""Codes that say to send it again."""

OPEN = """mutation ($id: ID!, $title: String!, $command: ID!, $await: Await!) {
  openAuction(input: {id: $id, title: $title}, commandId: $command, await: $await) {
    auction { id bids } receipt { version } } }"""
BID = """mutation ($id: ID!, $amount: Int!, $command: ID!, $await: Await!) {
  placeBid(input: {id: $id, amount: $amount}, commandId: $command, await: $await) {
    auction { id bids } receipt { version } } }"""
ROWS = "{ auctions(first: 200) { nodes { id title bids highest score } } }"
HOT_ROWS = "{ auctions(first: 200, filter: {hot: {eq: true}}) { nodes { id title bids highest score hot } } }"
FOLLOW = """subscription ($after: Position) { auctions(first: 200, after: $after) {
  __typename ... on Message { position }
  ... on AuctionsSnapshot { auctions { id title bids highest score } }
  ... on AuctionChanged { kind rowId auction { id title bids highest score } } } }"""


@dataclass
class Facts:
    """What was written and acknowledged, where the API is, and what clients must not have had."""

    pause: float = PAUSE
    url: str = ""
    version: Version | None = None
    titles: dict[str, str] = field(default_factory=dict)
    bids: dict[str, list[int]] = field(default_factory=dict)
    wrongs: list[str] = field(default_factory=list)
    codes: dict[str, int] = field(default_factory=dict)
    writes: int = 0
    reads: int = 0
    messages: int = 0
    writing: asyncio.Event = field(default_factory=asyncio.Event)
    idle: asyncio.Event = field(default_factory=asyncio.Event)

    def wrong(self, text: str) -> None:
        self.wrongs.append(text)

    def count(self, errors: Sequence[Mapping[str, Any]], allowed: set[str]) -> None:
        """Count the errors of a response by their codes; each that is not allowed is wrong."""
        for error in errors:
            code = error["extensions"]["code"]
            self.codes[code] = self.codes.get(code, 0) + 1
            if code not in allowed:
                self.wrong(f"{code}: {error['message']}")

    def check(self, row: Mapping[str, Any], reader: str) -> None:
        """No row may be one that no version makes."""
        bids = self.bids.get(row["id"], [])
        known = [row["bids"] * points for points in (1, 10)]
        highest = {0, *bids} if row["bids"] else {0}
        if row["score"] not in known or (row["bids"] <= len(bids) and row["highest"] not in highest):
            self.wrong(f"the {reader} had {row}, which no version makes of {bids}")


async def write(facts: Facts, http: httpx.AsyncClient) -> None:
    """Open auctions and bid, each command until it is acknowledged, and read what was written."""
    dice = random.Random(5)
    while True:
        facts.idle.set()
        await facts.writing.wait()
        facts.idle.clear()
        if len(facts.bids) < AUCTIONS and dice.random() < 0.2:
            auction = f"auction-{len(facts.bids)}"
            facts.titles[auction], facts.bids[auction] = f"lot {len(facts.bids)}", []
            await _sent(facts, http, OPEN, auction, title=facts.titles[auction])
        elif facts.bids:
            auction, amount = dice.choice(list(facts.bids)), dice.randint(1, 2 * HOT)
            facts.bids[auction].append(amount)
            await _sent(facts, http, BID, auction, amount=amount)
        await asyncio.sleep(facts.pause)


async def _sent(facts: Facts, http: httpx.AsyncClient, mutation: str, auction: str, **values: Any) -> None:
    command, wait = f"command-{facts.writes}", "PROJECTED"
    while True:
        variables = {"id": auction, "command": command, "await": wait, **values}
        answer = await _asked(facts, http, mutation, PASSING, variables)
        (written,) = ((answer or {}).get("data") or {"": None}).values()
        if written is not None:
            break
        # It may be stored; that it can be read may take until somebody folds it.
        wait = "STORED" if answer is not None and answer.get("errors") else "PROJECTED"
    facts.writes += 1
    expected = {"id": auction, "bids": len(facts.bids[auction])}
    if wait == "PROJECTED" and written["auction"] != expected and not answer.get("errors"):
        facts.wrong(f"the writer had {written['auction']} in place of {expected}")


async def read(facts: Facts, http: httpx.AsyncClient) -> None:
    """Read all rows again and again: none may vanish, go back, or be one that no version makes."""
    seen: dict[str, int] = {}
    while True:
        answer = await _asked(facts, http, ROWS, PASSING)
        if answer is not None and answer.get("data") and answer["data"]["auctions"]:
            facts.reads += 1
            rows = {row["id"]: row for row in answer["data"]["auctions"]["nodes"]}
            for auction, bids in seen.items():
                if auction not in rows or rows[auction]["bids"] < bids:
                    facts.wrong(f"{auction} was there with {bids} bids, and is now {rows.get(auction)}")
            for row in rows.values():
                facts.check(row, "reader")
                seen[row["id"]] = max(row["bids"], seen.get(row["id"], 0))
        if facts.version is not None and facts.version.has_hot:
            await _read_hot(facts, http)
        await asyncio.sleep(facts.pause)


async def _read_hot(facts: Facts, http: httpx.AsyncClient) -> None:
    answer = await _asked(facts, http, HOT_ROWS, {*PASSING, "VIEW_REBUILDING", "VALIDATION_FAILED"})
    if answer is None or answer.get("errors"):
        return
    for row in answer["data"]["auctions"]["nodes"]:
        if not row["hot"] or row["highest"] <= HOT:
            facts.wrong(f"{row} is among those that are hot")


async def _asked(
    facts: Facts, http: httpx.AsyncClient, query: str, allowed: set[str], variables: Any = None
) -> Any:
    """The answer of the API that is there now; None where it does not answer."""
    body = {"query": query, "variables": variables or {}}
    try:
        answer = (await http.post(f"{facts.url}/graphql", json=body)).json()
    except (httpx.TransportError, ValueError):
        await asyncio.sleep(facts.pause)
        return None
    facts.count(answer.get("errors", ()), allowed)
    return answer


class Follower:
    """Follows all rows over sockets, resumes on whichever API is there, and holds what it was sent."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._position: str | None = None
        self.rows: dict[str, Mapping[str, Any]] = {}

    async def run(self) -> None:
        while True:
            with suppress(OSError, ConnectionClosed, TimeoutError):
                await self._follow()
            await asyncio.sleep(self._facts.pause)

    async def _follow(self) -> None:
        address = f"{self._facts.url.replace('http', 'ws', 1)}/graphql"
        protocols = [Subprotocol("graphql-transport-ws")]
        async with connect(address, subprotocols=protocols, compression=None, max_size=None) as socket:
            await socket.send(orjson.dumps({"type": "connection_init"}).decode())
            payload = {"query": FOLLOW, "variables": {"after": self._position}}
            await socket.send(orjson.dumps({"type": "subscribe", "id": "1", "payload": payload}).decode())
            async for text in socket:
                message = orjson.loads(text)
                match message["type"]:
                    case "next":
                        errors = message["payload"].get("errors", ())
                        self._facts.count(errors, PASSING)
                        if errors:
                            return
                        self._take(message["payload"]["data"]["auctions"])
                    case "error":
                        self._facts.count(message["payload"], PASSING)
                        return
                    case "complete":
                        return
                    case "ping":
                        await socket.send('{"type": "pong"}')

    def _take(self, message: Mapping[str, Any]) -> None:
        self._facts.messages += 1
        self._position = message["position"]
        rows: list[Mapping[str, Any]] = []
        if message["__typename"] == "AuctionsSnapshot":
            rows = message["auctions"]
            self.rows = {}
        elif message["__typename"] == "AuctionChanged":
            if message["auction"] is None or message["kind"] == "REMOVED":
                self._facts.wrong(f"the subscriber lost the row {message['rowId']}")
            else:
                rows = [message["auction"]]
        for row in rows:
            self._facts.check(row, "subscriber")
            self.rows[row["id"]] = row
