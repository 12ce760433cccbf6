"""Prepares the operations of sockets.

The time that refused ones take is a debt of their client, as it is over HTTP.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from api.graphql.execution.execution_results import OperationRefused
from api.graphql.execution.executor import PreparedOperation
from api.graphql.execution.operation_request import OperationRequest
from api.graphql.execution.request_context import RequestContext
from api.graphql.execution.visible_apis import VisibleApi
from api.limits.occupied_time import TimedWork
from api.limits.refused_work import RefusedWork, client_of, is_large_document
from domain.kernel.errors import Unauthenticated, ValidationFailed
from domain.kernel.limit_errors import RateLimited

REFUSALS = (OperationRefused, RateLimited, Unauthenticated, ValidationFailed)
"""Errors of an operation that does not start."""


class RefusedSocketWork:
    """The refused work of the clients of sockets; nothing is counted where callers have no limits."""

    def __init__(self, work: RefusedWork | None, address: str | None) -> None:
        self._work = work
        self._address = address

    def prepare(
        self, request: OperationRequest, context: RequestContext, api: VisibleApi
    ) -> PreparedOperation | Callable[[], Awaitable[PreparedOperation]]:
        """Return the operation, or what parses it, if it has to be parsed. Both raise `REFUSALS`.

        What may take long is refused for a client with a debt.
        """
        tenant = context.scope.tenant
        if self._work is not None and is_large_document(api.executor.known_weight(request, tenant)):
            self._work.check(client_of(context.caller, self._address))
        if api.executor.needs_parsing(request, tenant):
            return partial(self._prepare_in_turn, request, context, api)
        return api.prepare(request, context.caller)

    def note_execution(self, context: RequestContext, seconds: float) -> None:
        """Note that the result of an operation was refused, `seconds` after its execution began."""
        if self._work is not None:
            self._work.note_execution(client_of(context.caller, self._address), seconds)

    async def _prepare_in_turn(
        self, request: OperationRequest, context: RequestContext, api: VisibleApi
    ) -> PreparedOperation:
        preparing = TimedWork(api.prepare_in_turn(request, context.caller))
        try:
            return await preparing
        except REFUSALS:
            if self._work is not None:
                self._work.note(client_of(context.caller, self._address), preparing.seconds)
            raise
