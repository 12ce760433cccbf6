"""The query side of dead letters: what waits in the views that readers see, and where to go on reading."""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode
from binascii import Error as MalformedBase64
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from domain.builtin.deadletters.commands import DropDeadLetter, RetryDeadLetter
from domain.dispatch import Middleware
from domain.dispatch.bus import Handler
from domain.dispatch.ports import CommandLog
from domain.kernel import Envelope, Receipt
from domain.kernel.errors import NotFound, ValidationFailed
from domain.kernel.names import client_name, declared_name
from eventstore.mongo.driver import Database, Document, unavailable_if_down
from projections.folding.dead_letters import DEAD_LETTERS
from projections.folding.parking import EventName, letter_id
from projections.kernel.view import View
from projections.querying.locator import consumer_name
from subscriptions.consumers.checkpoints import Checkpoints

BEHIND = ":"
"""Comes behind every digit: a generation ends the `_id` of a letter."""


class LetterPage(NamedTuple):
    """Letters in order, as they are stored, and whether there are more on either side of them."""

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
        """The `first` letters of a tenant, of one view or of all, behind the cursor `after`.

        With `last` instead they are the last ones before the cursor `before`. Raises ValidationFailed at
        ``after`` or ``before`` for what is no cursor, NotFound where there is no such view.
        """
        size, way = (first or 0, 1) if last is None else (last, -1)
        start = f"{tenant}/" if after is None else f"{tenant}/{_opened(after, 'after')}/{BEHIND}"
        # Behind the slash comes the zero.
        end = f"{tenant}0" if before is None else f"{tenant}/{_opened(before, 'before')}/"
        wanted = {
            "_id": {"$gt": start, "$lt": end},
            "$or": await self._active(*(() if view is None else (view,))),
        }
        with unavailable_if_down():
            found = await self._letters.find(wanted).sort([("_id", way)]).limit(size + 1).to_list(None)
        more = len(found) > size
        if last is None:
            return LetterPage(found[:size], more, after is not None)
        return LetterPage(found[:size][::-1], before is not None, more)

    async def holds(self, tenant: str, command: RetryDeadLetter | DropDeadLetter) -> bool:
        """Whether the event that the command names waits there. Raises NotFound as `page`."""
        named = {"row": command.row, "stream": command.stream, "version": command.version}
        (active,) = await self._active(command.view)
        with unavailable_if_down():
            return await self._letters.find_one({"tenant": tenant, **active, **named}) is not None

    async def waiting(self, tenant: str, views: Collection[str], last: EventName) -> list[Document]:
        """The letters of a stream's events, up to the `last` one, that wait in these views."""
        if not views:
            return []
        named = {"tenant": tenant, "stream": last.stream, "version": {"$lte": last.version}}
        with unavailable_if_down():
            found = self._letters.find({**named, "$or": await self._active(*views)})
            return await found.sort([("version", 1)]).to_list(None)

    async def find(self, tenant: str, id: str) -> Document | None:
        """The letter of this id; None where it does not wait, or does not any more."""
        view = id.partition("/")[0]
        if view not in self._consumers:
            return None
        (active,) = await self._active(view)
        with unavailable_if_down():
            return await self._letters.find_one({"_id": f"{tenant}/{id}/{active['generation']}"})

    async def counts(self) -> dict[str, int]:
        """How many wait in each view, of all tenants."""
        with unavailable_if_down():
            return {one["view"]: await self._letters.count_documents(one) for one in await self._active()}

    async def _active(self, *views: str) -> list[dict[str, Any]]:
        """Matches the letters of the active generation of these views, or of each."""
        names = dict(map(self._consumer, views)) if views else self._consumers
        states = await self._checkpoints.states(names.values())
        return [{"view": name, "generation": states[one].active} for name, one in names.items()]

    def _consumer(self, name: str) -> tuple[str, str]:
        view = declared_name(name, self._consumers)
        if view is None:
            known = ", ".join(map(client_name, self._consumers))
            raise NotFound(f"there is no view {name!r}; there are {known}")
        return view, self._consumers[view]


def id_of(letter: Mapping[str, Any]) -> str:
    """The letter's id, the same in every generation of its view."""
    return letter_id(letter["view"], letter["row"], EventName(letter["stream"], letter["version"]))


def cursor(letter: Mapping[str, Any]) -> str:
    """What to read behind, to go on behind this letter."""
    return urlsafe_b64encode(id_of(letter).encode()).decode()


def _opened(text: str, argument: str) -> str:
    try:
        return b64decode(text, b"-_", validate=True).decode()
    except (MalformedBase64, ValueError):
        raise ValidationFailed("nerve never gave out this cursor; leave it out", (argument,)) from None


def refusing_unparked(letters: DeadLetterReader, log: CommandLog) -> Middleware:
    """Raises NotFound for the retry or the drop of what waits nowhere, unless it was sent before."""

    async def layer(envelope: Envelope, following: Handler) -> Receipt:
        command, tenant = envelope.command, envelope.scope.tenant
        if isinstance(command, RetryDeadLetter | DropDeadLetter):
            known = envelope.command_id is not None and await log.stored_command(tenant, envelope.command_id)
            if not known and not await letters.holds(tenant, command):
                row = "" if command.row is None else f" in the row {command.row!r}"
                raise NotFound(
                    f"version {command.version} of {command.stream} waits{row} nowhere in "
                    f"{client_name(command.view)}"
                )
        return await following(envelope)

    return layer
