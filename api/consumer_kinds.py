"""What kinds of consumers follow the log, by the names of their documents."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from domain.kernel.names import client_name


class ConsumerKind(StrEnum):
    """What a consumer does with the log.

    VIEW: it keeps the rows of a view. PROCESS, POLICY: it reacts to events. STREAM: it writes a stream in
    Redis. WEBHOOK: it delivers to a webhook.
    """

    VIEW = "VIEW"
    PROCESS = "PROCESS"
    POLICY = "POLICY"
    STREAM = "STREAM"
    WEBHOOK = "WEBHOOK"


PREFIXES = {
    "view": ConsumerKind.VIEW,
    "process": ConsumerKind.PROCESS,
    "policy": ConsumerKind.POLICY,
    "redis": ConsumerKind.STREAM,
    "webhook": ConsumerKind.WEBHOOK,
}
"""The kinds by what the names of their consumers begin with."""


class ConsumerTitle(NamedTuple):
    """The kind of a consumer, and its name as clients know it."""

    kind: ConsumerKind
    name: str


def consumer_title(consumer: str) -> ConsumerTitle:
    """Return what people call a consumer: ``view.task_days`` is the view ``taskDays``."""
    prefix, _, name = consumer.partition(".")
    kind = PREFIXES[prefix]
    if kind is ConsumerKind.WEBHOOK:
        # The number behind the id is that of its replays.
        return ConsumerTitle(kind, name.rpartition(".")[0])
    return ConsumerTitle(kind, client_name(name) if kind is ConsumerKind.VIEW else name)
