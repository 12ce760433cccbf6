"""The kernel: the classes and functions with which contexts are declared. Pure.

It imports nothing of the project. Everything may import it.
"""

from domain.kernel.aggregate import Aggregate, Facts
from domain.kernel.catalog import Catalog
from domain.kernel.command import ChangeCommand, Command, CreateCommand, Envelope, PutCommand, Receipt, Scope
from domain.kernel.conflicts import ConflictRule, last_write_wins
from domain.kernel.context import Context
from domain.kernel.errors import AlreadyExists, InvariantViolated, NerveError, NotFound
from domain.kernel.event import Cause, Commit, CommitInfo, Event, RecordedEvent, Unreadable
from domain.kernel.fields import (
    Identifier,
    Int32,
    Int64,
    Json,
    Moment,
    Name,
    Personal,
    Refers,
    Text,
    elapsed,
)
from domain.kernel.severity import Severity
from domain.kernel.unique import Unique
from domain.kernel.upcasting import Upcaster, upcaster

__all__ = [
    "Aggregate",
    "AlreadyExists",
    "Catalog",
    "Cause",
    "ChangeCommand",
    "Command",
    "Commit",
    "CommitInfo",
    "ConflictRule",
    "Context",
    "CreateCommand",
    "Envelope",
    "Event",
    "Facts",
    "Identifier",
    "Int32",
    "Int64",
    "InvariantViolated",
    "Json",
    "Moment",
    "Name",
    "NerveError",
    "NotFound",
    "Personal",
    "PutCommand",
    "Receipt",
    "RecordedEvent",
    "Refers",
    "Scope",
    "Severity",
    "Text",
    "Unique",
    "Unreadable",
    "Upcaster",
    "elapsed",
    "last_write_wins",
    "upcaster",
]
