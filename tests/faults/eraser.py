"""A process that records an erasure and is to be killed: ``python -m tests.faults.eraser MONGO DATABASE``."""

from __future__ import annotations

import asyncio
import sys

from api.ids import new_id, now
from domain.builtin import subjects
from domain.builtin.subjects.commands import KEY_IS_DESTROYED, SUBJECT_HAS_KEY, EraseSubject
from domain.dispatch import CommandBus, ConditionHandlers
from domain.kernel import Catalog, Envelope
from eventstore.aggregates.repository import AggregateRepository
from eventstore.log import EventLog
from eventstore.mongo.driver import open_client
from eventstore.personal.erasure import Erasure
from tests.helpers.drivers import chosen_driver


async def stall(tenant: str, command: EraseSubject) -> None:
    """Print that the erasure is recorded, and wait for the kill with the key in place."""
    print("recorded", flush=True)
    await asyncio.Event().wait()


async def main(mongo_url: str, database: str) -> None:
    """Erase person-1 as an API process does, but for the last step."""
    async with open_client(mongo_url, chosen_driver()) as client:
        catalog = Catalog([subjects.context])
        log = EventLog(client[database], catalog, clock=now, announce=lambda position: None, fence_after=1.0)
        conditions = (
            ConditionHandlers()
            .add(SUBJECT_HAS_KEY, Erasure(log.keys).require_key)
            .add(KEY_IS_DESTROYED, stall)
        )
        bus = CommandBus(catalog, log, AggregateRepository(log), now, new_id, conditions=conditions)
        await bus.dispatch(Envelope(EraseSubject(subject="person-1")))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
