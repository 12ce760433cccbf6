"""A bus over the real log, in a catalog with unique values, as one process has it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from api.ids import new_id, now
from domain.dispatch import CommandBus
from domain.dispatch.unique_values import UniqueValues
from domain.kernel import Catalog, Command, Envelope, Receipt, Scope
from eventstore.aggregates.claim_upkeep import ClaimUpkeep
from eventstore.aggregates.claims import Claims
from eventstore.aggregates.repository import AggregateRepository
from tests.helpers import players
from tests.helpers.commits import Store, open_store

KEY = b"k" * 32


@dataclass(frozen=True)
class UniqueBus:
    """A bus, its log, and the claims on unique values."""

    store: Store
    bus: CommandBus
    claims: Claims
    upkeep: ClaimUpkeep

    async def send(self, command: Command, command_id: str | None = None, tenant: str = "default") -> Receipt:
        return await self.bus.dispatch(Envelope(command, Scope(tenant), command_id=command_id))

    async def claim_count(self) -> int:
        return await self.store.database["claims"].count_documents({})

    async def owners(self) -> dict[str, str]:
        """Return the nickname of each player in the log; fail if two ever had the same one."""
        log = self.store.log
        while await log.high_water_mark() < await log.head():
            await asyncio.sleep(0.02)
        commits = await self.store.everything()
        return dict(players.owners((e.stream, e.payload) for one in commits for e in one.events if e.payload))


def unique_bus(store: Store, catalog: Catalog = players.CATALOG, patience: float = 5.0) -> UniqueBus:
    """Return a bus over the log, with a cache of its own."""
    aggregates = AggregateRepository(store.log)
    claims = Claims(store.database, store.log, now, new_id, patience=patience)
    unique = UniqueValues(catalog, aggregates, claims, new_id, KEY)
    bus = CommandBus(catalog, store.log, aggregates, now, new_id, unique=unique, digest_key=KEY)
    return UniqueBus(store, bus, claims, ClaimUpkeep(store.database, claims, unique))


@asynccontextmanager
async def open_unique_bus(mongo_url: str, database: str, patience: float = 5.0) -> AsyncIterator[UniqueBus]:
    """Open a log and a bus over it, as another process would have them."""
    async with open_store(mongo_url, database, catalog=players.CATALOG, fence_after=1.0) as store:
        yield unique_bus(store, patience=patience)
