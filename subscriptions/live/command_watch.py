"""Watching a command by its id, until it is stored or refused, whichever process runs it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import replace
from typing import NamedTuple

from domain.kernel import Commit, Receipt
from eventstore.background import Backoff
from eventstore.log import EventLog
from subscriptions.feed.feed import Feed
from subscriptions.live.command_hints import (
    CommandAccepted,
    CommandHint,
    CommandHints,
    CommandKey,
    CommandRefused,
    CommandUnchanged,
)

logger = logging.getLogger(__name__)


class CommandStored(NamedTuple):
    """The command's events are in the log, in this commit; None where it had nothing to change."""

    receipt: Receipt
    commit: Commit | None


CommandOutcome = CommandAccepted | CommandStored | CommandRefused


class CommandWatch:
    """Serves all who watch commands in this process: one cursor of the feed, as long as there is any."""

    def __init__(self, log: EventLog, feed: Feed, hints: CommandHints) -> None:
        self._log = log
        self._feed = feed
        self._hints = hints
        self._inboxes: dict[CommandKey, set[asyncio.Queue[CommandHint | Commit]]] = {}
        self._following: asyncio.Task[None] | None = None
        self._begun = asyncio.Event()

    async def watch(self, tenant: str, id: str) -> AsyncGenerator[CommandOutcome, None]:
        """Yield `CommandAccepted`, where that is known, and end with `CommandStored` or `CommandRefused`.

        That a command is stored is told for certain, however long ago it was, or long after this begins. A
        refusal is that of one run; the same id may be sent again. Raises Unavailable.
        """
        key, inbox = CommandKey(tenant, id), asyncio.Queue[CommandHint | Commit]()
        with self._followed(key, inbox), self._hints.watching(key, inbox.put_nowait):
            # What the log gets after this comes by the feed; what it has now, it tells now.
            await self._begun.wait()
            accepted = False
            found = await self._stored(key)
            while found is None:
                told = await inbox.get()
                match told:
                    case CommandAccepted() if not accepted:
                        accepted = True
                        yield told
                    case CommandRefused():
                        # An earlier run, or one since, may have been stored.
                        found = await self._stored(key)
                        if found is None:
                            yield told
                            return
                    case CommandUnchanged(receipt):
                        found = await self._stored(key) or CommandStored(receipt, None)
                    case Commit():
                        found = _stored(told)
            yield found

    async def _stored(self, key: CommandKey) -> CommandStored | None:
        stored = await self._log.stored_command(*key)
        if stored is None:
            return None
        receipt = stored.receipt
        if not receipt.changed:
            return CommandStored(replace(receipt, replayed=False), None)
        [commit] = await self._log.reader().read(receipt.position - 1, 1)
        return CommandStored(replace(receipt, replayed=False), commit)

    @contextmanager
    def _followed(self, key: CommandKey, inbox: asyncio.Queue[CommandHint | Commit]) -> Iterator[None]:
        self._inboxes.setdefault(key, set()).add(inbox)
        if self._following is None:
            self._following = asyncio.create_task(self._follow(self._begun))
        try:
            yield
        finally:
            self._inboxes[key].discard(inbox)
            if not self._inboxes[key]:
                del self._inboxes[key]
            if not self._inboxes:
                self._following.cancel()
                self._following, self._begun = None, asyncio.Event()

    async def _follow(self, begun: asyncio.Event) -> None:
        backoff, place = Backoff(), None
        while True:
            try:
                place = await self._log.high_water_mark() if place is None else place
                begun.set()
                async with aclosing(self._feed.follow(place)) as batches:
                    async for batch in batches:
                        self._deliver(batch.items)
                        place = batch.position
                        backoff.reset()
            except Exception as error:
                logger.exception("commands are not followed for now")
                await asyncio.sleep(backoff.pause(error))

    def _deliver(self, commits: Sequence[Commit]) -> None:
        for commit in commits:
            if commit.info is not None:
                key = CommandKey(commit.info.tenant, commit.info.command_id)
                for inbox in self._inboxes.get(key, ()):
                    inbox.put_nowait(commit)


def _stored(commit: Commit) -> CommandStored:
    info = commit.info
    assert info is not None
    version = commit.events[-1].version
    return CommandStored(
        Receipt(info.command_id, info.stream, version, commit.position, info.correlation), commit
    )
