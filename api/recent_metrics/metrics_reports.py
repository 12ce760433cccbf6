"""What a server of nerve reports about itself to the others: a small text, many times a minute."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

REPORT_TOPIC = "reports"
"""The topic of these texts in the channel of wake-ups."""

MAX_REPORT = 65_536
"""Characters of the longest report that is read. Anybody may write to the channel."""

MAX_NAMES = 2_000
"""Classes of commands, or types of events, in one report."""

Count = Annotated[int, Field(ge=0, lt=2**53)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class ServerRole(StrEnum):
    """What a server does: API serves clients, WORKER keeps views and runs processes."""

    API = "API"
    WORKER = "WORKER"


class CommandCounts(NamedTuple):
    """Handled commands by outcome.

    ACCEPTED commands are stored, now or before; REFUSED ones break a rule; FAILED ones met an internal error
    or a server that did not answer.
    """

    accepted: Count = 0
    refused: Count = 0
    failed: Count = 0


class ServerCounts(BaseModel):
    """Totals since the start of a server, by class of command and type of event, and its present numbers.

    `deliveries` are results that were delivered to subscriptions, `partitions` those of views that the server
    projects.
    """

    model_config = ConfigDict(frozen=True)

    commands: dict[Name, CommandCounts] = Field(default_factory=dict, max_length=MAX_NAMES)
    events: dict[Name, Count] = Field(default_factory=dict, max_length=MAX_NAMES)
    deliveries: Count = 0
    subscriptions: Count = 0
    sockets: Count = 0
    partitions: Count = 0

    @property
    def command_total(self) -> CommandCounts:
        """The counts of all classes of commands together."""
        outcomes = zip(CommandCounts(), *self.commands.values(), strict=True)
        return CommandCounts(*(sum(counts) for counts in outcomes))

    @property
    def event_total(self) -> int:
        """The number of events of all types."""
        return sum(self.events.values())


class MetricsReport(BaseModel):
    """The counts of one server, `uptime` seconds after it started.

    `id` is unique, `name` shows people where the server runs, and `started_at` is in seconds since 1970.
    """

    model_config = ConfigDict(frozen=True)

    id: Name
    name: Name
    role: ServerRole
    started_at: Annotated[float, Field(ge=0, lt=2**35)]
    uptime: Seconds
    counts: ServerCounts

    def to_text(self) -> str:
        """Return the text that `from_text` reads."""
        return self.model_dump_json()

    @classmethod
    def from_text(cls, text: str) -> MetricsReport | None:
        """Return the report in a text; None if the text is none."""
        if len(text) > MAX_REPORT:
            return None
        try:
            return cls.model_validate_json(text)
        except ValidationError:
            return None
