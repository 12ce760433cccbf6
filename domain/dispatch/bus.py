"""The command bus: one command in, one receipt or one typed error out.

Around the handler runs a pipeline of middleware; the handler lets the aggregate decide, and appends. Commands
on one stream are decided in a row inside a process, each on the state that the appends before it will leave;
across processes the version guard decides.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from domain.dispatch.deciding import REFUSALS, Decider
from domain.dispatch.dispatching import Dispatch
from domain.dispatch.ports import AggregateStore, Clock, CommandLog, IdSource, StoredCommand
from domain.dispatch.queues import StreamQueues
from domain.kernel.catalog import Catalog
from domain.kernel.command import Envelope, Receipt

Handler = Callable[[Envelope], Awaitable[Receipt]]


class Middleware(Protocol):
    """Wraps every dispatch: looks at the envelope, calls the next one, looks at the outcome."""

    async def __call__(self, envelope: Envelope, following: Handler) -> Receipt: ...


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
        digest_key: bytes = b"",
    ) -> None:
        """`digest_key` keys the digests of commands, by which the same command is recognized."""
        self._log = log
        self._aggregates = aggregates
        self._decider = Decider(catalog, aggregates, clock, ids, digest_key)
        self._queues = StreamQueues()
        self._pipeline: Handler = self._handle
        for layer in reversed(middleware):
            self._pipeline = _wrap(layer, self._pipeline)

    async def dispatch(self, envelope: Envelope) -> Receipt:
        """Decide and store the command.

        Raises ValidationFailed, NotFound, InvariantViolated, ConcurrencyConflict, CommandIdReused,
        ContextFault, Overloaded or Unavailable; after each but the last nothing was stored. A caller that
        stops waiting does not stop an append that has begun: only its command id shows what became of it.
        """
        return await self._pipeline(envelope)

    def check_same(self, envelope: Envelope, first: StoredCommand) -> None:
        """Raise CommandIdReused unless the envelope sends the command again that is stored under its id."""
        self._decider.check_same(envelope, first)

    async def _handle(self, envelope: Envelope) -> Receipt:
        target = self._decider.target(envelope)
        with self._queues.joined((target.tenant, target.stream)) as queue:
            dispatch = Dispatch(self._decider, self._log, self._aggregates, envelope, target, queue)
            try:
                return await dispatch.run()
            except REFUSALS:
                # A command that was sent twice meets the state that its first run led to.
                first = await dispatch.first_receipt()
                if first is None:
                    raise
                return first


def _wrap(layer: Middleware, following: Handler) -> Handler:
    async def call(envelope: Envelope) -> Receipt:
        return await layer(envelope, following)

    return call
