"""The command bus: one command in, one receipt or one typed error out.

A pipeline of middleware surrounds the handler, which lets the aggregate decide and appends the events. Within
a process the commands of one stream are decided one by one, each in the state that the pending appends lead
to; between processes the version guard decides.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from domain.dispatch.conditions import ConditionHandlers
from domain.dispatch.deciding import REFUSALS, Decider
from domain.dispatch.limits import DEFAULT_LIMITS, DispatchLimits
from domain.dispatch.ports import AggregateStore, Clock, CommandLog, IdSource, StoredCommand
from domain.dispatch.queued_command import QueuedCommand
from domain.dispatch.queues import StreamQueues
from domain.dispatch.stream_checks import forbidden
from domain.dispatch.unique_values import UniqueValues
from domain.kernel.catalog import Catalog
from domain.kernel.command import Envelope, Receipt
from domain.kernel.errors import DeclarationError

Handler = Callable[[Envelope], Awaitable[Receipt]]


class Middleware(Protocol):
    """A wrapper around every dispatch, which calls `next_handler` and may change envelope and outcome."""

    async def __call__(self, envelope: Envelope, next_handler: Handler, /) -> Receipt: ...


class CommandBus:
    """Dispatches commands to their aggregates."""

    def __init__(
        self,
        catalog: Catalog,
        log: CommandLog,
        aggregates: AggregateStore,
        clock: Clock,
        ids: IdSource,
        middleware: Sequence[Middleware] = (),
        *,
        conditions: ConditionHandlers | None = None,
        unique: UniqueValues | None = None,
        digest_key: bytes = b"",
        limits: DispatchLimits = DEFAULT_LIMITS,
    ) -> None:
        """Check that `conditions` has a handler for each condition that a command of the catalog declares.

        `digest_key` is the key of the digests by which a command is recognized that is sent again. `unique`
        is needed if a context has unique values. Raises DeclarationError if it or a handler is missing.
        """
        if unique is None and any(context.unique for context in catalog.contexts):
            raise DeclarationError(
                "a context has unique values; give the bus a UniqueValues that claims them"
            )
        self._log = log
        self._aggregates = aggregates
        self._decider = Decider(catalog, aggregates, clock, ids, digest_key, limits, unique)
        self._queues = StreamQueues(limits.waiting)
        self._conditions = conditions or ConditionHandlers()
        self._conditions.check_complete(catalog)
        self._pipeline: Handler = self._handle
        for layer in reversed(middleware):
            self._pipeline = _wrap(layer, self._pipeline)

    async def dispatch(self, envelope: Envelope) -> Receipt:
        """Decide and store the command, and return its receipt.

        Raises ValidationFailed, Forbidden, NotFound, InvariantViolated, ConcurrencyConflict, CommandIdReused,
        CommandIdTaken, ContextFault, Overloaded or Unavailable; after each but the last, nothing was stored.
        Cancelling does not stop an append that has begun: its outcome can be looked up by the command id.
        """
        return await self._pipeline(envelope)

    def check_same(self, envelope: Envelope, first: StoredCommand) -> None:
        """Raise CommandIdReused or CommandIdTaken unless the envelope has the command stored under its id."""
        self._decider.check_same(envelope, first)

    async def _handle(self, envelope: Envelope) -> Receipt:
        command, tenant = envelope.command, envelope.scope.tenant
        if envelope.permission is not None and envelope.permission.is_denied:
            raise forbidden(command)
        if command.precondition is not None and not await self._was_stored(envelope):
            await self._conditions.handle(command.precondition, tenant, command)
        receipt = await self._run(envelope)
        if command.postcondition is not None:
            await self._conditions.handle(command.postcondition, tenant, command)
        return receipt

    async def _was_stored(self, envelope: Envelope) -> bool:
        command_id = envelope.command_id
        if command_id is None:
            return False
        return await self._log.stored_command(envelope.scope.tenant, command_id) is not None

    async def _run(self, envelope: Envelope) -> Receipt:
        target = self._decider.target(envelope)
        with self._queues.entered((target.tenant, target.stream)) as queue:
            queued = QueuedCommand(self._decider, self._log, self._aggregates, envelope, target, queue)
            try:
                return await queued.run()
            except REFUSALS:
                # A command that was sent twice may be refused in the state that its first run led to.
                first = await queued.first_receipt()
                if first is None:
                    raise
                return first


def _wrap(layer: Middleware, next_handler: Handler) -> Handler:
    # No coroutine of its own: each command would pass one more for each layer.
    return lambda envelope: layer(envelope, next_handler)
