"""What a module registers for the integration events of another system. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from types import MappingProxyType
from typing import Any

from domain.integration.received_events import read_event, received_events_class
from domain.kernel.access import Access, nobody
from domain.kernel.command import Command
from domain.kernel.context import Context
from domain.kernel.errors import DeclarationError
from domain.kernel.event import Event
from domain.kernel.upcasting import Upcaster

STREAM_DIGEST_BYTES = 16


@dataclass(frozen=True)
class IntegrationContext(Context):
    """The context of integration events; its streams are the subjects of its sources.

    Declare it as ``context = integration_context("bank_events", …)``.
    """

    @property
    def received(self) -> Mapping[str, type[Event]]:
        """The class of each type of events that is received."""
        # Of Any, because `integration_context` has made it.
        aggregate: Any = self.aggregate
        received: Mapping[str, type[Event]] = aggregate.received
        return received

    @property
    def shared_commands(self) -> tuple[type[Command], ...]:
        """Its command: it has no mutation, since events are received by ``POST /events`` alone."""
        return self.commands

    def receive(self, event_type: str, data: Any, source: str, subject: str) -> Command:
        """Return the command that records an event about a subject of its source.

        Raises UnfitValue and pydantic's ValidationError where the data does not fit the type.
        """
        read_event(self.received[event_type], data)
        (command,) = self.commands
        text = f"{len(source)}:{source}{subject}"
        digest = blake2b(text.encode(), digest_size=STREAM_DIGEST_BYTES).hexdigest()
        return command.model_validate({"id": f"{self.category}-{digest}", "type": event_type, "data": data})


def integration_context(
    name: str,
    *,
    category: str,
    received: Mapping[str, type[Event]],
    access: Access = nobody,
    upcasters: tuple[Upcaster, ...] = (),
) -> IntegrationContext:
    """Return the context of the events of another system.

    `received` has the class of the event that is recorded, by the type of the CloudEvent that is sent; the
    CloudEvent's data are its fields. `access` is the rule of who may send them. Raises DeclarationError where
    a declaration cannot be used.
    """
    if not received or not all(
        isinstance(sent, str) and isinstance(event, type) and issubclass(event, Event)
        for sent, event in received.items()
    ):
        raise DeclarationError(
            f"received of the integration context {name!r} must have the class of an event for each type of "
            'CloudEvents, as in received={"com.bank.payment.settled": PaymentSettled}'
        )
    aggregate = received_events_class(name, category, MappingProxyType(dict(received)), access)
    return IntegrationContext(name, aggregate, upcasters)
