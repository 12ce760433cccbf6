"""The claims on unique values, in a collection beside the log.

    {_id: "<tenant>/<category>/<field>/<digest>", tenant, stream, tokens: [token of a commit, …]}

The log decides what a claim is worth. Its index of tokens lets one document of a token in: the commit that
leads to the value, or the record that the claim is withdrawn, after which the commit cannot be stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from domain.dispatch.ports import Claim, Clock, IdSource, NewCommit
from domain.kernel.unique_errors import ClaimWithdrawn
from eventstore.log import EventLog
from eventstore.mongo.driver import Database, Document, unavailable_if_down

REBUILT = "rebuilt"
"""The token of a claim that was made from the stored events."""

PATIENCE = 2.0
"""Seconds that a command waits for another one's append before it withdraws the claim of that."""

FIRST_PAUSE, LONGEST_PAUSE = 0.002, 0.1
"""Seconds between two looks at a claim that is not settled."""


class Claims:
    """Stores the claims of one database; see `domain.dispatch.ports.ClaimStore`."""

    def __init__(
        self, database: Database, log: EventLog, clock: Clock, ids: IdSource, *, patience: float = PATIENCE
    ) -> None:
        self._claims = database["claims"]
        self._commits = database["log"]
        self._log = log
        self._clock = clock
        self._ids = ids
        self._patience = patience

    async def take(self, wanted: Claim) -> Claim:
        """Store the claim in one round trip, also where the stream or another one has a claim already."""
        with unavailable_if_down():
            stored = await self._claims.find_one_and_update(
                {"_id": _id(wanted.key)}, _taking(wanted), upsert=True, return_document=True
            )
        assert stored is not None
        return _to_claim(stored)

    async def find(self, key: tuple[str, ...]) -> Claim | None:
        with unavailable_if_down():
            stored = await self._claims.find_one({"_id": _id(key)})
        return None if stored is None else _to_claim(stored)

    async def replace(self, claim: Claim, wanted: Claim) -> bool:
        change = {"$set": {"stream": wanted.stream, "tokens": list(wanted.tokens)}}
        with unavailable_if_down():
            return bool((await self._claims.update_one(_exactly(claim), change)).matched_count)

    async def give_back(self, claim: Claim) -> None:
        with unavailable_if_down():
            if not (await self._claims.delete_one(_exactly(claim))).deleted_count:
                own = {"_id": _id(claim.key), "stream": claim.stream}
                await self._claims.update_one(own, {"$pull": {"tokens": {"$in": list(claim.tokens)}}})

    async def remove(self, claim: Claim) -> bool:
        with unavailable_if_down():
            return bool((await self._claims.delete_one(_exactly(claim))).deleted_count)

    async def is_settled(self, claim: Claim) -> bool:
        return not await self._open_tokens(claim)

    async def settle(self, claim: Claim) -> None:
        deadline, pause = asyncio.get_running_loop().time() + self._patience, FIRST_PAUSE
        while asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
            if await self.find(claim.key) != claim or await self.is_settled(claim):
                return
        for token in await self._open_tokens(claim):
            await self._withdraw(claim, token)

    async def of_stream(self, tenant: str, stream: str) -> list[Claim]:
        """Return the claims of the stream."""
        with unavailable_if_down():
            claims = await self._claims.find({"tenant": tenant, "stream": stream}).to_list(None)
        return [_to_claim(stored) for stored in claims]

    async def all(self) -> AsyncIterator[Claim]:
        """Yield all claims."""
        with unavailable_if_down():
            async for stored in self._claims.find():
                yield _to_claim(stored)

    async def open(self) -> None:
        """Create the index if it is missing."""
        with unavailable_if_down():
            await self._claims.create_index([("tenant", 1), ("stream", 1)], name="by_stream")

    async def _open_tokens(self, claim: Claim) -> set[str]:
        """Return the tokens that have no outcome in the log."""
        tokens = set(claim.tokens) - {REBUILT}
        if not tokens:
            return tokens
        wanted = {"tenant": claim.tenant, "claim": {"$in": list(tokens)}}
        with unavailable_if_down():
            settled = await self._commits.find(wanted, {"claim": 1}).to_list(None)
        return tokens - {document["claim"] for document in settled}

    async def _withdraw(self, claim: Claim, token: str) -> None:
        """Record that the claim of a token is withdrawn, unless its commit is stored first."""
        command = f"withdraw-{token}"
        record = NewCommit(
            tenant=claim.tenant,
            stream=claim.stream,
            category=claim.category,
            expected=0,
            events=(),
            command_id=command,
            command="WithdrawClaim",
            correlation=command,
            causation=None,
            actor=None,
            source=None,
            at=self._clock(),
            occurred=None,
            run=self._ids("run"),
            claim=token,
        )
        try:
            await self._log.append(record)
        except ClaimWithdrawn:
            return  # The commit has been stored.


def _id(key: Sequence[str]) -> str:
    return "/".join(key)


def _exactly(claim: Claim) -> Document:
    return {"_id": _id(claim.key), "stream": claim.stream, "tokens": list(claim.tokens)}


def _taking(wanted: Claim) -> list[dict[str, Any]]:
    """Return the update that stores a claim, adds its tokens to its stream's own, or changes nothing."""
    tokens: dict[str, Any] = {"$ifNull": ["$tokens", []]}
    added = {"$concatArrays": [tokens, {"$setDifference": [{"$literal": list(wanted.tokens)}, tokens]}]}
    stream = {"$ifNull": ["$stream", {"$literal": wanted.stream}]}
    is_own = {"$eq": [stream, {"$literal": wanted.stream}]}
    return [
        {
            "$set": {
                "tenant": {"$literal": wanted.tenant},
                "stream": stream,
                "tokens": {"$cond": [is_own, added, "$tokens"]},
            }
        }
    ]


def _to_claim(stored: Document) -> Claim:
    tenant, category, field, digest = stored["_id"].split("/")
    return Claim(tenant, category, field, digest, stored["stream"], tuple(stored["tokens"]))
