"""The operations that run over a connection, as operators see them."""

from __future__ import annotations

from typing import NamedTuple, Self

from api.connections.open_connections import RunningOperation
from api.graphql.execution.executor import PreparedOperation
from api.graphql.execution.parsed_documents import ParsedDocument
from subscriptions.live.sinks import Subscription
from subscriptions.live.subscriber import Subscriber


class RunningSubscription(NamedTuple):
    """A subscription with its document, which all that have the same one share, and its name in there."""

    subscription: Subscription
    document: ParsedDocument
    name: str | None

    @classmethod
    def of(cls, subscription: Subscription, prepared: PreparedOperation) -> Self:
        """Return the subscription of this operation."""
        return cls(subscription, prepared.document, prepared.operation_name)

    def describe(self, id: str) -> RunningOperation:
        """Return the subscription, which has this id, for operators."""
        subscription = self.subscription
        position = subscription.position if isinstance(subscription, Subscriber) else None
        return describe_operation(id, self.document, self.name, position)


def describe_operation(
    id: str, document: ParsedDocument, name: str | None, position: int | None
) -> RunningOperation:
    """Return the operation of this name in the document."""
    location = document.node.loc
    text = location.source.body if location else ""
    return RunningOperation(id, name, text, position)
