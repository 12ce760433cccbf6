"""The query side of dead letters: the events that are parked in the active generations of views."""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode
from binascii import Error as MalformedBase64
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from domain.builtin.deadletters.commands import DeadLetterCommand
from domain.kernel.errors import NotFound, ValidationFailed
from domain.kernel.names import client_name, declared_name
from eventstore.mongo.driver import Database, Document, unavailable_if_down
from eventstore.mongo.reads import aggregate, find
from projections.folding.dead_letter_documents import DEAD_LETTERS
from projections.folding.parking import EventName, letter_id
from projections.kernel.view import View
from projections.querying.locator import consumer_name
from subscriptions.consumers.checkpoints import Checkpoints

BEHIND = ":"
"""Sorts after every digit, and so after the generation that ends the `_id` of a letter."""


class LetterPage(NamedTuple):
    """A page of stored letters in order, and whether there are more on either side."""

    letters: Sequence[Document]
    has_next: bool
    has_previous: bool


class DeadLetterReader:
    """Reads the letters of the active generation of each view. Every method raises Unavailable."""

    def __init__(self, database: Database, checkpoints: Checkpoints, views: Collection[View[Any]]) -> None:
        self._letters = database[DEAD_LETTERS]
        self._checkpoints = checkpoints
        self._consumers = {view.name: consumer_name(view) for view in views}

    async def page(
        self,
        tenant: str,
        view: str | None = None,
        *,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> LetterPage:
        """Return the `first` letters of a tenant after the cursor `after`, of one view or of all views.

        With `last` instead, returns the last letters before the cursor `before`. Raises ValidationFailed at
        ``after`` or ``before`` for an invalid cursor, and NotFound for an unknown view.
        """
        size, direction = (first or 0, 1) if last is None else (last, -1)
        start = f"{tenant}/" if after is None else f"{tenant}/{_decoded(after, 'after')}/{BEHIND}"
        # The zero is the character after the slash.
        end = f"{tenant}0" if before is None else f"{tenant}/{_decoded(before, 'before')}/"
        query = {
            "_id": {"$gt": start, "$lt": end},
            "$or": await self._active(*(() if view is None else (view,))),
        }
        with unavailable_if_down():
            letters = (
                await find(self._letters, query).sort([("_id", direction)]).limit(size + 1).to_list(None)
            )
        has_more = len(letters) > size
        if last is None:
            return LetterPage(letters[:size], has_more, after is not None)
        return LetterPage(letters[:size][::-1], before is not None, has_more)

    async def is_parked(self, tenant: str, command: DeadLetterCommand) -> bool:
        """Return whether the event that the command names is parked. Raises NotFound as `page`."""
        event = {"row": command.row, "stream": command.stream, "version": command.version}
        (active,) = await self._active(command.view)
        with unavailable_if_down():
            return await self._letters.find_one({"tenant": tenant, **active, **event}) is not None

    async def require_parked(self, tenant: str, command: DeadLetterCommand) -> None:
        """Raise NotFound unless the event that the command names is parked."""
        if not await self.is_parked(tenant, command):
            row = "" if command.row is None else f"the row {command.row!r} of "
            raise NotFound(
                f"version {command.version} of {command.stream} is not parked in "
                f"{row}{client_name(command.view)}"
            )

    async def waiting(self, tenant: str, views: Collection[str], last: EventName) -> list[Document]:
        """Return the letters of a stream's events, up to the `last` one, that are parked in these views."""
        if not views:
            return []
        events = {"tenant": tenant, "stream": last.stream, "version": {"$lte": last.version}}
        with unavailable_if_down():
            letters = self._letters.find({**events, "$or": await self._active(*views)})
            return await letters.sort([("version", 1)]).to_list(None)

    async def find(self, tenant: str, id: str) -> Document | None:
        """Return the letter of this id; None if no such event is parked, or no longer."""
        view = id.partition("/")[0]
        if view not in self._consumers:
            return None
        (active,) = await self._active(view)
        with unavailable_if_down():
            return await self._letters.find_one({"_id": f"{tenant}/{id}/{active['generation']}"})

    async def counts(self) -> dict[str, int]:
        """Return the number of letters of each view, of all tenants."""
        with unavailable_if_down():
            return {
                query["view"]: await self._letters.count_documents(query) for query in await self._active()
            }

    async def counts_by_tenant(self) -> dict[tuple[str, str], int]:
        """Return the number of letters by tenant and view, of those that have any."""
        group = {"_id": {"tenant": "$tenant", "view": "$view"}, "count": {"$sum": 1}}
        with unavailable_if_down():
            active: dict[str, Any] = {"$match": {"$or": await self._active()}}
            groups = await aggregate(self._letters, [active, {"$group": group}])
        return {(each["_id"]["tenant"], each["_id"]["view"]): each["count"] for each in groups}

    async def _active(self, *views: str) -> list[dict[str, Any]]:
        """Return the queries for letters of the active generations of these views, or of all views."""
        consumers = dict(map(self._consumer, views)) if views else self._consumers
        states = await self._checkpoints.states(consumers.values())
        return [{"view": view, "generation": states[name].active} for view, name in consumers.items()]

    def _consumer(self, name: str) -> tuple[str, str]:
        view = declared_name(name, self._consumers)
        if view is None:
            names = ", ".join(map(client_name, self._consumers))
            raise NotFound(f"there is no view {name!r}; there are {names}")
        return view, self._consumers[view]


def id_of(letter: Mapping[str, Any]) -> str:
    """Return the letter's id, which is the same in every generation of its view."""
    return letter_id(letter["view"], letter["row"], EventName(letter["stream"], letter["version"]))


def cursor(letter: Mapping[str, Any]) -> str:
    """Return the cursor of a letter, to read the letters after or before it."""
    return urlsafe_b64encode(id_of(letter).encode()).decode()


def _decoded(cursor: str, argument: str) -> str:
    try:
        return b64decode(cursor, b"-_", validate=True).decode()
    except (MalformedBase64, ValueError):
        raise ValidationFailed("this is no cursor of this list; leave it out", (argument,)) from None
