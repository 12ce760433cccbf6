"""Watching a command by its id until it is stored or refused, whichever process runs it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

from domain.kernel import Commit, Receipt
from eventstore.log import EventLog
from subscriptions.live.command_hints import (
    CommandAccepted,
    CommandHint,
    CommandHints,
    CommandKey,
    CommandRefusal,
    CommandUnchanged,
)
from subscriptions.live.dispatcher import Dispatcher


class CommandStored(NamedTuple):
    """The command's events are in the log, in this commit; None if it had nothing to change."""

    receipt: Receipt
    commit: Commit | None


Sender = Callable[[str | None], bool]
"""Returns whether the status of commands of this actor is shown."""

CommandOutcome = CommandAccepted | CommandStored | CommandRefusal

Inbox = asyncio.Queue[CommandHint | Commit]


class CommandWatch:
    """Follows commands for all their watchers in this process, through the log's one dispatcher."""

    def __init__(self, log: EventLog, dispatcher: Dispatcher[Commit], hints: CommandHints) -> None:
        self._log = log
        self._dispatcher = dispatcher
        self._hints = hints
        self._inboxes: dict[CommandKey, set[Inbox]] = {}

    async def watch(
        self, tenant: str, id: str, is_shown: Sender = lambda _actor: True
    ) -> AsyncGenerator[CommandOutcome, None]:
        """Yield `CommandAccepted`, if that is known, and end with `CommandStored` or `CommandRefusal`.

        A command of an actor that is not shown is unknown, as one that was never sent.

        A stored command is found for certain, whether it was stored long ago or is stored long after this
        call. A refusal is that of one run; the same id may be sent again. Raises Unavailable.
        """
        key, inbox = CommandKey(tenant, id), Inbox()
        with self._deliver_to(inbox, key), self._hints.watching(key, inbox.put_nowait):
            # A commit behind the dispatcher's position comes to the inbox; one before it is in the log now.
            await self._dispatcher.started()
            is_accepted = False
            stored = await self._read(key, is_shown)
            while stored is None:
                message = await inbox.get()
                if not is_shown(_actor(message)):
                    continue
                match message:
                    case CommandAccepted() if not is_accepted:
                        is_accepted = True
                        yield message
                    case CommandRefusal():
                        # An earlier run, or a later one, may have been stored.
                        stored = await self._read(key, is_shown)
                        if stored is None:
                            yield message
                            return
                    case CommandUnchanged(receipt):
                        stored = await self._read(key, is_shown) or CommandStored(receipt, None)
                    case Commit():
                        stored = _stored(message)
            yield stored

    async def _read(self, key: CommandKey, is_shown: Sender) -> CommandStored | None:
        command = await self._log.stored_command(*key)
        if command is None or not is_shown(command.actor):
            return None
        receipt = command.receipt
        if not receipt.changed:
            return CommandStored(replace(receipt, replayed=False), None)
        [commit] = await self._log.reader().read(receipt.position - 1, 1)
        return CommandStored(replace(receipt, replayed=False), commit)

    @contextmanager
    def _deliver_to(self, inbox: Inbox, key: CommandKey) -> Iterator[None]:
        if not self._inboxes:
            self._dispatcher.attach(self._handle)
        self._inboxes.setdefault(key, set()).add(inbox)
        try:
            yield
        finally:
            self._inboxes[key].discard(inbox)
            if not self._inboxes[key]:
                del self._inboxes[key]
            if not self._inboxes:
                self._dispatcher.detach(self._handle)

    def _handle(self, commits: Sequence[Commit]) -> None:
        for commit in commits:
            if commit.info is not None:
                key = CommandKey(commit.info.tenant, commit.info.command_id)
                for inbox in self._inboxes.get(key, ()):
                    inbox.put_nowait(commit)


def _actor(message: CommandHint | Commit) -> str | None:
    if isinstance(message, Commit):
        return None if message.info is None else message.info.actor
    return message.actor


def _stored(commit: Commit) -> CommandStored:
    info = commit.info
    assert info is not None
    version = commit.events[-1].version
    return CommandStored(
        Receipt(info.command_id, info.stream, version, commit.position, info.correlation), commit
    )
