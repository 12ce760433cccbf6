"""The contexts of resolvers: the runtime of the process, one request, and one execution of its document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo

from api.access.callers import Caller
from api.access.policy import command_permission, rows_for
from api.access.visibility import Visibility
from api.connections.directory import ConnectionDirectory
from api.graphql.execution.batched_fields import PendingValues
from api.graphql.execution.batched_reads import BatchedReads
from api.graphql.execution.execution_turns import ExecutionTurns
from api.graphql.execution.row_selections import RowSelections
from api.runtime import Runtime
from domain.kernel import Command, RecordedEvent, Scope
from domain.kernel.access import Permission
from eventstore.place import Place
from eventstore.reading.event_permissions import EventPermissions
from projections.kernel.view import View
from projections.past.reader import PastView
from projections.querying.row_scope import RowScope


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One request: the runtime, its caller, and its headers under lower-case names.

    Over a socket the texts of the `connection_init` payload are added to the headers of the handshake. A
    client that reconnects by itself resumes behind `resume_after`, whatever its document says. `client` is
    the network address of the client, if the log records it. `connections` are those of all API processes.
    """

    runtime: Runtime
    caller: Caller
    headers: Mapping[str, str]
    resume_after: Place | None = None
    client: str | None = None
    connections: ConnectionDirectory | None = None

    @property
    def scope(self) -> Scope:
        return self.caller.scope

    @property
    def command_scope(self) -> Scope:
        """The scope of commands, whose commits record the address of the client."""
        return self.scope if self.client is None else replace(self.scope, client=self.client)

    @property
    def visibility(self) -> Visibility:
        """What exists for the caller."""
        return self.runtime.visibilities.of(self.caller)

    def permission(self, command: type[Command]) -> Permission:
        """Return when the caller may send the command."""
        return command_permission(command, self.caller)

    @property
    def readable_events(self) -> EventPermissions | None:
        """Which events the caller may read; None for every event."""
        return self.runtime.visibilities.readable_events(self.caller)

    def readable(self, events: Iterable[RecordedEvent]) -> Iterator[RecordedEvent]:
        """Yield those of the events that the caller may read."""
        permissions = self.readable_events
        return (event for event in events if permissions is None or permissions.allows(event))

    def rows(self, view: View[Any]) -> RowScope:
        """Return the rows of the view that the caller may read."""
        return rows_for(view, self.caller)

    def start_place(self, after: str | None) -> Place | None:
        """Return the place behind which a subscription with the argument `after` starts; None for now.

        Raises ValidationFailed where the argument is malformed.
        """
        if self.resume_after is not None or after is None:
            return self.resume_after
        return self.open(after, "after")

    def seal(self, place: Place) -> str:
        """Return the place as clients of the caller's tenant see it."""
        return self.runtime.position_seal.seal(self.scope.tenant, place)

    def open(self, sealed: str, *path: str) -> Place:
        """Return the place that a client's position stands for; raises ValidationFailed at `path`."""
        return self.runtime.position_seal.open(self.scope.tenant, sealed, path)

    def try_open(self, sealed: str) -> Place | None:
        """Return the place that a text seals for the caller's tenant; None where it seals none."""
        return self.runtime.position_seal.try_open(self.scope.tenant, sealed)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionContext(RequestContext):
    """One execution of a document for a request.

    `selections` are those of the document, `reads` what the execution reads, and `turns` those in which rows
    are written. `pending_values` are to be read for what is written. `errors` are reported in addition to
    those of its fields.
    """

    selections: RowSelections
    reads: BatchedReads = field(default_factory=BatchedReads)
    turns: ExecutionTurns = field(default_factory=ExecutionTurns)
    pending_values: PendingValues = field(default_factory=PendingValues)
    errors: list[GraphQLError] = field(default_factory=list)

    @classmethod
    def of(cls, request: RequestContext, selections: RowSelections) -> ExecutionContext:
        """Return the context of a new execution."""
        return cls(
            request.runtime,
            request.caller,
            request.headers,
            request.resume_after,
            request.client,
            request.connections,
            selections=selections,
        )

    def renew(self) -> ExecutionContext:
        """Return the context of another execution of the same document."""
        return ExecutionContext.of(self, self.selections)

    def past(self, view: View[Any], position: int) -> PastView:
        """Return the view at a settled position; all reads of the past share the budget of the response."""
        budget = self.reads.past_events(self.runtime.settings.max_past_events)
        return self.runtime.view_parts[view.name].past.at(position, budget)

    def count_rows(self, rows: int) -> None:
        """Count rows that the response returns; raises TooManyRows where it may not have so many."""
        self.reads.count_returned(rows, self.runtime.settings.max_rows)

    async def return_rows(self, rows: int) -> None:
        """Do what `count_rows` does, and wait until it is time to write the rows.

        Fields that get their rows at the same time would otherwise block the event loop for all of them.
        """
        self.count_rows(rows)
        await self.turns.take()

    def report(self, error: Exception, info: Info) -> None:
        """Add an error to the response with the path of the field at `info`, whose value stays."""
        self.errors.append(
            GraphQLError(str(error), info.field_nodes, path=info.path.as_list(), original_error=error)
        )


Info = GraphQLResolveInfo[ExecutionContext]
"""What graphql-core passes to a resolver in addition to its source."""
