"""Hints of commands that processes exchange over Redis; every hint may be missing.

A process that watches a command asks for hints once. Another one that runs the command, or has refused it
lately, answers. One that runs it later remembers the question, and sends hints then. So a command that nobody
watches costs no message. No hint says that a command is stored, because the log says so.

A message is JSON: ``{"tenant", "id", "is": "asked" | "accepted" | "refused" | "unchanged", …}``.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from domain.dispatch.bus import Handler
from domain.kernel import Envelope, Receipt
from domain.kernel.errors import NerveError, Unavailable
from subscriptions.feed.wakeups import Wakeups

TOPIC = "commands"

MAX_QUESTIONS = 10_000
"""Commands of which a process remembers that it was asked; the oldest are forgotten first."""

MAX_ENDED = 1_000
"""Commands that stored nothing and are remembered, because the question may come later."""


class CommandKey(NamedTuple):
    """A command id, which is unique within its tenant."""

    tenant: str
    id: str


class CommandAccepted(NamedTuple):
    """A process has begun to run the command, which this actor sent."""

    actor: str | None = None


class CommandRefusal(NamedTuple):
    """A run of the command stored nothing, because of an error with this code and message."""

    code: str
    message: str
    actor: str | None = None


class CommandUnchanged(NamedTuple):
    """A run of the command found nothing to change; `receipt` is its result."""

    receipt: Receipt
    actor: str | None = None


CommandHint = CommandAccepted | CommandRefusal | CommandUnchanged
HintListener = Callable[[CommandHint], None]


class CommandHints:
    """A middleware that sends hints of the commands that this process runs, and receives those of others."""

    def __init__(self, wakeups: Wakeups) -> None:
        self._wakeups = wakeups
        self._running: dict[CommandKey, dict[str | None, int]] = {}
        self._questions: OrderedDict[CommandKey, None] = OrderedDict()
        self._ended: OrderedDict[CommandKey, CommandHint] = OrderedDict()
        self._listeners: dict[CommandKey, set[HintListener]] = {}
        wakeups.subscribe(TOPIC, self._receive)

    async def __call__(self, envelope: Envelope, following: Handler) -> Receipt:
        """Run the command, and send hints of it if its client chose its id."""
        if envelope.command_id is None:
            return await following(envelope)
        key = CommandKey(envelope.scope.tenant, envelope.command_id)
        actor = envelope.scope.actor
        self._begin_run(key, actor)
        try:
            receipt = await following(envelope)
        except Unavailable:
            # The command may be stored. If it is, the log will show it.
            raise
        except NerveError as error:
            self._end(key, CommandRefusal(error.code, str(error), actor))
            raise
        finally:
            self._end_run(key, actor)
        if not receipt.changed:
            self._end(key, CommandUnchanged(receipt, actor))
        return receipt

    @contextmanager
    def watching(self, key: CommandKey, listener: HintListener) -> Iterator[None]:
        """Ask every process for hints of the command, and pass them to `listener` inside the context."""
        self._listeners.setdefault(key, set()).add(listener)
        try:
            if (hint := self._current_hint(key)) is not None:
                listener(hint)
            self._send(key, "asked")
            yield
        finally:
            self._listeners[key].discard(listener)
            if not self._listeners[key]:
                del self._listeners[key]

    def _begin_run(self, key: CommandKey, actor: str | None) -> None:
        # Not a Counter, which takes long to make: this is done for each step of a process.
        actors = self._running.setdefault(key, {})
        actors[actor] = actors.get(actor, 0) + 1
        self._ended.pop(key, None)
        self._publish(key, CommandAccepted(actor))

    def _end_run(self, key: CommandKey, actor: str | None) -> None:
        actors = self._running[key]
        actors[actor] -= 1
        if not actors[actor]:
            del actors[actor]
        if not actors:
            del self._running[key]

    def _end(self, key: CommandKey, hint: CommandHint) -> None:
        _remember(self._ended, key, hint, MAX_ENDED)
        self._publish(key, hint)

    def _current_hint(self, key: CommandKey) -> CommandHint | None:
        actors = self._running.get(key)
        return CommandAccepted(next(iter(actors))) if actors else self._ended.get(key)

    def _publish(self, key: CommandKey, hint: CommandHint) -> None:
        if key in self._listeners:
            self._deliver(key, hint)
        if key in self._questions:
            self._send_hint(key, hint)

    def _deliver(self, key: CommandKey, hint: CommandHint) -> None:
        for listener in list(self._listeners.get(key, ())):
            listener(hint)

    def _send_hint(self, key: CommandKey, hint: CommandHint) -> None:
        match hint:
            case CommandAccepted(actor):
                self._send(key, "accepted", actor=actor)
            case CommandRefusal(code, message, actor):
                self._send(key, "refused", code=code, message=message, actor=actor)
            case CommandUnchanged(receipt, actor):
                self._send(
                    key,
                    "unchanged",
                    actor=actor,
                    stream=receipt.stream,
                    version=receipt.version,
                    position=receipt.position,
                    correlation=receipt.correlation,
                )

    def _send(self, key: CommandKey, kind: str, **fields: Any) -> None:
        message = {"tenant": key.tenant, "id": key.id, "is": kind, **fields}
        self._wakeups.publish(TOPIC, json.dumps(message))

    def _receive(self, text: str) -> None:
        """Handle a message. Any program may write to the channel, so what is no message is ignored."""
        match _read(text):
            case CommandKey() as key, None:
                _remember(self._questions, key, None, MAX_QUESTIONS)
                if (hint := self._current_hint(key)) is not None:
                    self._send_hint(key, hint)
            case CommandKey() as key, hint:
                self._deliver(key, hint)


def _read(text: str) -> tuple[CommandKey, CommandHint | None] | None:
    """Return the command and its hint, None as the hint of a question; None if the text is no message."""
    try:
        message = json.loads(text)
    except ValueError:
        return None
    actor = message.get("actor") if isinstance(message, dict) else None
    if not isinstance(actor, str | None):
        return None
    match message:
        case {"tenant": str(tenant), "id": str(id), "is": "asked"}:
            return CommandKey(tenant, id), None
        case {"tenant": str(tenant), "id": str(id), "is": "accepted"}:
            return CommandKey(tenant, id), CommandAccepted(actor)
        case {
            "tenant": str(tenant),
            "id": str(id),
            "is": "refused",
            "code": str(code),
            "message": str(reason),
        }:
            return CommandKey(tenant, id), CommandRefusal(code, reason, actor)
        case {
            "tenant": str(tenant), "id": str(id), "is": "unchanged",
            "stream": str(stream), "version": int(version), "position": int(position),
            "correlation": str(correlation),
        }:  # fmt: skip
            receipt = Receipt(id, stream, version, position, correlation, changed=False)
            return CommandKey(tenant, id), CommandUnchanged(receipt, actor)
    return None


def _remember(memory: OrderedDict[CommandKey, Any], key: CommandKey, value: Any, size: int) -> None:
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > size:
        memory.popitem(last=False)
