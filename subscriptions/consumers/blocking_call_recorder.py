"""The recorder of calls that block a worker. It runs in a thread, because the event loop stands still."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from eventstore.mongo.driver import open_blocking_client, time_limit, unavailable_if_down
from subscriptions.consumers.blocking_calls import BlockingCall, blocking_call_update
from subscriptions.consumers.partition_leases import PartitionLease
from subscriptions.consumers.state import CONSUMERS

RECORD_TIMEOUT = 2.0
"""Seconds that recording a call may take."""


class BlockingCallRecorder:
    """Records a call with every partition that its process has the lease of, since none of them goes on.

    `leases` returns these leases. The record disappears when the process goes on, or another process takes
    the partition.
    """

    def __init__(self, url: str, database: str, leases: Callable[[], Sequence[PartitionLease]]) -> None:
        self._url = url
        self._database = database
        self._leases = leases

    def record(self, call: BlockingCall) -> None:
        """Record the call as it is now. Raises Unavailable if MongoDB does not answer in time."""
        with (
            unavailable_if_down(),
            open_blocking_client(self._url) as client,
            time_limit(RECORD_TIMEOUT),
        ):
            consumers = client[self._database][CONSUMERS]
            for lease in self._leases():
                consumers.update_one(lease.guard, blocking_call_update(lease.path, call))
