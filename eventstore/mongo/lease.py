"""Leases: the right of one process to do something, timed by the server's clock alone.

A process that has lost its lease, by whatever stall of its own, has an old epoch: a write that is guarded by
its lease changes nothing any more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Self
from uuid import uuid4

from pymongo.errors import DuplicateKeyError

from eventstore.mongo.driver import Collection, unavailable_if_down

Pipeline = Sequence[Mapping[str, Any]]
"""An update as an aggregation pipeline."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write under `path` of a document, until another process has taken it with a higher epoch.

    The document keeps `owner`, `epoch` and `until` there; with an empty path, at its top. Each write under
    the lease extends it by `term` seconds.
    """

    document: str
    path: str
    epoch: int
    term: float

    def field(self, name: str) -> str:
        """Return the full name of a field of the lease."""
        return f"{self.path}.{name}" if self.path else name

    @property
    def predecessor(self) -> Self:
        """The lease that this one replaces when it is taken."""
        return replace(self, epoch=self.epoch - 1)

    @property
    def guard(self) -> dict[str, Any]:
        """A filter that matches the document until another process has taken the lease."""
        return {"_id": self.document, self.field("epoch"): self.epoch}

    @property
    def is_free(self) -> dict[str, Any]:
        """An expression that is true when no process has the lease, by the server's clock.

        A late write of the process that has released the lease extends it, but no process has it.
        """
        has_no_owner = {"$eq": [{"$type": f"${self.field('owner')}"}, "missing"]}
        return {"$or": [has_no_owner, {"$lte": [f"${self.field('until')}", "$$NOW"]}]}

    def extension(self, **values: Any) -> Pipeline:
        """Return the update that extends the lease and sets these other fields under its path."""
        until = {"$add": ["$$NOW", round(self.term * 1000)]}
        fields = {"until": until, "at": "$$NOW", **values}
        return [{"$set": {self.field(name): value for name, value in fields.items()}}]

    def taking(self, owner: str, **values: Any) -> Pipeline:
        """Return the update that makes the lease that of `owner` and sets these other fields."""
        return self.extension(epoch=self.epoch, owner={"$literal": owner}, **values)

    def release(self, *fields: str) -> Pipeline:
        """Return the update that ends the lease at once, and removes its owner and these other fields."""
        names = [self.field(name) for name in ("owner", *fields)]
        return [{"$set": {self.field("until"): "$$NOW"}}, {"$unset": names}]


class NamedLease:
    """A lease with a document of its own, for what one process of a deployment does at a time.

    `name` is the document's `_id`, `term` is in seconds. Every method raises Unavailable.
    """

    def __init__(self, collection: Collection, name: str, term: float) -> None:
        self._collection = collection
        self._name = name
        self._term = term
        self._owner = uuid4().hex

    async def take(self) -> Lease | None:
        """Take the lease; None if another process has it."""
        lease = Lease(self._name, "", 0, self._term)
        epoch = {"$add": [{"$ifNull": ["$epoch", 0]}, 1]}
        with unavailable_if_down():
            # Two steps: the server's clock may not be asked in the filter of an upsert.
            with suppress(DuplicateKeyError):
                document = {"_id": self._name}
                await self._collection.update_one(document, {"$setOnInsert": {"epoch": 0}}, upsert=True)
            stored = await self._collection.find_one_and_update(
                {"_id": self._name, "$expr": lease.is_free},
                lease.extension(owner=self._owner, epoch=epoch),
                return_document=True,
            )
        return None if stored is None else replace(lease, epoch=stored["epoch"])

    async def release(self, lease: Lease) -> None:
        """Let another process take the lease at once, unless it is lost already."""
        with unavailable_if_down():
            await self._collection.update_one(lease.guard, lease.release())
