"""A process that records an erasure and is to be killed: ``python -m tests.faults.eraser MONGO DATABASE``."""

from __future__ import annotations

import asyncio
import sys

from api.ids import new_id, now
from domain.builtin import subjects
from domain.builtin.subjects.commands import EraseSubject
from domain.dispatch import CommandBus
from domain.dispatch.bus import Handler
from domain.kernel import Catalog, Envelope, Receipt
from eventstore.aggregates.repository import AggregateRepository
from eventstore.log import EventLog
from eventstore.mongo.driver import open_client
from eventstore.personal.erasure import destroy_key_on_erasure
from tests.helpers.servers import chosen_driver


async def stalled(envelope: Envelope, following: Handler) -> Receipt:
    """Says that the erasure is on record, and never comes to what follows."""
    await following(envelope)
    print("recorded", flush=True)
    await asyncio.Event().wait()
    raise AssertionError("it is killed before")


async def main(mongo_url: str, database: str) -> None:
    """Erase person-1 as an API process does, but for the last step."""
    async with open_client(mongo_url, chosen_driver()) as client:
        catalog = Catalog([subjects.context])
        log = EventLog(client[database], catalog, clock=now, announce=lambda position: None, fence_after=1.0)
        middleware = [destroy_key_on_erasure(log.keys), stalled]
        bus = CommandBus(catalog, log, AggregateRepository(log), now, new_id, middleware)
        await bus.dispatch(Envelope(EraseSubject(subject="person-1")))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
