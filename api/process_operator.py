"""Retries, resumes and cancels instances of processes, one by one and by a filter."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.dispatch import CommandBus
from domain.kernel import Envelope, Receipt, Scope
from domain.kernel.access import Permission
from domain.kernel.errors import NerveError
from domain.process.commands import CancelProcess, InstanceCommand, ResumeProcess, RetryProcess
from domain.process.events import ProcessStatus
from projections.querying.pages import ListQuery
from projections.querying.queries import ViewReader
from projections.querying.row_scope import RowScope

_UNFINISHED = [status for status in ProcessStatus if not status.is_final]

OPERABLE: Mapping[type[InstanceCommand], Sequence[ProcessStatus]] = {
    RetryProcess: [ProcessStatus.STUCK],
    ResumeProcess: [ProcessStatus.STUCK],
    CancelProcess: _UNFINISHED,
}
"""The states of instances that a command is for; an instance in any other one refuses it."""


@dataclass(frozen=True, slots=True)
class InstanceOperation:
    """What a person does to instances: the class of the command, and how that for one instance is made.

    `source` is the interface that it came through, such as ``graphql``. `permission` is that of the person,
    None for an operator at the server itself.
    """

    command: type[InstanceCommand]
    make: Callable[[str], InstanceCommand]
    scope: Scope
    source: str
    permission: Permission | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """An instance that refused a command, with the code and the message of the error."""

    id: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class BulkResult:
    """The instances that a command changed, and those that refused it.

    `position` is that of the last change, 0 without one. `has_more` is True if further instances match.
    """

    changed: Sequence[str]
    refused: Sequence[Refusal]
    position: int
    has_more: bool


class ProcessOperator:
    """Sends commands to instances; `reader` is that of the view `processes`."""

    def __init__(self, bus: CommandBus, reader: ViewReader) -> None:
        self._bus = bus
        self._reader = reader

    async def operate(
        self, operation: InstanceOperation, ids: Sequence[str], *, has_more: bool = False
    ) -> BulkResult:
        """Send the command to each of these instances."""
        outcomes = await asyncio.gather(*(self._send(operation, each) for each in ids))
        receipts = [outcome for outcome in outcomes if isinstance(outcome, Receipt)]
        return BulkResult(
            changed=[receipt.stream for receipt in receipts],
            refused=[outcome for outcome in outcomes if isinstance(outcome, Refusal)],
            position=max((receipt.position for receipt in receipts), default=0),
            has_more=has_more,
        )

    async def operate_all(
        self, operation: InstanceOperation, filter: Mapping[str, Any], limit: int
    ) -> BulkResult:
        """Send the command to each matching instance, at most `limit`, the longest unchanged first.

        Instances in a state in which they would refuse the command are left out. Raises ValidationFailed,
        NotIndexed and Unavailable.
        """
        states = OPERABLE[operation.command]
        status = {"eq": states[0]} if len(states) == 1 else {"in": states}
        query = ListQuery(
            limit, {"and": [filter, {"status": status}]}, [("updated_at", "asc")], fields=frozenset({"id"})
        )
        page = await self._reader.page(RowScope(operation.scope.tenant), query)
        return await self.operate(operation, [row["id"] for row in page.rows], has_more=bool(page.has_next))

    async def _send(self, operation: InstanceOperation, id: str) -> Receipt | Refusal:
        envelope = Envelope(
            operation.make(id), operation.scope, source=operation.source, permission=operation.permission
        )
        try:
            return await self._bus.dispatch(envelope)
        except NerveError as error:
            return Refusal(id, error.code, str(error))
