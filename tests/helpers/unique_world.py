"""Claims in memory, and a log whose appends can arrive late, for tests that play any schedule."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

from domain.dispatch.ports import Claim, NewCommit
from domain.kernel.errors import Unavailable
from domain.kernel.unique_errors import ClaimWithdrawn
from tests.helpers.tallies import MemoryLog

PATIENCE = 8
"""Turns of the event loop before a claim is withdrawn."""


@dataclass
class LateLog(MemoryLog):
    """A log in which an append can be stored long after its caller gave up; it refuses withdrawn claims."""

    late: list[NewCommit] = field(default_factory=list)
    withdrawn: set[str] = field(default_factory=set)

    def land(self) -> None:
        commit = self.under_way[0].commit
        if commit.claim in self.withdrawn and not self._is_stored(commit.command_id):
            self.fail(ClaimWithdrawn(commit.stream, commit.expected, commit.expected))
        else:
            super().land()

    def delay(self) -> None:
        """The caller of the first append gives up, as if its process died; the append may still arrive."""
        self.late.append(self.under_way[0].commit)
        self.fail(Unavailable("no answer"))

    def arrive(self) -> None:
        """The first late append arrives, and is stored if the guards let it in."""
        commit = self.late.pop(0)
        is_free = commit.claim not in self.withdrawn and not self._is_stored(commit.command_id)
        if is_free and commit.expected == self.version(commit.stream):
            self.stored.append(commit)

    def is_settled(self, token: str) -> bool:
        return token in self.withdrawn or any(commit.claim == token for commit in self.stored)

    def _is_stored(self, command_id: str) -> bool:
        return any(commit.command_id == command_id for commit in self.stored)


@dataclass
class MemoryClaims:
    """A `ClaimStore` in memory, each of whose calls takes a turn of the event loop, before or after it."""

    log: LateLog
    claims: dict[tuple[str, ...], Claim] = field(default_factory=dict)

    async def take(self, wanted: Claim) -> Claim:
        await asyncio.sleep(0)
        stored = self.claims.setdefault(wanted.key, wanted)
        if stored.stream == wanted.stream:
            new = tuple(token for token in wanted.tokens if token not in stored.tokens)
            stored = self.claims[wanted.key] = replace(stored, tokens=stored.tokens + new)
        await asyncio.sleep(0)
        return stored

    async def find(self, key: tuple[str, ...]) -> Claim | None:
        await asyncio.sleep(0)
        return self.claims.get(key)

    async def replace(self, claim: Claim, wanted: Claim) -> bool:
        await asyncio.sleep(0)
        if self.claims.get(claim.key) != claim:
            return False
        self.claims[claim.key] = wanted
        await asyncio.sleep(0)
        return True

    async def give_back(self, claim: Claim) -> None:
        await asyncio.sleep(0)
        stored = self.claims.get(claim.key)
        if stored == claim:
            del self.claims[claim.key]
        elif stored is not None and stored.stream == claim.stream:
            left = tuple(token for token in stored.tokens if token not in claim.tokens)
            self.claims[claim.key] = replace(stored, tokens=left)

    async def remove(self, claim: Claim) -> bool:
        await asyncio.sleep(0)
        if self.claims.get(claim.key) != claim:
            return False
        del self.claims[claim.key]
        return True

    async def is_settled(self, claim: Claim) -> bool:
        await asyncio.sleep(0)
        settled = all(map(self.log.is_settled, claim.tokens))
        await asyncio.sleep(0)
        return settled

    async def settle(self, claim: Claim) -> None:
        for _ in range(PATIENCE):
            await asyncio.sleep(0)
            if self.claims.get(claim.key) != claim or all(map(self.log.is_settled, claim.tokens)):
                return
        self.log.withdrawn.update(token for token in claim.tokens if not self.log.is_settled(token))
