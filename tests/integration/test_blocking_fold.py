"""A fold that does not return is shown as what it is, and not as a missing worker."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pymongo

from api.watchdog import CallWatchdog
from domain.kernel.obstacles import Obstacle
from eventstore.mongo.driver import CODEC
from projections.querying.locator import consumer_name, obstacle
from projections.rebuilding.status import to_status
from subscriptions.consumers.blocking_call_recorder import BlockingCallRecorder
from subscriptions.consumers.blocking_calls import BlockingCall
from subscriptions.consumers.state import CONSUMERS, PROJECTION, ConsumerState
from tests.helpers.note_rig import open_rig
from tests.helpers.notes import view

DEADLINE = 120


async def test_a_fold_that_does_not_return_is_shown_in_the_status_until_it_does(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """The state is read by another thread, as by another process: the event loop stands still."""
    is_seen = threading.Event()
    states: list[ConsumerState] = []

    def apply(id: str, row: Any, event: Any) -> Any:
        assert is_seen.wait(DEADLINE)
        return view.apply(id, row, event)

    blocking = replace(view, apply=apply)
    async with open_rig(mongo_url, redis_url, database, view=blocking) as rig:
        worker = rig.worker()
        recorder = BlockingCallRecorder(mongo_url, database, lambda: worker.leases)

        def record(call: BlockingCall) -> None:
            recorder.record(call)
            with pymongo.MongoClient[dict[str, Any]](mongo_url) as client:
                consumers = client[database].get_collection(CONSUMERS, codec_options=CODEC)
                stored = consumers.find_one({"_id": consumer_name(view)}, PROJECTION)
            states.append(ConsumerState.from_document(consumer_name(view), stored))
            is_seen.set()

        with CallWatchdog(record, look_every=0.02, slow_after=0.05, blocked_after=0.1):
            await worker.start()
            await rig.write(["a"])
            await rig.projected(DEADLINE)
            await worker.stop()
        (after,) = await rig.rebuilds.status()
    assert obstacle(states[0]) is Obstacle.BLOCKED
    (generation,) = to_status(view.name, states[0], 1).generations
    assert generation.waiting_for is not None
    assert "apply of the view 'notes' has run for" in generation.waiting_for
    assert "for the event 'note.written' at position 1 (tests/integration/test_blocking_fold.py:" in (
        generation.waiting_for
    )
    assert "end of a call" not in str(after.generations[0].waiting_for)
