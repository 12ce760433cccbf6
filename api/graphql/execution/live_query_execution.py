"""The execution of a live query, for all subscribers of its topic."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from api.graphql.execution.executor import PreparedOperation
from api.graphql.execution.live_dependencies import LiveDependencies
from api.graphql.execution.live_query_messages import (
    MESSAGE_TYPE,
    LiveQueryRefused,
    LiveQueryRenderer,
    MessageShape,
    QueryContent,
)
from api.graphql.execution.shared_sources import LiveQuerySource
from api.graphql.execution.subscription_execution import SubscriptionExecution
from api.graphql.execution.time_limits import finish_within
from domain.kernel.errors import NotIndexed, StaleRead, Unavailable, ValidationFailed
from domain.kernel.limit_errors import TooComplex, TooCostly
from eventstore.mongo.deadline import deadline
from eventstore.place import Place
from projections.live.query_messages import LiveQuery

LASTING_ERRORS = frozenset(error.code for error in (NotIndexed, StaleRead, TooComplex, ValidationFailed))
"""Codes of errors that end a live query, because each further execution would have them too."""


class LiveQueryExecution:
    """Executes the query of the first subscriber of a topic, with what all of them have in common.

    Raises TooCostly beyond `max_cost`, and ValidationFailed for what cannot be live.
    """

    def __init__(
        self,
        prepared: PreparedOperation,
        execution: SubscriptionExecution,
        source: LiveQuerySource,
        max_cost: int,
        seconds: float,
    ) -> None:
        selection = execution.selection
        cost = prepared.document.costs.of(prepared.kind, prepared.operation_name, selection.variables)
        if cost.units > max_cost:
            raise TooCostly(cost.units, max_cost, cost.dearest)
        self._execution = execution
        self._context = selection.context
        self._interval = source.interval
        self._seconds = seconds
        self._shape = MessageShape(selection, sends_patches=source.sends_patches)
        self._dependencies = LiveDependencies(selection, self._shape.query)
        self._sends_patches = source.sends_patches

    @property
    def bound_rules(self) -> Hashable:
        """The rules of access that select the rows which a subscriber of this document and tenant sees."""
        return self._execution.selection.schema, *self._dependencies.bound_rules(self._context)

    def query(self) -> LiveQuery[QueryContent]:
        """Return the query for the live engine."""
        tenant = self._context.scope.tenant
        return LiveQuery(tenant, self._dependencies.filters, self._interval, self._execute)

    def renderer(self) -> LiveQueryRenderer:
        """Return what makes messages of the results."""
        return LiveQueryRenderer(self._shape, self._context.seal, sends_patches=self._sends_patches)

    async def _execute(self) -> QueryContent:
        """Execute the query once. Raises LiveQueryRefused, Unavailable and OperationTimedOut."""
        position = self._context.seal(Place(0))
        source = {"__typename": MESSAGE_TYPE, "position": position, "query": {}, "patch": None}
        with deadline(self._seconds):
            result: Any = self._execution.result(source)
            if not isinstance(result, dict):
                result = await finish_within(self._seconds, result)
        errors = result.get("errors", [])
        codes = {error["extensions"]["code"] for error in errors}
        if result["data"] is None or codes & LASTING_ERRORS:
            raise LiveQueryRefused(errors)
        if Unavailable.code in codes:
            raise Unavailable("a live query could not be executed, because a server did not answer")
        return QueryContent.of(self._shape.query_value(result["data"]), errors)
