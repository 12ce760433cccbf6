"""What resolvers are given: the services of this process, and on whose behalf they run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from graphql import GraphQLError, GraphQLResolveInfo

from api.access.callers import Caller
from api.graphql.execution.batched_reads import BatchedReads
from api.graphql.execution.selections import DocumentSelections
from api.position_seal import PositionSeal
from domain.dispatch import CommandBus
from domain.kernel import Scope
from eventstore.log import EventLog
from projections.live.command_status import CommandStatus
from projections.live.live_view import LiveView
from projections.past.reader import PastReader
from projections.querying.dead_letters import DeadLetterReader
from projections.querying.queries import ViewReader
from projections.querying.related import RelatedRows
from projections.querying.waiting import ProjectionWaits
from projections.rebuilding.rebuilds import Rebuilds
from subscriptions.feed.feed import Feed
from subscriptions.live.event_hub import EventHub
from subscriptions.live.messages import Place


@dataclass(frozen=True, slots=True)
class Services:
    """What all requests of a process share.

    `wait_timeout` is in seconds, `max_page` in rows, as is `max_rows`, for a whole response.
    """

    bus: CommandBus
    log: EventLog
    feed: Feed
    events: EventHub
    readers: Mapping[str, ViewReader]
    related: Mapping[str, RelatedRows]
    live: Mapping[str, LiveView]
    past: Mapping[str, PastReader]
    letters: DeadLetterReader
    waits: ProjectionWaits
    rebuilds: Rebuilds
    commands: CommandStatus
    seal: PositionSeal
    wait_timeout: float
    max_page: int
    max_rows: int


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One request: its services, on whose behalf it is, and its headers under lower-case names.

    Over a socket the texts of the `connection_init` payload stand beside the headers of the handshake.
    `selections` are those of the document that is run, `reads` what one execution of it has read.
    `errors` are reported in addition to those of its fields. A client that connects again by itself
    resumes behind `resume_after`, whatever its document says.
    """

    services: Services
    caller: Caller
    headers: Mapping[str, str]
    selections: DocumentSelections = field(default_factory=DocumentSelections)
    reads: BatchedReads = field(default_factory=BatchedReads)
    errors: list[GraphQLError] = field(default_factory=list)
    resume_after: Place | None = None

    @property
    def scope(self) -> Scope:
        return self.caller.scope

    def running(self, selections: DocumentSelections) -> RequestContext:
        """The same request for one execution of the document with these selections."""
        return RequestContext(
            self.services, self.caller, self.headers, selections, resume_after=self.resume_after
        )

    def start_of(self, after: str | None) -> Place | None:
        """The place behind which a subscription begins that has the argument `after`; None: now.

        Raises ValidationFailed where the argument is malformed.
        """
        if self.resume_after is not None or after is None:
            return self.resume_after
        return self.open(after, "after")

    def report(self, error: Exception, info: Info) -> None:
        """Add an error to the response, with the path of the field at `info`, whose value stays."""
        self.errors.append(
            GraphQLError(str(error), info.field_nodes, path=info.path.as_list(), original_error=error)
        )

    def seal(self, place: Place) -> str:
        """The place as this tenant's clients see it."""
        return self.services.seal.seal(self.scope.tenant, place)

    def open(self, sealed: str, *path: str) -> Place:
        """What a client's position says; raises ValidationFailed at `path` where it is malformed."""
        return self.services.seal.open(self.scope.tenant, sealed, path)

    def opened(self, sealed: str) -> Place | None:
        """The place that a text seals for this tenant; None where it seals none."""
        return self.services.seal.opened(self.scope.tenant, sealed)


Info = GraphQLResolveInfo[RequestContext]
"""What graphql-core gives a resolver beside its source."""
