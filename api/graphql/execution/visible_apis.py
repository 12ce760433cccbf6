"""The API as it exists for each caller: one executor for each visibility, built when it is first needed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from api.access.callers import Caller
from api.access.credentials import CREDENTIALS_NEEDED
from api.access.visibility import Visibilities, Visibility
from api.graphql.execution.audited_reads import AuditedReads
from api.graphql.execution.execution_results import OperationRefused
from api.graphql.execution.executor import Executor, PreparedOperation
from api.graphql.execution.operation_request import OperationRequest
from api.graphql.execution.parsing_turns import ParsingTurns
from api.graphql.execution.subscription_opener import SubscriptionOpener
from domain.kernel.errors import Unauthenticated
from eventstore.lru import LruCache

MAX_APIS = 32
"""Visibilities whose APIs are cached beside the full one. Open connections keep theirs in addition."""


@dataclass(frozen=True, slots=True)
class VisibleApi:
    """The operations and subscriptions that exist with one visibility; `reads` records some of them.

    `turns` are those of all APIs of a process.
    """

    executor: Executor
    subscriptions: SubscriptionOpener
    turns: ParsingTurns
    reads: AuditedReads | None = None

    @classmethod
    def of(cls, executor: Executor, turns: ParsingTurns, reads: AuditedReads | None = None) -> VisibleApi:
        """Return the API that this executor runs."""
        return cls(executor, SubscriptionOpener(executor), turns, reads)

    async def prepare_in_turn(self, request: OperationRequest, caller: Caller) -> PreparedOperation:
        """Return what `prepare` does. A text that has to be parsed waits for its turn."""
        try:
            prepared = self.executor.prepare_known(request, caller.scope.tenant)
        except OperationRefused:
            return self.prepare(request, caller)
        if prepared is None:
            return await self.turns.run(lambda: self.prepare(request, caller))
        if self.reads is not None:
            self.reads.note(prepared, caller.scope)
        return prepared

    def prepare(self, request: OperationRequest, caller: Caller) -> PreparedOperation:
        """Parse and validate the operation; raises OperationRefused.

        A caller without credentials gets Unauthenticated, whatever the document named.
        """
        try:
            prepared = self.executor.prepare(request, caller.scope.tenant)
        except OperationRefused:
            if caller.is_anonymous:
                raise Unauthenticated(CREDENTIALS_NEEDED) from None
            raise
        if self.reads is not None:
            self.reads.note(prepared, caller.scope)
        return prepared


class VisibleApis:
    """Finds the API of a caller. `make` builds that of a visibility, which takes some tenths of a second."""

    def __init__(self, visibilities: Visibilities, make: Callable[[Visibility], VisibleApi]) -> None:
        self._visibilities = visibilities
        self._make = make
        self._full = make(visibilities.full)
        self._cached: LruCache[Visibility, VisibleApi] = LruCache(MAX_APIS)
        self._builds: dict[Visibility, asyncio.Task[VisibleApi]] = {}
        self._one_at_a_time = asyncio.Lock()

    def of(self, caller: Caller) -> VisibleApi | Coroutine[None, None, VisibleApi]:
        """Return the API of the caller; a coroutine where it has to be built.

        Raises Unauthenticated for a caller without credentials where nothing is public.
        """
        visibility = self._visibilities.of(caller)
        if visibility == self._visibilities.full:
            return self._full
        if caller.is_anonymous and visibility.is_empty:
            raise Unauthenticated(CREDENTIALS_NEEDED)
        return self._cached.get(visibility) or self._build(visibility)

    async def _build(self, visibility: Visibility) -> VisibleApi:
        build = self._builds.get(visibility)
        if build is None:
            build = self._builds[visibility] = asyncio.create_task(self._build_in_thread(visibility))
        # A caller that leaves must not end the build for the others.
        return await asyncio.shield(build)

    async def _build_in_thread(self, visibility: Visibility) -> VisibleApi:
        try:
            async with self._one_at_a_time:
                api = await asyncio.to_thread(self._make, visibility)
            self._cached.put(visibility, api)
            return api
        finally:
            del self._builds[visibility]
