"""The state of a deployment as MongoDB has it: the end of the log, its seal and archive, and the workers."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from api.runtime import Runtime
from eventstore.archiving.segments import Segment
from eventstore.integrity.block_sealer import last_block
from eventstore.mongo.driver import unavailable_if_down
from eventstore.mongo.log_collections import LogCollections
from subscriptions.consumers.state import ConsumerState


class LogMark(NamedTuple):
    """A position of the log, and a time that belongs to it; None if that is unknown."""

    position: int
    at: datetime | None


@dataclass(frozen=True, slots=True)
class DeploymentState:
    """The end of the log, and what follows it.

    `seal` has the record time of its last commit, None if that is archived, and `archive` the time at which
    the last segment was written. `leases` are the partitions of consumers that each worker has, by its name.
    """

    head: int
    seal: LogMark | None
    archive: LogMark | None
    leases: Mapping[str, int]


async def read_deployment_state(runtime: Runtime) -> DeploymentState:
    """Return the present state. Raises Unavailable."""
    collections = LogCollections.of(runtime.database)
    head, states, seal, archive = await asyncio.gather(
        runtime.log.head(),
        runtime.checkpoints.states(),
        _last_seal(collections),
        _last_archive(collections),
    )
    return DeploymentState(head, seal, archive, _leases(states.values()))


async def _last_seal(collections: LogCollections) -> LogMark | None:
    with unavailable_if_down():
        block = await last_block(collections.blocks)
        if block is None:
            return None
        commit = await collections.log.find_one({"_id": block.last}, {"at": 1})
    return LogMark(block.last, None if commit is None else commit["at"])


async def _last_archive(collections: LogCollections) -> LogMark | None:
    with unavailable_if_down():
        stored = await collections.segments.find_one({}, sort=[("_id", -1)])
    if stored is None:
        return None
    segment = Segment.from_document(stored)
    return LogMark(segment.last, segment.at)


def _leases(states: Iterable[ConsumerState]) -> Mapping[str, int]:
    """Return the number of leases of each worker.

    The groups of consumers of one worker are owners of their own: their names are that of the worker, machine
    and process, and a part that differs. A switch of generations, which owns a lease for a moment, has none.
    """
    workers = (
        (partition.owner or "").rpartition(":")[0]
        for state in states
        for generation in state.generations.values()
        for partition in generation.partitions
    )
    leases = Counter(worker for worker in workers if ":" in worker)
    return dict(sorted(leases.items()))
